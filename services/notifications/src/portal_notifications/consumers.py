"""Bus in: each cause starts the process of its mail; the key makes it one however often the event comes."""

from dataclasses import dataclass

from portal_chassis.bus import Bus, Delivery
from portal_chassis.process import ProcessEngine
from portal_contracts.fulfillment import OrderActivated, PreflightFailed
from portal_contracts.identity import CustomerRegistered, PasswordChanged, PasswordResetRequested, SignupRequested
from portal_contracts.orders import OrderPlaced, OrderRejected
from portal_notifications.mail_process import KIND, MailState, Template


@dataclass(frozen=True, slots=True)
class Mails:
    """Starts the process of a mail in the transaction of its cause."""

    processes: ProcessEngine

    async def start(self, delivery: Delivery, cause: str, state: MailState) -> None:
        """Start it once for each cause and template."""
        key = f"{state.template}:{cause}"
        await self.processes.start(delivery.transaction, KIND, key, state, traceparent=delivery.traceparent)

    async def about_order(
        self, delivery: Delivery, template: Template, event: OrderPlaced | OrderRejected | OrderActivated
    ) -> None:
        """Start a mail that an order has once."""
        state = MailState(template=template, account_id=event.account_id, order_id=event.order_id)
        await self.start(delivery, event.order_id, state)


def register(bus: Bus, processes: ProcessEngine) -> None:
    """Take every event that causes a mail."""
    mails = Mails(processes)
    _register_account(bus, mails)
    _register_orders(bus, mails)


def _register_account(bus: Bus, mails: Mails) -> None:
    @bus.consumes(SignupRequested)
    async def on_signup_requested(event: SignupRequested, delivery: Delivery) -> None:
        await mails.start(delivery, event.signup_id, MailState(template="signup_link", signup_id=event.signup_id))

    @bus.consumes(PasswordResetRequested)
    async def on_password_reset_requested(event: PasswordResetRequested, delivery: Delivery) -> None:
        await mails.start(delivery, event.reset_id, MailState(template="password_reset_link", reset_id=event.reset_id))

    @bus.consumes(PasswordChanged)
    async def on_password_changed(event: PasswordChanged, delivery: Delivery) -> None:
        state = MailState(template="password_changed", account_id=event.account_id)
        await mails.start(delivery, event.change_id, state)

    @bus.consumes(CustomerRegistered)
    async def on_customer_registered(event: CustomerRegistered, delivery: Delivery) -> None:
        await mails.start(delivery, event.account_id, MailState(template="welcome", account_id=event.account_id))


def _register_orders(bus: Bus, mails: Mails) -> None:
    @bus.consumes(OrderPlaced)
    async def on_order_placed(event: OrderPlaced, delivery: Delivery) -> None:
        await mails.about_order(delivery, "order_received", event)

    @bus.consumes(OrderRejected)
    async def on_order_rejected(event: OrderRejected, delivery: Delivery) -> None:
        await mails.about_order(delivery, "order_rejected", event)

    @bus.consumes(OrderActivated)
    async def on_order_activated(event: OrderActivated, delivery: Delivery) -> None:
        await mails.about_order(delivery, "order_activated", event)

    @bus.consumes(PreflightFailed)
    async def on_preflight_failed(event: PreflightFailed, delivery: Delivery) -> None:  # R165, R263
        state = MailState(
            template="preflight_failed",
            account_id=event.account_id,
            order_id=event.order_id,
            problem=event.code,
            problem_facts=event.facts,
            scheduled_at=event.scheduled_at,
        )
        await mails.start(delivery, event.order_id, state)
