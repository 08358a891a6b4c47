"""What a customer may turn off, and what always comes (issue: preferences; security and contract mails never)."""

from datetime import UTC, datetime

import pytest

from portal_chassis.actor import Actor
from portal_chassis.testing import InMemoryDatabase, ManualClock, engine
from portal_contracts.notifications import ChangeMailPreferences, MailPreference, MailTopic
from portal_contracts.problems import Refused
from portal_notifications.compose_mail import ComposeMail
from portal_notifications.mail_kinds import TOPICS, MailState
from portal_notifications.mail_preferences import ALL_TOPICS, KeepPreferences
from portal_notifications.mail_process import KIND, MailProcess
from portal_notifications.templates_store import Templates
from portal_notifications.testing import FixedContent, InMemoryMailBook, InMemoryMailer, InMemoryPreferences

ACCOUNT = "001000000000001AAA"
OTHER = "001000000000002AAA"
ORDER = "801000000000001AAA"


def actor(account: str = ACCOUNT) -> Actor:
    return Actor("user-1", 5011, account, ("customer",), "session-1", datetime(2026, 11, 20, tzinfo=UTC), "ja")


def change(request_id: str, **wanted: bool) -> ChangeMailPreferences:
    preferences = [MailPreference.model_validate({"topic": topic, "wanted": on}) for topic, on in wanted.items()]
    return ChangeMailPreferences(request_id=request_id, preferences=preferences)


@pytest.fixture
def preferences() -> InMemoryPreferences:
    return InMemoryPreferences()


@pytest.fixture
def keep(preferences: InMemoryPreferences) -> KeepPreferences:
    return KeepPreferences(preferences, InMemoryMailBook())


async def sent(preferences: InMemoryPreferences, state: MailState) -> tuple[int, dict]:
    mailer = InMemoryMailer()
    compose = ComposeMail(FixedContent("en"), Templates(), "https://portal.example.jp", None)
    processes = engine(MailProcess(compose, mailer, preferences).definition(), clock=ManualClock())
    async with InMemoryDatabase().transaction() as transaction:
        await processes.start(transaction, KIND, "mail-1", state)
    await processes.run_until_idle()
    view = await processes.read(KIND, "mail-1")
    assert view is not None
    assert view.status == "done"
    return len(mailer.taken), view.state


async def test_everything_is_wanted_until_it_is_turned_off(keep: KeepPreferences) -> None:
    everything = await keep.read(actor())
    assert {one.topic: one.wanted for one in everything.preferences} == dict.fromkeys(ALL_TOPICS, True)
    changed = await keep.change(change("request-1", case_updates=False), actor())
    assert [one.topic for one in changed.preferences if not one.wanted] == ["case_updates"]
    assert all(one.wanted for one in (await keep.read(actor(OTHER))).preferences)


async def test_a_repeated_request_changes_nothing_and_its_id_cannot_carry_something_else(keep: KeepPreferences) -> None:
    off, on = change("request-1", eligibility=False), change("request-2", eligibility=True)
    for command in (off, on, off):
        now = await keep.change(command, actor())
    assert all(one.wanted for one in now.preferences), "the repeat of the first came after the second"
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await keep.change(change("request-1", case_updates=False), actor())


@pytest.mark.parametrize(
    ("topic", "state"),
    [
        ("order_progress", MailState(template="order_approved", order_id=ORDER)),
        ("case_updates", MailState(template="case_updated", account_id=ACCOUNT, what="closed", number="00001234")),
        ("eligibility", MailState(template="eligibility_changed", account_id=ACCOUNT, what="eligible")),
    ],
)
async def test_a_topic_that_is_turned_off_sends_no_mail_and_says_so(
    preferences: InMemoryPreferences, topic: MailTopic, state: MailState
) -> None:
    assert TOPICS[state.template] == topic
    assert await sent(preferences, state) == (1, state.model_dump(mode="json") | {"account_id": ACCOUNT})
    preferences.off[ACCOUNT] = {topic}
    count, kept = await sent(preferences, state)
    assert (count, kept["turned_off"]) == (0, True)


@pytest.mark.parametrize(
    "state",
    [
        MailState(template="security_notice", account_id=ACCOUNT, what="passkey_added"),
        MailState(template="password_changed", account_id=ACCOUNT),
        MailState(template="order_received", account_id=ACCOUNT, order_id=ORDER),
        MailState(template="order_activated", account_id=ACCOUNT, order_id=ORDER, what="sim"),
        MailState(template="action_needed", order_id=ORDER, problem="PAYMENT_METHOD_MISSING"),
    ],
)
async def test_mails_about_security_and_contract_come_whatever_is_turned_off(
    preferences: InMemoryPreferences, state: MailState
) -> None:
    preferences.off[ACCOUNT] = set(ALL_TOPICS)
    assert (await sent(preferences, state))[0] == 1


async def test_a_mailbox_that_refuses_is_told_to_its_customer() -> None:
    book = InMemoryMailBook()
    book.refuses = True
    assert (await KeepPreferences(InMemoryPreferences(), book).read(actor())).mailbox_refuses
