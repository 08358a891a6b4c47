"""Bus in: each cause starts the process of its mail; the key makes it one however often the event comes."""

from dataclasses import dataclass

from portal_chassis.bus import Bus, Delivery
from portal_chassis.process import ProcessEngine
from portal_contracts.customer_news import (
    CancellationProgressed,
    CaseUpdated,
    EligibilityChanged,
    ServiceCancellationProgressed,
)
from portal_contracts.fulfillment import OrderActivated, PreflightFailed, ProvisioningProgressed
from portal_contracts.identity import (
    CustomerRegistered,
    SignupRequested,
)
from portal_contracts.identity_email import EmailChanged, EmailChangeRequested
from portal_contracts.identity_linking import CustomerLinked, LinkCodeRequested
from portal_contracts.identity_passwords import (
    PasswordChanged,
    PasswordResetRequested,
)
from portal_contracts.identity_personal_data import DeletionRequested
from portal_contracts.identity_second_factor import SecurityChanged
from portal_contracts.orders import OrderPlaced, OrderRejected, OrderWithdrawn, ProvisionRequested
from portal_contracts.problems import CATALOGUE
from portal_notifications.mail_kinds import MailState, Template
from portal_notifications.mail_process import KIND


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
        what = event.category if isinstance(event, OrderActivated) else None
        state = MailState(template=template, account_id=event.account_id, order_id=event.order_id, what=what)
        await self.start(delivery, event.order_id, state)


def register(bus: Bus, processes: ProcessEngine) -> None:
    """Take every event that causes a mail."""
    mails = Mails(processes)
    _register_account(bus, mails)
    _register_security(bus, mails)
    _register_orders(bus, mails)
    _register_provisioning(bus, mails)
    _register_services(bus, mails)


def _register_account(bus: Bus, mails: Mails) -> None:
    @bus.consumes(SignupRequested)
    async def on_signup_requested(event: SignupRequested, delivery: Delivery) -> None:
        await mails.start(delivery, event.signup_id, MailState(template="signup_link", signup_id=event.signup_id))

    @bus.consumes(CustomerRegistered)
    async def on_customer_registered(event: CustomerRegistered, delivery: Delivery) -> None:  # R032, R260
        await mails.start(delivery, event.account_id, MailState(template="welcome", account_id=event.account_id))

    @bus.consumes(LinkCodeRequested)
    async def on_link_code_requested(event: LinkCodeRequested, delivery: Delivery) -> None:  # C21
        await mails.start(delivery, event.link_id, MailState(template="link_code", link_id=event.link_id))

    @bus.consumes(CustomerLinked)
    async def on_customer_linked(event: CustomerLinked, delivery: Delivery) -> None:
        await mails.start(delivery, event.account_id, MailState(template="linked", account_id=event.account_id))

    @bus.consumes(EmailChangeRequested)
    async def on_email_change_requested(event: EmailChangeRequested, delivery: Delivery) -> None:
        state = MailState(template="email_change_link", change_id=event.change_id, account_id=event.account_id)
        await mails.start(delivery, event.change_id, state)

    @bus.consumes(DeletionRequested)
    async def on_deletion_requested(event: DeletionRequested, delivery: Delivery) -> None:  # D17
        state = MailState(template="deletion_requested", account_id=event.account_id, scheduled_at=event.erase_at)
        await mails.start(delivery, event.deletion_id, state)


def _register_security(bus: Bus, mails: Mails) -> None:
    @bus.consumes(PasswordResetRequested)
    async def on_password_reset_requested(event: PasswordResetRequested, delivery: Delivery) -> None:  # R262
        await mails.start(delivery, event.reset_id, MailState(template="password_reset_link", reset_id=event.reset_id))

    @bus.consumes(PasswordChanged)
    async def on_password_changed(event: PasswordChanged, delivery: Delivery) -> None:
        state = MailState(template="password_changed", account_id=event.account_id)
        await mails.start(delivery, event.change_id, state)

    @bus.consumes(EmailChanged)
    async def on_email_changed(event: EmailChanged, delivery: Delivery) -> None:
        state = MailState(template="email_changed", change_id=event.change_id, account_id=event.account_id)
        await mails.start(delivery, event.change_id, state)

    @bus.consumes(SecurityChanged)
    async def on_security_changed(event: SecurityChanged, delivery: Delivery) -> None:
        state = MailState(template="security_notice", account_id=event.account_id, what=event.what)
        await mails.start(delivery, event.notice_id, state)


def _register_orders(bus: Bus, mails: Mails) -> None:
    @bus.consumes(OrderPlaced)
    async def on_order_placed(event: OrderPlaced, delivery: Delivery) -> None:
        await mails.about_order(delivery, "order_received", event)

    @bus.consumes(OrderRejected)
    async def on_order_rejected(event: OrderRejected, delivery: Delivery) -> None:  # R129, R265
        await mails.about_order(delivery, "order_rejected", event)

    @bus.consumes(OrderWithdrawn)
    async def on_order_withdrawn(event: OrderWithdrawn, delivery: Delivery) -> None:  # C40
        state = MailState(
            template="order_cancelled", account_id=event.account_id, order_id=event.order_id, what=event.why
        )
        await mails.start(delivery, event.order_id, state)

    @bus.consumes(OrderActivated)
    async def on_order_activated(event: OrderActivated, delivery: Delivery) -> None:  # R261
        await mails.about_order(delivery, "order_activated", event)

    @bus.consumes(ProvisionRequested)
    async def on_provision_requested(event: ProvisionRequested, delivery: Delivery) -> None:
        # The first of an order's many signals: orders records it of Approved orders alone (C01).
        await mails.start(delivery, event.order_id, MailState(template="order_approved", order_id=event.order_id))


def _register_provisioning(bus: Bus, mails: Mails) -> None:
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

    @bus.consumes(ProvisioningProgressed)
    async def on_provisioning_progressed(event: ProvisioningProgressed, delivery: Delivery) -> None:
        if event.stage != "blocked" or event.code is None or not waits_for_customer(event.code):
            return
        state = MailState(
            template="action_needed", order_id=event.order_id, problem=event.code, problem_facts=event.facts
        )
        await mails.start(delivery, f"{event.order_id}:{event.attempt}:{event.code}", state)


def _key(event: CancellationProgressed | ServiceCancellationProgressed) -> str:
    """Name the news: of the stages only the day may change more than once."""
    day = f":{event.ends_on.isoformat()}" if event.stage == "rescheduled" else ""
    return f"{event.cancellation_id}:{event.stage}{day}"


def _register_services(bus: Bus, mails: Mails) -> None:
    @bus.consumes(CancellationProgressed)
    async def on_cancellation_progressed(event: CancellationProgressed, delivery: Delivery) -> None:
        state = MailState(
            template="cancellation",
            account_id=event.account_id,
            order_id=event.order_id,
            what=event.stage,
            day=event.ends_on,
        )
        await mails.start(delivery, _key(event), state)

    @bus.consumes(ServiceCancellationProgressed)
    async def on_service_cancellation_progressed(event: ServiceCancellationProgressed, delivery: Delivery) -> None:
        state = MailState(
            template="cancellation",
            account_id=event.account_id,
            service_id=event.service_id,
            service=event.name,
            what=event.stage,
            day=event.ends_on,
        )
        await mails.start(delivery, _key(event), state)

    @bus.consumes(EligibilityChanged)
    async def on_eligibility_changed(event: EligibilityChanged, delivery: Delivery) -> None:  # R196, R266
        state = MailState(template="eligibility_changed", account_id=event.account_id, what=event.status)
        await mails.start(delivery, event.change_id, state)

    @bus.consumes(CaseUpdated)
    async def on_case_updated(event: CaseUpdated, delivery: Delivery) -> None:
        state = MailState(
            template="case_updated", account_id=event.account_id, what=event.change, number=event.case_number
        )
        await mails.start(delivery, event.update_id, state)


def waits_for_customer(code: str) -> bool:
    """Whether a blocked order waits for something its customer can do (requirements §2.1)."""
    entry = CATALOGUE.get(code)
    return entry is not None and entry.owner == "customer"
