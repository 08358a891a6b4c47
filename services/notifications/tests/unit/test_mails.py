import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest

from portal_chassis.process import ProcessView
from portal_chassis.testing import InMemoryDatabase, ManualClock, engine
from portal_contracts.catalog import LocalizedText
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_contracts.values import PersonName
from portal_notifications.compose_mail import ComposeMail
from portal_notifications.mail_kinds import TOPICS, MailState, Template
from portal_notifications.mail_process import KIND, MailProcess
from portal_notifications.ports import Handed, Sending
from portal_notifications.templates_store import Templates
from portal_notifications.testing import FixedContent, InMemoryMailer, InMemoryPreferences

ACCOUNT = "001000000000001AAA"
ORDER = "801000000000001AAA"
SUPPORT = "support@example.jp"
STATES = {
    state.template: state
    for state in (
        MailState(template="signup_link", signup_id="signup-1"),
        MailState(template="link_code", link_id="link-1"),
        MailState(template="password_reset_link", reset_id="reset-1"),
        MailState(template="email_change_link", change_id="change-1", account_id=ACCOUNT),
        MailState(template="email_changed", change_id="change-1", account_id=ACCOUNT),
        MailState(template="password_changed", account_id=ACCOUNT),
        MailState(template="security_notice", account_id=ACCOUNT, what="passkey_added"),
        MailState(
            template="deletion_requested", account_id=ACCOUNT, scheduled_at=datetime(2026, 12, 1, 0, 30, tzinfo=UTC)
        ),
        MailState(template="welcome", account_id=ACCOUNT),
        MailState(template="linked", account_id=ACCOUNT),
        MailState(template="order_received", account_id=ACCOUNT, order_id=ORDER),
        MailState(template="order_approved", order_id=ORDER),
        MailState(template="order_rejected", account_id=ACCOUNT, order_id=ORDER),
        MailState(template="order_cancelled", account_id=ACCOUNT, order_id=ORDER, what="withdrawn"),
        MailState(template="action_needed", order_id=ORDER, problem="PAYMENT_METHOD_MISSING"),
        MailState(template="order_activated", account_id=ACCOUNT, order_id=ORDER, what="sim"),
        MailState(
            template="preflight_failed",
            account_id=ACCOUNT,
            order_id=ORDER,
            problem="PAYMENT_METHOD_MISSING",
            scheduled_at=datetime(2026, 12, 1, 0, 30, tzinfo=UTC),
        ),
        MailState(
            template="cancellation", account_id=ACCOUNT, order_id=ORDER, what="requested", day=date(2026, 12, 31)
        ),
        MailState(template="case_updated", account_id=ACCOUNT, what="answered", number="00001234"),
        MailState(template="eligibility_changed", account_id=ACCOUNT, what="eligible"),
    )
}


class Desk:
    """Notifications on fakes and virtual time."""

    def __init__(self, mailer: InMemoryMailer | None = None, content: FixedContent | None = None) -> None:
        self.mailer = mailer or InMemoryMailer()
        self.content = content or FixedContent()
        self.clock = ManualClock()
        self.database = InMemoryDatabase()
        compose = ComposeMail(self.content, Templates(), "https://portal.example.jp", SUPPORT)
        self.preferences = InMemoryPreferences()
        self.engine = engine(MailProcess(compose, self.mailer, self.preferences).definition(), clock=self.clock)

    async def cause(self, template: str, *, times: int = 1) -> ProcessView:
        for _ in range(times):
            async with self.database.transaction() as transaction:
                await self.engine.start(transaction, KIND, f"{template}:cause", STATES[template])
            await self.engine.run_until_idle()
        return await self.view(template)

    async def later(self, template: str, by: timedelta) -> ProcessView:
        self.clock.advance(by)
        await self.engine.run_until_idle()
        return await self.view(template)

    async def view(self, template: str) -> ProcessView:
        found = await self.engine.read(KIND, f"{template}:cause")
        assert found is not None
        return found


def test_every_template_is_tried_here() -> None:
    assert set(STATES) == set(get_args(Template))


@pytest.mark.parametrize("template", STATES)
@pytest.mark.parametrize("locale", ["ja", "en"])
async def test_every_template_is_sent_in_both_languages_as_text_and_html(template: str, locale: str) -> None:
    desk = Desk(content=FixedContent("ja" if locale == "ja" else "en"))
    desk.content.rejection = LocalizedText(en="The address is outside our area.", ja="提供エリア外です。")
    assert (await desk.cause(template)).status == "done"
    (mail,) = desk.mailer.taken
    japanese = any("\u3040" <= letter <= "\u30ff" for letter in mail.subject)
    assert japanese == (locale == "ja")
    assert "山田 花子" in mail.text
    assert f'lang="{locale}"' in mail.html
    assert ("https://portal.example.jp" in mail.text) == (template != "link_code")
    assert not [mark for mark in ("{{", "{%", "None") if mark in mail.subject + mail.text + mail.html]
    assert "\n\n\n" not in mail.text
    turn_off = "/me/mails" in mail.text
    assert turn_off == (template in TOPICS)
    assert ("/me/mails" in mail.html) == turn_off


async def test_a_preflight_mail_says_what_is_missing_and_when_it_would_start_in_japanese_time() -> None:  # R165, R263
    desk = Desk(content=FixedContent("en"))
    await desk.cause("preflight_failed")
    (mail,) = desk.mailer.taken
    assert "1 December 2026 09:30 (Japan time)" in mail.text
    assert "Please add a payment method first." in mail.text
    assert f"https://portal.example.jp/orders/{ORDER}" in mail.text


async def test_a_reset_mail_leads_to_the_page_under_our_own_address() -> None:  # R046: no Host header is in it
    desk = Desk()
    await desk.cause("password_reset_link")
    (mail,) = desk.mailer.taken
    assert "https://portal.example.jp/auth/password/reset?token=example-token-reset-1-0001" in mail.text


async def test_a_reset_of_an_address_nobody_has_sends_nothing() -> None:
    desk = Desk()
    desk.content.fails_with = Refused("NOT_FOUND")
    assert (await desk.cause("password_reset_link")).status == "failed"
    assert desk.mailer.offered == 0


async def test_one_cause_delivered_twenty_times_sends_one_mail() -> None:  # I5
    desk = Desk()
    assert (await desk.cause("order_activated", times=20)).status == "done"
    assert desk.mailer.offered == 1


async def test_a_lost_answer_is_never_sent_again_and_shows() -> None:
    desk = Desk(InMemoryMailer(Handed(Sending.UNCLEAR)))
    view = await desk.cause("welcome")
    assert (view.status, view.code) == ("failed", "MAIL_UNCLEAR")
    await desk.later("welcome", timedelta(days=2))
    assert desk.mailer.offered == 1


async def test_a_worker_that_died_in_the_call_leaves_the_mail_unclear_and_unrepeated() -> None:
    desk = Desk()
    desk.mailer.hangs = True
    dying = asyncio.create_task(desk.cause("welcome"))
    await desk.mailer.was_offered.wait()
    dying.cancel()
    await asyncio.wait([dying])
    desk.mailer.hangs = False
    view = await desk.later("welcome", timedelta(hours=1))
    assert (view.status, view.code) == ("failed", "MAIL_UNCLEAR")
    assert desk.mailer.offered == 1


async def test_a_provider_that_is_away_gets_the_mail_later_once() -> None:
    desk = Desk(InMemoryMailer(Handed(Sending.NOT_NOW), Handed(Sending.NOT_NOW, wait=60)))
    assert (await desk.cause("welcome")).status == "waiting"
    assert (await desk.later("welcome", timedelta(seconds=10))).status == "waiting"
    assert (await desk.later("welcome", timedelta(seconds=60))).status == "done"
    assert len(desk.mailer.taken) == 1


async def test_an_owner_that_is_away_delays_the_mail_without_losing_it() -> None:
    desk = Desk()
    desk.content.fails_with = TryLater("SERVICE_UNAVAILABLE")
    assert (await desk.cause("order_received")).status in {"running", "waiting"}
    desk.content.fails_with = None
    assert (await desk.later("order_received", timedelta(minutes=1))).status == "done"


async def test_a_mail_nobody_waits_for_any_more_ends() -> None:
    desk = Desk()
    desk.content.fails_with = Refused("NOT_FOUND")
    assert (await desk.cause("signup_link")).status == "failed"
    assert desk.mailer.offered == 0


async def test_our_wrong_set_up_blocks_and_the_mail_goes_out_once_it_is_mended() -> None:
    desk = Desk(InMemoryMailer(Misconfigured("MAIL_MISCONFIGURED", facts={"message": "401"})))
    assert (await desk.cause("welcome")).status == "blocked"
    assert (await desk.later("welcome", timedelta(minutes=16))).status == "done"


async def test_support_gets_a_copy_of_the_welcome_mail_and_of_no_other() -> None:  # R032
    for template in STATES:
        desk = Desk()
        await desk.cause(template)
        assert desk.mailer.taken[0].copy_to == (SUPPORT if template == "welcome" else None)


async def test_a_name_can_add_neither_a_header_nor_html() -> None:
    content = FixedContent("en")
    content.name = PersonName(family_name="<b>Bcc: x@example.com</b>", given_name="{{ 7 * 7 }}")
    desk = Desk(content=content)
    await desk.cause("order_activated")
    (mail,) = desk.mailer.taken
    assert "\n" not in mail.subject
    assert "<b>" not in mail.html
    assert "{{ 7 * 7 }}" in mail.text


async def test_a_name_is_written_in_its_owners_order() -> None:
    content = FixedContent("en")
    content.name = PersonName(family_name="Carter", given_name="Emily")
    desk = Desk(content=content)
    await desk.cause("welcome")
    assert "Dear Emily Carter," in desk.mailer.taken[0].text
