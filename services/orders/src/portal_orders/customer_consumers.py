"""Bus in for what customers do beside checking out, and for the catalog that asks what they may order."""

from dataclasses import dataclass

from portal_chassis.bus import Bus, Call, Delivery
from portal_contracts import orders_of_customers as messages
from portal_contracts.identity import CustomerRegistered
from portal_contracts.internet_standing import FindInternetStanding, InternetStanding
from portal_contracts.message import Acknowledged
from portal_contracts.personal_data_exports import ExportOrders, OrderExport
from portal_contracts.values import long_salesforce_id
from portal_orders.keep_cart import Carts
from portal_orders.read_internet_standing import ReadInternetStanding
from portal_orders.read_orders import ReadOrders
from portal_orders.read_portings import ReadPortings
from portal_orders.withdraw_order import Withdraw


@dataclass(frozen=True, slots=True)
class CustomerUse:
    """What the handlers delegate to."""

    withdraw: Withdraw
    carts: Carts
    internet_standing: ReadInternetStanding
    portings: ReadPortings


def register(bus: Bus, use: CustomerUse, read: ReadOrders) -> None:
    """Answer and take what the topology lists about them."""

    @bus.answers(messages.WithdrawOrder)
    async def withdraw_order(command: messages.WithdrawOrder, call: Call) -> Acknowledged:
        return await use.withdraw(command, long_salesforce_id(call.customer().account_id), call.deadline)

    @bus.answers(messages.KeepCart)
    async def keep_cart(command: messages.KeepCart, _: Call) -> messages.KeptCart:
        return await use.carts.keep(command)

    @bus.answers(messages.ReadKeptCart)
    async def read_kept_cart(_: messages.ReadKeptCart, call: Call) -> messages.KeptCart:
        return await use.carts.waiting(long_salesforce_id(call.customer().account_id))

    @bus.answers(ExportOrders)
    async def export_orders(query: ExportOrders, _: Call) -> OrderExport:
        listed = await read.all(query.account_id)
        return OrderExport(
            orders=[await read.one(one.order_id, query.account_id) for one in listed.orders],
            kept_cart=await use.carts.waiting(query.account_id),
            number_portings=await use.portings(query.account_id),
        )

    @bus.answers(FindInternetStanding)
    async def find_internet_standing(query: FindInternetStanding, _: Call) -> InternetStanding:
        return await use.internet_standing(query)

    @bus.consumes(CustomerRegistered)
    async def on_customer_registered(event: CustomerRegistered, delivery: Delivery) -> None:
        if event.cart_id is not None:
            carts = use.carts
            now = carts.clock.now()
            await carts.kept.give(delivery.transaction, event.cart_id, event.account_id, now, user_id=event.user_id)
