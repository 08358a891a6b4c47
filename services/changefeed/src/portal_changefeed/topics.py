"""What we subscribe to (C24): the platform event of the approval and the five objects with change events."""

from typing import Final

from portal_contracts.changefeed import (
    AccountChanged,
    OrderChanged,
    OrderItemChanged,
    PriceChanged,
    ProductChanged,
    RecordChanged,
)

PROVISION_EVENT: Final = "OrderProvisionRequested__e"
PROVISION_TOPIC: Final = f"/event/{PROVISION_EVENT}"
CHANGES: Final[dict[str, type[RecordChanged]]] = {
    "Account": AccountChanged,
    "Order": OrderChanged,
    "OrderItem": OrderItemChanged,
    "PricebookEntry": PriceChanged,
    "Product2": ProductChanged,
}
"""Event class by the header's entity name."""
TOPICS: Final = (PROVISION_TOPIC, *(f"/data/{entity}ChangeEvent" for entity in CHANGES))
