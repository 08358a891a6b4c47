"""The state of a checkout process: what was ordered, and how far each order is. No I/O."""

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import BaseModel

from portal_contracts.catalog import Category, LocalizedText, SoldProduct
from portal_contracts.orders import PlacedOrder
from portal_contracts.porting import NumberPorting
from portal_contracts.values import Address
from portal_orders.cart import Ordered, ServiceOrder
from portal_orders.order import KeptItem, config_options_of, monthly_and_one_time, option_labels_of
from portal_orders.ports import NewItem, NewOrder

KIND = "checkout"


class WantedItem(KeptItem):
    """An item to order, with what the sales system needs of it."""

    entry_id: str
    whmcs_product_id: int

    def kept(self, key: str) -> KeptItem:
        """Give the part that stays in the read model, under the key it was placed with."""
        return KeptItem.model_validate({**self.model_dump(include=set(KeptItem.model_fields)), "key": key})


class WantedOrder(BaseModel):
    """One order of the checkout; the ids are filled in once it is placed."""

    ordinal: int
    category: Category
    items: list[WantedItem]
    eid: str | None = None
    porting: NumberPorting | None = None
    opportunity_id: str | None = None
    order_id: str | None = None
    order_number: str | None = None
    placed_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def name(self) -> LocalizedText:
        """The service's name."""
        return self.items[0].name

    def placed(self) -> PlacedOrder | None:
        """Give the order as the customer is told of it; None until it is placed."""
        if self.order_id is None or self.order_number is None or self.opportunity_id is None:
            return None
        monthly, one_time = monthly_and_one_time(self.items)
        return PlacedOrder(
            order_id=self.order_id,
            order_number=self.order_number,
            opportunity_id=self.opportunity_id,
            category=self.category,
            name=self.name,
            monthly=monthly,
            one_time=one_time,
        )


class CheckoutState(BaseModel):
    """A checkout under way. Address, EIDs and numbers are forgotten when it ends."""

    account_id: str
    whmcs_client_id: int
    orders: list[WantedOrder]
    new_address: Address | None = None
    address: Address | None = None
    address_changed: bool = False
    activate_at: datetime | None = None
    instructions: str | None = None

    @property
    def order_ids(self) -> list[str]:
        """The orders placed so far; log lines name them."""
        return [order.order_id for order in self.orders if order.order_id is not None]

    @property
    def has_internet(self) -> bool:
        """Whether one of the orders is for an Internet line."""
        return any(order.category == "internet" for order in self.orders)

    def forget(self) -> None:
        """Drop personal data that stands in Salesforce and in the read model from now on."""
        self.new_address = self.address = self.instructions = None
        for order in self.orders:
            order.eid = order.porting = None


def wanted_orders(orders: Sequence[ServiceOrder]) -> list[WantedOrder]:
    """Give the split cart as it is kept: prices are those of this moment (C30)."""
    return [
        WantedOrder(
            ordinal=ordinal,
            category=order.service.product.category,
            items=[_wanted(one) for one in order.items],
            eid=order.eid,
            porting=order.service.line.porting,
        )
        for ordinal, order in enumerate(orders, 1)
    ]


def _wanted(one: Ordered) -> WantedItem:
    product: SoldProduct = one.product
    if product.price is None or product.pricebook_entry_id is None or product.whmcs_product_id is None:
        raise ValueError(f"{product.sku} was not checked before it was ordered")
    return WantedItem(
        product_id=product.product_id,
        sku=product.sku,
        name=product.name,
        category=product.category,
        item_class=product.item_class,
        billing_cycle=product.billing_cycle,
        quantity=one.line.quantity,
        unit_price=product.price,
        esim=product.esim,
        entry_id=product.pricebook_entry_id,
        whmcs_product_id=product.whmcs_product_id,
        options=dict(one.line.options),
        option_labels=option_labels_of(product, one.line.options),
        config_options=config_options_of(product, one.line.options),
    )


def order_key(checkout_id: str, ordinal: int) -> str:
    """Give the external id of one order of a checkout (C16)."""
    return f"{checkout_id}-{ordinal}"


def item_key(order: str, position: int) -> str:
    """Give the external id of one item of an order, which keeps its snapshot apart from others' (C30)."""
    return f"{order}-{position}"


def checkout_of(key: str | None) -> str | None:
    """Give the checkout an order's external id belongs to; None when the portal did not place it."""
    return key.rpartition("-")[0] or None if key else None


def new_order(state: CheckoutState, checkout_id: str, order: WantedOrder, on: date, trace_id: str | None) -> NewOrder:
    """Give what the sales system is asked to place."""
    key = order_key(checkout_id, order.ordinal)
    return NewOrder(
        key=key,
        account_id=state.account_id,
        category=order.category,
        service_name=order.name.en,
        effective_on=on,
        items=[
            NewItem(
                key=item_key(key, position),
                entry_id=item.entry_id,
                quantity=item.quantity,
                unit_price=item.unit_price,
                billing_cycle=item.billing_cycle,
                options=item.options,
            )
            for position, item in enumerate(order.items, 1)
        ],
        address=state.address,
        address_changed=state.address_changed and order.category == "internet",
        eid=order.eid,
        esim=order.items[0].esim if order.category == "sim" else None,
        porting=order.porting,
        activate_at=state.activate_at,
        instructions=state.instructions,
        trace_id=trace_id,
    )
