"""Bus in: each cause starts the process of its mail; the key makes it one however often the event comes."""

from portal_chassis.bus import Bus, Delivery
from portal_chassis.process import ProcessEngine
from portal_contracts.fulfillment import OrderActivated
from portal_contracts.identity import CustomerRegistered, PasswordChanged, PasswordResetRequested, SignupRequested
from portal_contracts.orders import OrderPlaced, OrderRejected
from portal_notifications.mail_process import KIND, MailState, Template


def register(bus: Bus, processes: ProcessEngine) -> None:
    """Take every event that causes a mail."""

    async def start(delivery: Delivery, cause: str, state: MailState) -> None:
        key = f"{state.template}:{cause}"
        await processes.start(delivery.transaction, KIND, key, state, traceparent=delivery.traceparent)

    def about_order(template: Template, event: OrderPlaced | OrderRejected | OrderActivated) -> MailState:
        return MailState(template=template, account_id=event.account_id, order_id=event.order_id)

    @bus.consumes(SignupRequested)
    async def on_signup_requested(event: SignupRequested, delivery: Delivery) -> None:
        await start(delivery, event.signup_id, MailState(template="signup_link", signup_id=event.signup_id))

    @bus.consumes(PasswordResetRequested)
    async def on_password_reset_requested(event: PasswordResetRequested, delivery: Delivery) -> None:
        await start(delivery, event.reset_id, MailState(template="password_reset_link", reset_id=event.reset_id))

    @bus.consumes(PasswordChanged)
    async def on_password_changed(event: PasswordChanged, delivery: Delivery) -> None:
        await start(delivery, event.change_id, MailState(template="password_changed", account_id=event.account_id))

    @bus.consumes(CustomerRegistered)
    async def on_customer_registered(event: CustomerRegistered, delivery: Delivery) -> None:
        await start(delivery, event.account_id, MailState(template="welcome", account_id=event.account_id))

    @bus.consumes(OrderPlaced)
    async def on_order_placed(event: OrderPlaced, delivery: Delivery) -> None:
        await start(delivery, event.order_id, about_order("order_received", event))

    @bus.consumes(OrderRejected)
    async def on_order_rejected(event: OrderRejected, delivery: Delivery) -> None:
        await start(delivery, event.order_id, about_order("order_rejected", event))

    @bus.consumes(OrderActivated)
    async def on_order_activated(event: OrderActivated, delivery: Delivery) -> None:
        await start(delivery, event.order_id, about_order("order_activated", event))
