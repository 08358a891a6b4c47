"""The table of all operations, by the service that answers."""

from typing import Final

from portal_gateway.operation import Operation
from portal_gateway.routes import (
    account,
    billing,
    catalog,
    identity,
    notifications,
    operating,
    operator_access,
    orders,
    provisioning,
    support,
    whmcs_hooks,
)

OPERATIONS: Final[tuple[Operation, ...]] = (
    *catalog.OPERATIONS,
    *identity.OPERATIONS,
    *account.OPERATIONS,
    *orders.OPERATIONS,
    *provisioning.OPERATIONS,
    *billing.OPERATIONS,
    *whmcs_hooks.OPERATIONS,
    *support.OPERATIONS,
    *notifications.OPERATIONS,
    *operator_access.OPERATIONS,
    *operating.OPERATIONS,
)
