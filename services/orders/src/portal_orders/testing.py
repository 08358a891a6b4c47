"""Fakes of orders' ports."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_contracts.billing import Subscription
from portal_contracts.catalog import BillingCycle, Category, ItemClass, LocalizedText, SoldProduct
from portal_contracts.identity import CustomerLink
from portal_contracts.porting import NumberPorting
from portal_contracts.problems import PortalProblem, Refused, TryLater
from portal_contracts.values import Address, long_salesforce_id
from portal_orders.order import BEFORE_APPROVAL, SalesItem, SalesOrder
from portal_orders.porting import PortingOnFile
from portal_orders.ports import Concern, NewOrder, OrderMoved, Prospects
from portal_orders.review import with_card

ACCOUNT: Final = long_salesforce_id("001000000000001")
CLIENT: Final = 42
HOME: Final = Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3")
EID: Final = "89049032000000000000000000000163"


def product(  # noqa: PLR0917 - a row of a price list
    sku: str,
    pid: int,
    category: Category,
    item_class: ItemClass,
    cycle: BillingCycle,
    price: int,
    *,
    eligibility: str | None = None,
) -> SoldProduct:
    """Give a sellable product."""
    return SoldProduct(
        sku=sku,
        product_id=long_salesforce_id(f"01t{pid:012d}"),
        pricebook_entry_id=long_salesforce_id(f"01u{pid:012d}"),
        whmcs_product_id=pid,
        name=LocalizedText(en=sku.title(), ja=f"{sku}プラン"),
        category=category,
        item_class=item_class,
        billing_cycle=cycle,
        price=price,
        orderable=True,
        problem=None,
        esim="ESIM" in sku,
        voice="VOICE" in sku,
        eligibility=eligibility,
    )


PRICE_LIST: Final = (
    product("INT-HOME-1G", 101, "internet", "service", "monthly", 5500, eligibility="Home 1G"),
    product("INT-APT-1G", 103, "internet", "service", "monthly", 4400, eligibility="Apartment 1G"),
    product("INT-INSTALL-SINGLE", 111, "internet", "activation", "one_time", 22000),
    product("SIM-DATA-ESIM-10G", 201, "sim", "service", "monthly", 1650),
    product("SIM-VOICE-ESIM-20G", 202, "sim", "service", "monthly", 2970),
    product("SIM-DATA-PHYS-5G", 203, "sim", "service", "monthly", 1100),
    product("SIM-ACTIVATION", 211, "sim", "activation", "one_time", 3300),
    product("SIM-VOICEMAIL", 221, "sim", "add_on", "monthly", 330),
    product("VPN-US", 301, "vpn", "service", "monthly", 2500),
    product("VPN-ACTIVATION", 311, "vpn", "activation", "one_time", 3000),
)


class FixedProducts:
    """The catalog. `fails_with` is raised instead of answering, until it is cleared."""

    def __init__(self, products: Sequence[SoldProduct] = PRICE_LIST) -> None:
        self.products = list(products)
        self.fails_with: PortalProblem | None = None

    async def find(self, *, skus: Collection[str] = (), product_ids: Collection[str] = ()) -> Sequence[SoldProduct]:
        """Find by SKU or id."""
        if self.fails_with is not None:
            raise self.fails_with
        return [one for one in self.products if one.sku in skus or one.product_id in product_ids]


class FixedCustomers:
    """Identity's links."""

    def __init__(self, *account_ids: str) -> None:
        self.links = dict.fromkeys(account_ids or (ACCOUNT,), CLIENT)

    async def link(self, account_id: str) -> CustomerLink | None:
        """Find the link."""
        client = self.links.get(account_id)
        if client is None:
            return None
        return CustomerLink(
            user_id="7b6f5c7e-0000-4000-8000-000000000001",
            account_id=account_id,
            whmcs_client_id=client,
            customer_number="SNX-10001",
            locale="ja",
        )


@dataclass
class FixedBilling:
    """WHMCS behind billing, for one client."""

    pays: bool = True
    subscriptions: list[Subscription] = field(default_factory=list)
    home: Address | None = HOME
    changes: dict[str, Address] = field(default_factory=dict)
    fails_with: PortalProblem | None = None

    def _check(self) -> None:
        if self.fails_with is not None:
            raise self.fails_with

    async def can_pay(self, whmcs_client_id: int) -> bool:
        """Say so."""
        self._check()
        return self.pays

    async def services(self, whmcs_client_id: int) -> Sequence[Subscription]:
        """Give them all."""
        self._check()
        return self.subscriptions

    async def address(self, whmcs_client_id: int) -> Address | None:
        """Give the address."""
        self._check()
        return self.home

    async def change_address(self, request_id: str, whmcs_client_id: int, address: Address) -> None:
        """Change it."""
        self._check()
        self.changes[request_id] = address
        self.home = address


_NO_ERROR: Final[Mapping[str, None]] = {"error_code": None, "error_text": None, "error_at": None}


def on_file(porting: NumberPorting | None) -> PortingOnFile:
    """Give what an org with all fields has on file."""
    if porting is None:
        return PortingOnFile(wanted=False)
    return PortingOnFile(wanted=True, data=porting.model_dump(mode="json", by_alias=False))


@dataclass
class FakeOpportunity:
    """An opportunity of the fake org."""

    account_id: str
    category: Category
    stage: str
    reason: str = ""
    service_id: int | None = None


class InMemorySales:
    """Orders and opportunities of a small org.

    `has_fields`: whether it has the optional fields for schedules and numbers. `away` lets no call through;
    `lost_answers` names calls whose effect happens while the caller hears TryLater, once for each mention; `refusals`
    are raised by `place` in turn.
    """

    def __init__(self, clock: BusinessClock, products: Sequence[SoldProduct] = PRICE_LIST) -> None:
        self.orders: dict[str, SalesOrder] = {}
        self.opportunities: dict[str, FakeOpportunity] = {}
        self.has_fields = True
        self.away = False
        self.lost_answers: list[str] = []
        self.refusals: list[PortalProblem] = []
        self.reads = 0
        self.writes: list[str] = []
        self._clock = clock
        self._entries = {one.pricebook_entry_id: one.product_id for one in products}
        self._number = 0

    # what staff do

    def change(self, order_id: str, **facts: object) -> SalesOrder:
        """Change an order as staff do."""
        self._number += 1
        changed_at = self._clock.now() + timedelta(microseconds=self._number)
        changed = replace(self.orders[order_id], changed_at=changed_at, **facts)  # type: ignore[arg-type]  # facts are named as the fields are
        self.orders[order_id] = changed
        return changed

    def open_opportunity(self, stage: str, category: Category, account_id: str = ACCOUNT) -> str:
        """Make an opportunity as an eligibility check does."""
        self._number += 1
        opportunity_id = long_salesforce_id(f"006{self._number:012d}")
        self.opportunities[opportunity_id] = FakeOpportunity(account_id, category, stage)
        return opportunity_id

    # the port

    async def prospects(self, order: NewOrder) -> Prospects:
        """Look by key and by commodity."""
        self._look()
        taken = {one.opportunity_id for one in self.orders.values()}
        found = [
            opportunity_id
            for opportunity_id, one in reversed(self.opportunities.items())
            if (one.account_id, one.category) == (order.account_id, order.category)
            and one.stage in ("introduction", "ready")
            and opportunity_id not in taken
        ]
        return Prospects(self._by_key(order.key), found)

    async def place(self, order: NewOrder, opportunity_id: str | None) -> SalesOrder:
        """Place it once."""
        self._look()
        if self.refusals:
            raise self.refusals.pop(0)
        placed = self._by_key(order.key)
        if placed is None:
            placed = self._placed(order, opportunity_id)
        self._answer("place")
        return placed

    def _placed(self, order: NewOrder, opportunity_id: str | None) -> SalesOrder:
        owner = opportunity_id or self.open_opportunity("post_processing", order.category, order.account_id)
        self.opportunities[owner].stage = "post_processing"
        self._number += 1
        now = self._clock.now()
        placed = SalesOrder(
            order_id=long_salesforce_id(f"801{self._number:012d}"),
            account_id=order.account_id,
            order_number=f"{self._number:08d}",
            key=order.key,
            opportunity_id=owner,
            state="pending_review",
            activation="not_started",
            changed_at=now,
            created_at=now,
            items=tuple(
                SalesItem(
                    self._entries[item.entry_id],
                    item.quantity,
                    Decimal(item.unit_price),
                    options=item.options,
                    key=item.key,
                )
                for item in order.items
            ),
            scheduled=order.activate_at is not None and self.has_fields,
            scheduled_at=order.activate_at if self.has_fields else None,
            keeps_schedule=self.has_fields,
            eid=order.eid,
            porting=on_file(order.porting) if self.has_fields else None,
            address=order.address,
        )
        self.orders[placed.order_id] = placed
        return placed

    async def withdraw(self, key: str, reason: str) -> None:
        """Cancel and void."""
        self._look()
        placed = self._by_key(key)
        if placed is not None and placed.state in BEFORE_APPROVAL:
            self.change(placed.order_id, state="cancelled")
            self._void(placed, reason)
        self._answer("withdraw")

    async def cancel(self, order: SalesOrder, note: str) -> SalesOrder:
        """Cancel it and void its opportunity."""
        self._look()
        if self.orders[order.order_id].changed_at != order.changed_at:
            raise OrderMoved
        self._void(order, note)
        noted = "\n".join(part for part in (order.description, note) if part)
        return self._write("cancel", order, state="cancelled", description=noted)

    async def write_review(self, order: SalesOrder, card: str) -> SalesOrder:
        """Put it at the front."""
        return self._write("review", order, description=with_card(order.description, card))

    async def read(self, order_ids: Collection[str]) -> Mapping[str, SalesOrder]:
        """Read by id."""
        self._look()
        return {order_id: self.orders[order_id] for order_id in order_ids if order_id in self.orders}

    async def of_account(self, account_id: str) -> Sequence[SalesOrder]:
        """Read by account."""
        self._look()
        return [order for order in self.orders.values() if order.account_id == account_id]

    async def orders_of_items(self, item_ids: Collection[str]) -> Mapping[str, str]:
        """Items of this org are called like their order, with another prefix."""
        self._look()
        owners = {long_salesforce_id(f"802{order_id[3:15]}"): order_id for order_id in self.orders}
        return {item_id: owners[item_id] for item_id in item_ids if item_id in owners}

    async def approved(self) -> Sequence[str]:
        """Look for approved orders."""
        self._look()
        return [order.order_id for order in self.orders.values() if order.state == "approved"]

    async def changed_since(self, moment: datetime) -> Sequence[str]:
        """Look for changed orders."""
        self._look()
        return [order.order_id for order in self.orders.values() if order.changed_at >= moment]

    async def write_activating(self, order: SalesOrder) -> SalesOrder:
        """Write it."""
        return self._write("activating", order, activation="activating", **_NO_ERROR)

    async def write_not_started(self, order: SalesOrder) -> SalesOrder:
        """Write it."""
        return self._write("not_started", order, activation="not_started", **_NO_ERROR)

    async def write_porting(self, order: SalesOrder, porting: NumberPorting) -> SalesOrder:
        """Write it where there are fields."""
        if not self.has_fields:
            return order
        return self._write("porting", order, porting=on_file(porting))

    async def write_failure(self, order: SalesOrder, code: str, message: str, at: datetime) -> SalesOrder:
        """Write it."""
        return self._write("failure", order, activation="failed", error_code=code, error_text=message, error_at=at)

    async def write_activated(self, order: SalesOrder, whmcs_order_id: int, whmcs_service_id: int) -> SalesOrder:
        """Write order and opportunity."""
        written = self._write(
            "activated",
            order,
            state="completed",
            activation="activated",
            **_NO_ERROR,
            whmcs_order_id=whmcs_order_id,
            whmcs_service_id=whmcs_service_id,
        )
        if order.opportunity_id is not None:
            opportunity = self.opportunities[order.opportunity_id]
            opportunity.stage, opportunity.service_id = "active", whmcs_service_id
        return written

    async def write_activation_again(self, order: SalesOrder) -> SalesOrder:
        """Write it."""
        return self._write("activation_again", order, activation="activated", **_NO_ERROR)

    async def write_service(self, order: SalesOrder, whmcs_order_id: int, whmcs_service_id: int) -> SalesOrder:
        """Write the ids."""
        if order.opportunity_id is not None:
            self.opportunities[order.opportunity_id].service_id = whmcs_service_id
        return self._write("service", order, whmcs_order_id=whmcs_order_id, whmcs_service_id=whmcs_service_id)

    async def void_opportunity(self, order_id: str) -> None:
        """Void it."""
        self._look()
        order = self.orders[order_id]
        self._void(order, order.rejection_reason)
        self._answer("void")

    def concern_of(self, fields: Collection[str]) -> Concern:
        """Know the status fields and two of the others."""
        if not fields or not {"Status", "Activation_Status__c"}.isdisjoint(fields):
            return "approval"
        return "nothing" if {"Activation_Scheduled_At__c", "SIM_Card_Number__c"}.isdisjoint(fields) else "data"

    def _void(self, order: SalesOrder, reason: str) -> None:
        opportunity = self.opportunities.get(order.opportunity_id or "")
        if opportunity is not None and opportunity.stage in ("introduction", "ready", "post_processing"):
            opportunity.stage, opportunity.reason = "void", reason

    def _write(self, call: str, order: SalesOrder, **facts: object) -> SalesOrder:
        self._look()
        if self.orders[order.order_id].changed_at != order.changed_at:
            raise OrderMoved
        self.writes.append(call)
        written = self.change(order.order_id, **facts)
        self._answer(call)
        return written

    def _by_key(self, key: str) -> SalesOrder | None:
        return next((order for order in self.orders.values() if order.key == key), None)

    def _look(self) -> None:
        self.reads += 1
        if self.away:
            raise TryLater("SALESFORCE_UNAVAILABLE")

    def _answer(self, call: str) -> None:
        if call in self.lost_answers:
            self.lost_answers.remove(call)
            raise TryLater("SALESFORCE_UNAVAILABLE")


REFUSAL: Final = Refused("PRODUCT_NOT_ORDERABLE", facts={"sku": "VPN-US"})
