"""Preferences, the provider's events, the history and sending again, on the running service."""

from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.postgres import Database
from portal_chassis.pruning import Pruning
from portal_contracts.customer_news import CaseUpdated
from portal_contracts.identity import CustomerRegistered
from portal_contracts.identity_personal_data import CustomerErased
from portal_contracts.notifications import (
    ChangeMailPreferences,
    ListMails,
    MailPreference,
    ReadMailPreferences,
    SendMailAgain,
)
from portal_contracts.personal_data_exports import ExportMails
from portal_contracts.problems import Refused
from portal_notifications.ports import MailEvent
from portal_notifications.store import PostgresMailBook

ACCOUNT = "001000000000001AAA"
OTHER = "001000000000002AAA"
WELCOME = f"welcome:{ACCOUNT}"
REGISTERED = CustomerRegistered(user_id="user-1", account_id=ACCOUNT, whmcs_client_id=42)


def case_updated(update_id: str) -> CaseUpdated:
    return CaseUpdated(
        update_id=update_id, case_id="500000000000001AAA", account_id=ACCOUNT, case_number="00001234", change="answered"
    )


async def history(caller, **query):
    return (await caller.operator(ListMails(**query))).mails


async def test_a_delivered_mail_shows_so_to_staff_whatever_is_posted_twice(office, caller, webhook) -> None:
    await office.publish(REGISTERED)
    await office.at_rest(1)
    (mail,) = await history(caller, account_id=ACCOUNT)
    assert (mail.mail_id, mail.standing, mail.provider_id is not None) == (WELCOME, "sent", True)
    await office.eventually(webhook.posted)
    for command in webhook.commands() * 2:
        await caller.anybody(command)
    (mail,) = await history(caller, account_id=ACCOUNT)
    assert (mail.standing, mail.report) == ("delivered", "250 OK")
    assert mail.reported_at is not None
    assert await history(caller, account_id=OTHER) == []
    assert await history(caller, standing="bounced") == []
    assert [one.mail_id for one in await history(caller, standing="delivered")] == [WELCOME]
    assert await history(caller, before_id=mail.id) == []


async def test_a_mail_that_came_back_is_seen_by_staff_and_customer_and_sent_again_once(office, caller, webhook) -> None:
    office.sandbox.switches.update({"sendgrid": {"bounceFor": "hanako@example.jp"}})
    await office.publish(REGISTERED)
    await office.at_rest(1)
    await office.eventually(webhook.posted)
    for command in webhook.commands():
        await caller.anybody(command)
    (mail,) = await history(caller, account_id=ACCOUNT)
    assert (mail.standing, mail.report) == ("bounced", "5.1.1 550 5.1.1 The email account does not exist")
    assert (await caller.customer(ReadMailPreferences())).mailbox_refuses
    assert not (await caller.customer(ReadMailPreferences(), OTHER)).mailbox_refuses

    again = SendMailAgain(mail_id=WELCOME, request_id="request-1", reason="The customer mended the mailbox")
    with pytest.raises(Refused, match="OPERATOR_FORBIDDEN"):
        await caller.operator(again, "operator_viewer")
    assert not (await caller.operator(again)).carried_out
    assert office.offered() == 1
    for _ in range(3):
        assert (await caller.operator(again.model_copy(update={"dry_run": False}))).carried_out
    states = await office.at_rest(2)
    assert states == {WELCOME: ("done", None), f"{WELCOME}:again:request-1": ("done", None)}
    assert office.offered() == 2


async def test_what_is_on_its_way_or_unknown_is_not_sent_again(office, caller) -> None:
    await office.publish(REGISTERED)
    await office.at_rest(1)
    for mail_id, code in ((WELCOME, "MAIL_NOT_REPEATABLE"), ("welcome:nobody", "NOT_FOUND")):
        with pytest.raises(Refused, match=code):
            await caller.operator(
                SendMailAgain(mail_id=mail_id, request_id=f"r-{code}", reason="Please", dry_run=False)
            )
    assert office.offered() == 1


async def test_what_a_customer_turns_off_is_not_sent_and_can_be_turned_on(office, caller) -> None:
    def wish(request_id: str, *, wanted: bool) -> ChangeMailPreferences:
        return ChangeMailPreferences(
            request_id=request_id, preferences=[MailPreference(topic="case_updates", wanted=wanted)]
        )

    off = await caller.customer(wish("request-1", wanted=False))
    assert [one.topic for one in off.preferences if not one.wanted] == ["case_updates"]
    await office.publish(case_updated("update-1"))
    await office.at_rest(1)
    on = await caller.customer(wish("request-2", wanted=True))
    assert all(one.wanted for one in on.preferences)
    assert all(one.wanted for one in (await caller.customer(wish("request-1", wanted=False))).preferences)
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await caller.customer(wish("request-1", wanted=True))
    await office.publish(case_updated("update-2"))
    await office.at_rest(2)
    standings = {mail.mail_id: mail.standing for mail in await history(caller, account_id=ACCOUNT)}
    assert standings == {"case_updated:update-1": "turned_off", "case_updated:update-2": "sent"}
    assert office.offered() == 1
    mine = await caller.anybody(ExportMails(account_id=ACCOUNT))  # D17
    assert [one.mail_id for one in mine.mails] == ["case_updated:update-2", "case_updated:update-1"]
    assert all(one.wanted for one in mine.mail_preferences)
    assert not (await caller.anybody(ExportMails(account_id=OTHER))).mails


async def test_an_unclear_mail_that_the_provider_reports_is_no_longer_unclear(office, caller, webhook) -> None:
    office.sandbox.faults.arm({"vendor": "sendgrid", "call": "mail/send", "kind": "after_effect", "times": 1})
    await office.publish(REGISTERED)
    assert await office.at_rest(1) == {WELCOME: ("failed", "MAIL_UNCLEAR")}
    assert [mail.standing for mail in await history(caller)] == ["unclear"]
    await office.eventually(webhook.posted)
    for command in webhook.commands():
        await caller.anybody(command)
    assert [mail.standing for mail in await history(caller)] == ["delivered"]


async def test_a_forged_posting_is_refused_and_changes_nothing(office, caller, webhook) -> None:
    await office.publish(REGISTERED)
    await office.at_rest(1)
    await office.eventually(webhook.posted)
    (genuine,) = webhook.commands()
    with pytest.raises(Refused, match="SIGNATURE_INVALID"):
        await caller.anybody(genuine.model_copy(update={"body": genuine.body.replace(b"delivered", b"bounce")}))
    assert [mail.standing for mail in await history(caller)] == ["sent"]


async def test_no_address_is_kept_of_what_the_provider_posts(office, caller, webhook, database_url) -> None:
    office.sandbox.switches.update({"sendgrid": {"bounceFor": "hanako@example.jp"}})
    await office.publish(REGISTERED)
    await office.at_rest(1)
    await office.eventually(webhook.posted)
    assert b"hanako@example.jp" in webhook.postings[0][1]
    for command in webhook.commands():
        await caller.anybody(command)
    kept = str(await office.rows("SELECT * FROM mail_event")) + str(await office.rows("SELECT * FROM mail"))
    assert "bounce" in kept
    assert "hanako" not in kept + office.process.log()


@pytest.fixture
async def book(database_url):
    database = Database(database_url, name="notifications-tests", connections=2)
    await database.connect()
    yield PostgresMailBook(database)
    await database.close()


@pytest.fixture
async def forgetting(database_url, book):
    """A round of pruning on notifications' database."""
    database = Database(database_url, name="notifications-tests", connections=2)
    await database.connect()
    pruning = Pruning(database)
    pruning.add("mails", lambda transaction: book.sweep(transaction, datetime.now(UTC) - timedelta(days=400)))
    yield pruning.round
    await database.close()


async def test_a_mail_is_forgotten_when_its_time_is_over_and_waiting_ones_are_not(
    office, caller, book, forgetting
) -> None:  # §5.10
    for account, client in ((ACCOUNT, 42), (OTHER, 43)):
        await office.publish(CustomerRegistered(user_id=f"user-{client}", account_id=account, whmcs_client_id=client))
    await office.at_rest(2)
    old = "started_at = now() - interval '401 days', updated_at = now() - interval '401 days'"
    age = f"UPDATE portal_process SET {{}} {old} WHERE key = 'welcome:{{}}' RETURNING 1"
    await office.rows(age.format("", ACCOUNT))
    event = MailEvent(event_id="event-1", mail_id=f"welcome:{ACCOUNT}", report="delivered", at=datetime.now(UTC))
    assert await book.note([event]) == 1
    await forgetting()
    assert [mail.account_id for mail in await history(caller)] == [OTHER]
    assert await office.rows("SELECT * FROM mail_event") == []
    await office.rows(age.format("status = 'waiting',", OTHER))
    await forgetting()
    assert [mail.account_id for mail in await history(caller)] == [OTHER]


async def test_an_erased_customer_leaves_nothing_behind_and_others_stay(office, caller, webhook) -> None:  # D17
    other = CustomerRegistered(user_id="user-2", account_id=OTHER, whmcs_client_id=43)
    for event in (REGISTERED, other):
        await office.publish(event)
    await office.at_rest(2)

    async def both_posted() -> bool:
        return len(webhook.postings) == 2

    await office.eventually(both_posted)
    for command in webhook.commands():
        await caller.anybody(command)
    for account in (ACCOUNT, OTHER):
        off = [MailPreference(topic="eligibility", wanted=False)]
        await caller.customer(ChangeMailPreferences(request_id="request-1", preferences=off), account)
    await office.publish(CustomerErased(user_id="user-1", account_id=ACCOUNT, whmcs_client_id=42))

    async def forgotten() -> bool:
        return not await history(caller, account_id=ACCOUNT)

    await office.eventually(forgotten)
    assert [mail.standing for mail in await history(caller)] == ["delivered"]
    assert [row["account_id"] for row in await office.rows("SELECT * FROM mail_preference")] == [OTHER]
    assert {row["mail_id"] for row in await office.rows("SELECT * FROM mail_event")} == {f"welcome:{OTHER}"}
