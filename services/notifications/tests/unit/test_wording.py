"""What mails say where one template tells several things."""

from datetime import date
from typing import get_args

import pytest

from portal_contracts.catalog import Category, LocalizedText
from portal_contracts.customer_news import (
    CancellationProgressed,
    CaseUpdated,
    EligibilityChanged,
    ServiceCancellationProgressed,
)
from portal_contracts.identity_second_factor import SecurityChange
from portal_contracts.message import Event
from portal_contracts.problems import CATALOGUE
from portal_notifications.compose_mail import ComposeMail
from portal_notifications.consumers import waits_for_customer
from portal_notifications.mail_kinds import MailState, Template
from portal_notifications.ports import Mail
from portal_notifications.templates_store import Templates
from portal_notifications.testing import FixedContent

TEMPLATES = Templates()


def choices(event: type[Event], field: str) -> tuple[str, ...]:
    return get_args(event.model_fields[field].annotation)


async def compose(locale: str, template: Template, what: str) -> Mail:
    state = MailState(
        template=template,
        account_id="001000000000001AAA",
        order_id="801000000000001AAA" if template in {"order_activated", "cancellation"} else None,
        what=what,
        number="00001234",
        day=date(2026, 12, 31),
    )
    content = FixedContent("ja" if locale == "ja" else "en")
    return await ComposeMail(content, TEMPLATES, "https://portal.example.jp", None)("mail-1", state)


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("security_notice", get_args(SecurityChange)),
        ("cancellation", choices(CancellationProgressed, "stage")),
        ("case_updated", choices(CaseUpdated, "change")),
        ("eligibility_changed", choices(EligibilityChanged, "status")),
        ("order_activated", get_args(Category)),
    ],
)
async def test_each_thing_a_template_tells_has_words_of_its_own(
    locale: str, template: Template, told: tuple[str, ...]
) -> None:
    mails = [await compose(locale, template, what) for what in told]
    assert len({mail.text for mail in mails}) == len(told) > 1
    unknown = await compose(locale, template, "something newer")
    for mail in (*mails, unknown):
        assert mail.subject
        assert mail.text.count("\n") > 3
        assert "something newer" not in mail.text


@pytest.mark.parametrize(("locale", "words"), [("ja", "eSIMを追加"), ("en", "Add eSIM")])
async def test_an_activated_sim_comes_with_its_install_guide(locale: str, words: str) -> None:
    assert words in (await compose(locale, "order_activated", "sim")).text
    assert words not in (await compose(locale, "order_activated", "internet")).text


@pytest.mark.parametrize(("locale", "day"), [("ja", "2026年12月31日"), ("en", "31 December 2026")])
async def test_a_cancellation_names_the_last_day(locale: str, day: str) -> None:
    assert day in (await compose(locale, "cancellation", "requested")).text


@pytest.mark.parametrize(("locale", "name"), [("ja", "旧SIMプラン"), ("en", "Old SIM plan")])
@pytest.mark.parametrize("stage", choices(ServiceCancellationProgressed, "stage"))
async def test_a_service_from_before_the_portal_is_cancelled_in_words_as_well(
    locale: str, name: str, stage: str
) -> None:
    state = MailState(
        template="cancellation",
        account_id="001000000000001AAA",
        service_id=7001,
        service=LocalizedText(en="Old SIM plan", ja="旧SIMプラン"),
        what=stage,
        day=date(2026, 12, 31),
    )
    content = FixedContent("ja" if locale == "ja" else "en")
    mail = await ComposeMail(content, TEMPLATES, "https://portal.example.jp", None)("mail-1", state)
    assert name in mail.text
    assert "https://portal.example.jp/subscriptions/7001" in mail.text
    assert mail.subject
    assert not any(letter.isdecimal() for letter in mail.subject)
    assert "None" not in mail.text


def test_an_order_that_waits_for_staff_or_a_vendor_is_not_the_customers_to_mend() -> None:  # requirements §2.1
    assert waits_for_customer("PAYMENT_METHOD_MISSING")
    assert not waits_for_customer("FREEBIT_UNAVAILABLE")
    assert not waits_for_customer("a code newer than ours")
    assert {entry.owner for entry in CATALOGUE.values() if waits_for_customer(entry.code)} == {"customer"}
