"""From an event in its owner's stream to the mail at the provider: at most once, whatever is repeated or lost."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from portal_contracts.catalog import LocalizedText
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
from portal_contracts.problems import TryLater
from portal_contracts.topology import durable_name, owner_of, stream_of

ACCOUNT = "001000000000001AAA"
ORDER = "801000000000001AAA"
REGISTERED = CustomerRegistered(user_id="user-1", account_id=ACCOUNT, whmcs_client_id=42)
ACTIVATED = OrderActivated(
    order_id=ORDER,
    account_id=ACCOUNT,
    whmcs_order_id=1,
    whmcs_service_id=2,
    category="sim",
    occurred_at=datetime(2026, 11, 20, tzinfo=UTC),
)
EVENTS = {
    "signup_link:signup-1": SignupRequested(signup_id="signup-1"),
    "password_reset_link:reset-1": PasswordResetRequested(reset_id="reset-1"),
    "password_changed:change-1": PasswordChanged(change_id="change-1", account_id=ACCOUNT),
    f"welcome:{ACCOUNT}": REGISTERED,
    f"order_received:{ORDER}": OrderPlaced(order_id=ORDER, account_id=ACCOUNT),
    f"order_rejected:{ORDER}": OrderRejected(order_id=ORDER, account_id=ACCOUNT),
    f"order_cancelled:{ORDER}": OrderWithdrawn(order_id=ORDER, account_id=ACCOUNT, why="withdrawn"),
    f"order_activated:{ORDER}": ACTIVATED,
    "email_change_link:change-2": EmailChangeRequested(change_id="change-2", account_id=ACCOUNT),
    "email_changed:change-2": EmailChanged(change_id="change-2", account_id=ACCOUNT),
    "security_notice:notice-1": SecurityChanged(notice_id="notice-1", account_id=ACCOUNT, what="passkey_added"),
    "deletion_requested:deletion-1": DeletionRequested(
        deletion_id="deletion-1", account_id=ACCOUNT, erase_at=datetime(2026, 12, 20, tzinfo=UTC)
    ),
    "link_code:link-1": LinkCodeRequested(link_id="link-1"),
    f"linked:{ACCOUNT}": CustomerLinked(
        user_id="user-1", account_id=ACCOUNT, whmcs_client_id=42, customer_number="SNX-10001"
    ),
    f"order_approved:{ORDER}": ProvisionRequested(
        order_id=ORDER, source="platform_event", request_id="r-1", occurred_at=datetime(2026, 11, 20, tzinfo=UTC)
    ),
    f"action_needed:{ORDER}:1:PAYMENT_METHOD_MISSING": ProvisioningProgressed(
        order_id=ORDER,
        attempt=1,
        stage="blocked",
        code="PAYMENT_METHOD_MISSING",
        occurred_at=datetime(2026, 11, 20, tzinfo=UTC),
    ),
    f"preflight_failed:{ORDER}": PreflightFailed(
        order_id=ORDER,
        account_id=ACCOUNT,
        code="PAYMENT_METHOD_MISSING",
        scheduled_at=datetime(2026, 12, 1, tzinfo=UTC),
        occurred_at=datetime(2026, 11, 28, tzinfo=UTC),
    ),
    "cancellation:cancel-1:requested": CancellationProgressed(
        cancellation_id="cancel-1", account_id=ACCOUNT, order_id=ORDER, stage="requested", ends_on=date(2026, 12, 31)
    ),
    "cancellation:cancel-1:rescheduled:2027-01-31": CancellationProgressed(
        cancellation_id="cancel-1", account_id=ACCOUNT, order_id=ORDER, stage="rescheduled", ends_on=date(2027, 1, 31)
    ),
    "cancellation:cancel-1:withdrawn": CancellationProgressed(
        cancellation_id="cancel-1", account_id=ACCOUNT, order_id=ORDER, stage="withdrawn", ends_on=date(2026, 12, 31)
    ),
    "cancellation:cancel-2:completed": CancellationProgressed(
        cancellation_id="cancel-2", account_id=ACCOUNT, order_id=ORDER, stage="completed", ends_on=date(2026, 12, 31)
    ),
    "cancellation:cancel-3:requested": ServiceCancellationProgressed(
        cancellation_id="cancel-3",
        account_id=ACCOUNT,
        service_id=7001,
        name=LocalizedText(en="Old SIM plan", ja="旧SIMプラン"),
        stage="requested",
        ends_on=date(2026, 12, 31),
    ),
    "eligibility_changed:change-3": EligibilityChanged(change_id="change-3", account_id=ACCOUNT, status="eligible"),
    "eligibility_changed:change-4": EligibilityChanged(change_id="change-4", account_id=ACCOUNT, status="not_eligible"),
    "case_updated:update-2": CaseUpdated(
        update_id="update-2",
        case_id="500000000000001AAA",
        account_id=ACCOUNT,
        case_number="00001234",
        change="closed",
    ),
    "case_updated:update-1": CaseUpdated(
        update_id="update-1",
        case_id="500000000000001AAA",
        account_id=ACCOUNT,
        case_number="00001234",
        change="answered",
    ),
}
"""Every cause of a mail."""


async def all_taken(office, event) -> None:
    stream, durable = stream_of(owner_of(event.subject)), durable_name("notifications", event)

    async def nothing_left() -> bool:
        return await office.pending(stream, durable) == 0

    await office.eventually(nothing_left)


async def test_every_event_becomes_its_mail_with_fresh_words(office) -> None:  # R032, R264, R265
    office.content.rejection = LocalizedText(en="The address is outside our area.", ja="提供エリア外です。")
    for event in EVENTS.values():
        await office.publish(event)
    assert await office.at_rest(len(EVENTS)) == dict.fromkeys(EVENTS, ("done", None))
    mails = {mail["customArgs"]["portal_message_id"]: mail for mail in office.mails()}
    assert set(mails) == set(EVENTS)
    for mail in mails.values():
        former = mail["customArgs"]["portal_message_id"].startswith("email_changed:")
        assert ("hanako@old.example.jp" if former else "hanako@example.jp") in str(mail["to"])
        assert "山田 花子" in mail["text"]
    assert "example-token-signup-1-" in mails["signup_link:signup-1"]["text"]
    assert "/auth/password/reset?token=example-token-reset-1-" in mails["password_reset_link:reset-1"]["text"]
    assert [name for name, mail in mails.items() if "support@example.jp" in str(mail["cc"])] == [f"welcome:{ACCOUNT}"]
    assert "提供エリア外です。" in mails[f"order_rejected:{ORDER}"]["text"]
    assert "00000101" in mails[f"order_received:{ORDER}"]["subject"]
    assert "音声eSIM 20GB" in mails[f"order_activated:{ORDER}"]["text"]
    before_the_portal = mails["cancellation:cancel-3:requested"]["text"]
    assert "旧SIMプラン" in before_the_portal
    assert "/subscriptions/7001" in before_the_portal
    await office.process.stop()


async def test_one_event_delivered_twenty_times_is_one_mail(office) -> None:
    await office.forget_duplicates_quickly("PORTAL_FULFILLMENT")
    message_id = await office.publish(ACTIVATED)
    for _ in range(9):  # the same message again: the inbox's business
        await asyncio.sleep(0.15)
        await office.publish(ACTIVATED, message_id)
    for _ in range(10):  # the same fact in other messages: the process's key's business
        await office.publish(ACTIVATED)
    assert (await office.jetstream.stream_info("PORTAL_FULFILLMENT")).state.messages == 20
    await all_taken(office, OrderActivated)
    assert await office.at_rest(1) == {f"order_activated:{ORDER}": ("done", None)}
    assert await office.taken() == 11
    assert (len(office.mails()), office.offered()) == (1, 1)


async def test_many_events_at_once_are_one_mail_for_each_cause(office) -> None:
    await asyncio.gather(*(office.publish(event) for event in EVENTS.values() for _ in range(4)))
    for event in EVENTS.values():
        await all_taken(office, type(event))
    await office.at_rest(len(EVENTS))
    assert len(office.mails()) == len(EVENTS)


async def test_an_event_from_before_a_restart_is_still_one_mail(office) -> None:
    await office.publish(REGISTERED)
    await office.at_rest(1)
    await office.process.stop()
    await office.publish(REGISTERED)
    await office.process.start()
    await all_taken(office, CustomerRegistered)
    assert len(office.mails()) == 1


async def test_a_mail_waits_for_its_owner_and_is_sent_when_it_answers(office) -> None:
    office.content.fails_with = TryLater("SALESFORCE_UNAVAILABLE", retry_after=1)
    await office.publish(REGISTERED)

    async def waiting() -> bool:
        return bool(await office.states())

    await office.eventually(waiting)
    assert office.offered() == 0
    office.content.fails_with = None
    assert await office.at_rest(1) == {f"welcome:{ACCOUNT}": ("done", None)}
    assert len(office.mails()) == 1


async def test_a_lost_answer_of_the_provider_is_unclear_and_never_sent_again(office) -> None:  # sendgrid.md 4
    office.sandbox.faults.arm({"vendor": "sendgrid", "call": "mail/send", "kind": "after_effect", "times": 1})
    await office.publish(ACTIVATED)
    assert await office.at_rest(1) == {f"order_activated:{ORDER}": ("failed", "MAIL_UNCLEAR")}
    await office.publish(ACTIVATED)
    await all_taken(office, OrderActivated)
    assert (len(office.mails()), office.offered()) == (1, 1)


@pytest.mark.kill
async def test_a_process_killed_while_it_hands_a_mail_over_does_not_send_it_twice(office) -> None:
    office.sandbox.faults.arm(
        {"vendor": "sendgrid", "call": "mail/send", "kind": "slow", "times": 1, "params": {"seconds": 1}}
    )
    await office.publish(ACTIVATED)

    async def offered() -> bool:
        return office.offered() == 1

    await office.eventually(offered)
    await office.process.kill()
    await office.process.start()
    states = await office.at_rest(1, within=60)  # the dead worker's lease lasts half a minute
    assert states == {f"order_activated:{ORDER}": ("failed", "MAIL_UNCLEAR")}
    assert office.offered() == 1
    assert len(office.mails()) <= 1


async def test_no_address_name_or_link_is_in_the_log_or_the_database(office) -> None:  # architecture §9
    office.content.fails_with = TryLater("SALESFORCE_UNAVAILABLE", retry_after=1)
    await office.publish(EVENTS["signup_link:signup-1"])
    await office.publish(REGISTERED)
    office.content.fails_with = None
    office.sandbox.faults.arm(
        {
            "vendor": "sendgrid",
            "call": "mail/send",
            "kind": "status",
            "times": 1,
            "params": {"status": 400, "body": '{"errors":[{"message":"no hanako@example.jp","field":"to"}]}'},
        }
    )
    await office.at_rest(2)
    await office.process.stop()
    kept = str(await office.states()) + office.process.log()
    for secret in ("hanako@example.jp", "山田", "花子", "example-token", "SG.sandbox-key"):
        assert secret not in kept
