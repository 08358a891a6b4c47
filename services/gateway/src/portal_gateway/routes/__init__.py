"""The table of all operations, by the service that answers."""

from typing import Final

from portal_gateway.operation import Operation
from portal_gateway.routes import (
    account,
    billing,
    cancellations,
    catalog,
    customer_orders,
    identity,
    notifications,
    operating,
    operator_access,
    orders,
    provisioning,
    services,
    sim_lines,
    support,
    whmcs_hooks,
)

OPERATIONS: Final[tuple[Operation, ...]] = (
    *catalog.OPERATIONS,
    *identity.OPERATIONS,
    *account.OPERATIONS,
    *orders.OPERATIONS,
    *customer_orders.OPERATIONS,
    *provisioning.OPERATIONS,
    *billing.OPERATIONS,
    *services.OPERATIONS,
    *sim_lines.OPERATIONS,
    *cancellations.OPERATIONS,
    *whmcs_hooks.OPERATIONS,
    *support.OPERATIONS,
    *notifications.OPERATIONS,
    *operator_access.OPERATIONS,
    *operating.OPERATIONS,
)
