"""Many orders at once, made by staff in Salesforce for customers of the portal: for outages and drain rates."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from portal_local.demo.journey import new_eid
from portal_local.demo.vendors import SalesforceStaff

CART: Final = ("VPN-US", "VPN-ACTIVATION")
ESIM_CART: Final = ("SIM-DATA-ESIM-10G", "SIM-ACTIVATION")
_PRICES: Final = (
    "SELECT Id, Product2Id, UnitPrice, Product2.StockKeepingUnit FROM PricebookEntry"
    " WHERE Pricebook2Id = '{pricebook}' AND Product2.StockKeepingUnit IN {skus}"
)
PRICEBOOK: Final = "01sSd0000000001IAA"
"""The portal's price book in every sandbox."""


@dataclass
class BulkOrders:
    """Orders of VPNs, and of eSIMs if wanted, of the given accounts, in Pending Review until `approve`."""

    staff: SalesforceStaff
    order_ids: list[str] = field(default_factory=list)
    eids: dict[str, str] = field(default_factory=dict)
    """EID by order id, of the eSIM orders."""

    async def create(self, account_ids: Sequence[str], orders_each: int, *, every_other_esim: bool = False) -> None:
        """Create the orders with items and an opportunity each, as an order made by hand has them."""
        await self.staff.log_in()
        query = _PRICES.format(pricebook=PRICEBOOK, skus=(*CART, *ESIM_CART))
        prices = {str(price["Product2"]["StockKeepingUnit"]): price for price in await self.staff.query(query)}
        owners = [account_id for account_id in account_ids for _ in range(orders_each)]
        today = datetime.now(UTC).date().isoformat()
        opportunities = await self.staff.create_many(
            "Opportunity", [_opportunity(account_id, number, today) for number, account_id in enumerate(owners)]
        )
        eids = [new_eid() if every_other_esim and number % 2 else "" for number in range(len(owners))]
        self.order_ids = await self.staff.create_many(
            "Order",
            [
                {
                    "AccountId": account_id,
                    "OpportunityId": opportunity_id,
                    "Pricebook2Id": PRICEBOOK,
                    "Status": "Draft",
                    "EffectiveDate": today,
                    **({"SIM_Type__c": "eSIM", "EID__c": eid} if eid else {}),
                }
                for account_id, opportunity_id, eid in zip(owners, opportunities, eids, strict=True)
            ],
        )
        self.eids = {order_id: eid for order_id, eid in zip(self.order_ids, eids, strict=True) if eid}
        carts = [(order_id, ESIM_CART if order_id in self.eids else CART) for order_id in self.order_ids]
        items = [_item(order_id, prices[sku]) for order_id, cart in carts for sku in cart]
        await self.staff.create_many("OrderItem", items)
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
