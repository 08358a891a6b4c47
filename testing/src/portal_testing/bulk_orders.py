"""Many orders at once, made by staff in Salesforce for customers of the portal: for outages and drain rates."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from portal_local.demo.vendors import SalesforceStaff

CART: Final = ("VPN-US", "VPN-ACTIVATION")
_PRICES: Final = (
    "SELECT Id, Product2Id, UnitPrice, Product2.StockKeepingUnit FROM PricebookEntry"
    " WHERE Pricebook2Id = '{pricebook}' AND Product2.StockKeepingUnit IN ('VPN-US', 'VPN-ACTIVATION')"
)
PRICEBOOK: Final = "01sSd0000000001IAA"
"""The portal's price book in every sandbox."""


@dataclass
class BulkOrders:
    """VPN orders of the given accounts, in Pending Review until `approve`."""

    staff: SalesforceStaff
    order_ids: list[str] = field(default_factory=list)

    async def create(self, account_ids: Sequence[str], orders_each: int) -> None:
        """Create the orders with items and an opportunity each, as an order made by hand has them."""
        await self.staff.log_in()
        prices = await self.staff.query(_PRICES.format(pricebook=PRICEBOOK))
        owners = [account_id for account_id in account_ids for _ in range(orders_each)]
        today = datetime.now(UTC).date().isoformat()
        opportunities = await self.staff.create_many(
            "Opportunity", [_opportunity(account_id, number, today) for number, account_id in enumerate(owners)]
        )
        self.order_ids = await self.staff.create_many(
            "Order",
            [
                {
                    "AccountId": account_id,
                    "OpportunityId": opportunity_id,
                    "Pricebook2Id": PRICEBOOK,
                    "Status": "Draft",
                    "EffectiveDate": today,
                }
                for account_id, opportunity_id in zip(owners, opportunities, strict=True)
            ],
        )
        await self.staff.create_many(
            "OrderItem", [_item(order_id, price) for order_id in self.order_ids for price in prices]
        )
        await self._set_status("Pending Review")

    async def approve(self) -> None:
        """Approve them all."""
        await self.staff.log_in()
        await self._set_status("Approved")

    async def active(self) -> int:
        """Count those that Salesforce shows as activated."""
        await self.staff.log_in()
        wanted = set(self.order_ids)
        found = await self.staff.query("SELECT Id FROM Order WHERE Status = 'Activated'")
        return sum(record["Id"] in wanted for record in found)

    async def _set_status(self, status: str) -> None:
        await self.staff.change_many("Order", [{"Id": order_id, "Status": status} for order_id in self.order_ids])


def _opportunity(account_id: str, number: int, today: str) -> dict[str, Any]:
    return {"AccountId": account_id, "Name": f"VPN {number}", "StageName": "Post Processing", "CloseDate": today}


def _item(order_id: str, price: dict[str, Any]) -> dict[str, Any]:
    return {
        "OrderId": order_id,
        "Product2Id": price["Product2Id"],
        "PricebookEntryId": price["Id"],
        "Quantity": 1,
        "UnitPrice": price["UnitPrice"],
    }
