"""The table of all operations, by the service that answers."""

from typing import Final

from portal_gateway.operation import Operation
from portal_gateway.routes import billing, catalog, identity, operating, operator_access, orders, provisioning, support

OPERATIONS: Final[tuple[Operation, ...]] = (
    *catalog.OPERATIONS,
    *identity.OPERATIONS,
    *orders.OPERATIONS,
    *provisioning.OPERATIONS,
    *billing.OPERATIONS,
    *support.OPERATIONS,
    *operator_access.OPERATIONS,
    *operating.OPERATIONS,
)
