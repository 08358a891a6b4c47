"""The table of all operations, by the service that answers."""

from typing import Final

from portal_gateway.operation import Operation
from portal_gateway.routes import billing, catalog, identity, orders, support

OPERATIONS: Final[tuple[Operation, ...]] = (
    *catalog.OPERATIONS,
    *identity.OPERATIONS,
    *orders.OPERATIONS,
    *billing.OPERATIONS,
    *support.OPERATIONS,
)
