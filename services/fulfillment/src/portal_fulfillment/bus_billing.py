from collections.abc import Mapping, Sequence

from portal_chassis.bus import Bus
from portal_contracts.billing import (
    AcceptOrder,
    BillingProduct,
    CheckPaymentMethod,
    ListBillingProducts,
    ListClientServices,
    OrderLine,
    OrderProtocolState,
    ReleaseOrder,
    ReserveOrder,
    Subscription,
)
from portal_contracts.billing_services import ChargeExtra, ChargeState

READ_SECONDS = 20.0
ORDER_SECONDS = 10.0
"""Billing answers `working` before this is over; the process asks again."""


class BusBilling:
    """The `Billing` port: the billing service, asked over the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def can_pay(self, client_id: int) -> bool:
        """Ask for the payment methods, live."""
        reply = await self._bus.ask(CheckPaymentMethod(whmcs_client_id=client_id), timeout=READ_SECONDS)
        return reply.has_payment_method

    async def products(self, product_ids: Sequence[int]) -> Mapping[int, BillingProduct]:
        """Ask for the products."""
        reply = await self._bus.ask(ListBillingProducts(whmcs_product_ids=product_ids), timeout=READ_SECONDS)
        return {product.whmcs_product_id: product for product in reply.products}

    async def reserve(
        self, order_id: str, generation: int, client_id: int, lines: Sequence[OrderLine], eid: str | None
    ) -> OrderProtocolState:
        """Ask for the reservation."""
        command = ReserveOrder(
            order_id=order_id, generation=generation, whmcs_client_id=client_id, lines=lines, eid=eid
        )
        return await self._bus.ask(command, timeout=ORDER_SECONDS)

    async def accept(
        self, order_id: str, generation: int, *, phone_number: str | None, iccid: str | None
    ) -> OrderProtocolState:
        """Ask for the acceptance."""
        command = AcceptOrder(order_id=order_id, generation=generation, phone_number=phone_number, iccid=iccid)
        return await self._bus.ask(command, timeout=ORDER_SECONDS)

    async def release(self, order_id: str, generation: int, reason: str) -> OrderProtocolState:
        """Ask for the release."""
        command = ReleaseOrder(order_id=order_id, generation=generation, reason=reason)
        return await self._bus.ask(command, timeout=ORDER_SECONDS)


class BusServices:
    """The `Services` port."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def of_client(self, whmcs_client_id: int) -> Sequence[Subscription]:
        """Ask for them, live."""
        reply = await self._bus.ask(ListClientServices(whmcs_client_id=whmcs_client_id), timeout=READ_SECONDS)
        return reply.subscriptions


class BusCharges:
    """The `Charges` port."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def charge(
        self, key: str, whmcs_client_id: int, service_id: int, amount: int, description: str
    ) -> ChargeState:
        """Ask for it."""
        command = ChargeExtra(
            charge_key=key,
            whmcs_client_id=whmcs_client_id,
            service_id=service_id,
            amount=amount,
            description=description,
        )
        return await self._bus.ask(command, timeout=ORDER_SECONDS)
