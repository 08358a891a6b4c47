"""`python -m portal_notifications.preview <folder>`: every mail in both languages, to look at in a browser."""

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from typing import Any, Final, get_args

from portal_contracts.catalog import Category, LocalizedText
from portal_contracts.customer_news import CancellationProgressed, CaseUpdated, EligibilityChanged
from portal_contracts.examples import AN_INSTANT
from portal_contracts.identity import (
    Recipient,
    SignupLink,
)
from portal_contracts.identity_email import EmailChangeLink
from portal_contracts.identity_linking import LinkCode
from portal_contracts.identity_passwords import (
    PasswordResetLink,
)
from portal_contracts.identity_second_factor import SecurityChange
from portal_contracts.orders import OrderItem, OrderMail, OrderWithdrawn
from portal_contracts.values import Locale, PersonName
from portal_notifications.compose_mail import ComposeMail
from portal_notifications.mail_kinds import TOPICS, MailState, Template
from portal_notifications.ports import Mail
from portal_notifications.templates_store import Templates

LOCALES: Final[tuple[Locale, ...]] = ("ja", "en")
_URL: Final = "https://portal.example.jp"
_ACCOUNT: Final = "001000000000001AAA"
_ORDER: Final = "801000000000001AAA"
_TOLD: Final[dict[Template, tuple[str, ...]]] = {
    "security_notice": get_args(SecurityChange),
    "order_cancelled": get_args(OrderWithdrawn.model_fields["why"].annotation),
    "order_activated": get_args(Category),
    "cancellation": get_args(CancellationProgressed.model_fields["stage"].annotation),
    "case_updated": get_args(CaseUpdated.model_fields["change"].annotation),
    "eligibility_changed": get_args(EligibilityChanged.model_fields["status"].annotation),
}
_ABOUT_AN_ORDER: Final = frozenset(
    {
        "order_received",
        "order_approved",
        "order_rejected",
        "order_cancelled",
        "action_needed",
        "preflight_failed",
        "order_activated",
        "cancellation",
    }
)


class ExampleContent:
    """The `Content` port with an obviously made-up customer and order."""

    def __init__(self, locale: Locale) -> None:
        name = PersonName(family_name="山田", given_name="花子")
        self._reader: dict[str, Any] = {"email": "hanako@example.jp", "name": name, "locale": locale}
        self._link = self._reader | {"token": "example-token-example-token-example-token-1", "expires_at": AN_INSTANT}

    async def signup_link(self, signup_id: str) -> SignupLink:  # noqa: ARG002 - whichever
        """Give an example."""
        return SignupLink(**self._link)

    async def password_reset_link(self, reset_id: str) -> PasswordResetLink:  # noqa: ARG002 - whichever
        """Give an example."""
        return PasswordResetLink(**self._link)

    async def email_change_link(self, change_id: str) -> EmailChangeLink:  # noqa: ARG002 - whichever
        """Give an example."""
        return EmailChangeLink(**self._link)

    async def link_code(self, link_id: str) -> LinkCode:  # noqa: ARG002 - whichever
        """Give an example."""
        return LinkCode(**self._reader, code="000000", expires_at=AN_INSTANT)

    async def recipient(self, account_id: str) -> Recipient:  # noqa: ARG002 - whichever
        """Give an example."""
        return Recipient(**self._reader)

    async def former_recipient(self, change_id: str) -> Recipient:  # noqa: ARG002 - whichever
        """Give an example."""
        return Recipient(**self._reader)

    async def order(self, order_id: str) -> OrderMail:  # noqa: ARG002 - whichever
        """Give an example with a plan and its fee."""
        plan = LocalizedText(en="Voice eSIM 20 GB", ja="音声eSIM 20GB")
        fee = LocalizedText(en="Activation fee", ja="契約事務手数料")
        return OrderMail(
            order_number="00000101",
            account_id=_ACCOUNT,
            name=plan,
            items=[
                OrderItem(
                    sku="SIM-VOICE-ESIM-20G",
                    name=plan,
                    item_class="service",
                    billing_cycle="monthly",
                    quantity=1,
                    unit_price=2970,
                ),
                OrderItem(
                    sku="SIM-FEE",
                    name=fee,
                    item_class="activation",
                    billing_cycle="one_time",
                    quantity=1,
                    unit_price=3300,
                ),
            ],
            monthly=2970,
            one_time=3300,
            rejection=LocalizedText(
                en="The address is outside the area of this service.",
                ja="ご住所がサービスの提供エリア外のため、お受けできませんでした。",
            ),
        )


def examples() -> Iterator[tuple[str, MailState]]:
    """Give every mail by a name of its own: each template, and each thing a template tells."""
    for template in get_args(Template):
        for what in _TOLD.get(template, (None,)):
            state = MailState(
                template=template,
                account_id=_ACCOUNT,
                order_id=_ORDER if template in _ABOUT_AN_ORDER else None,
                problem="PAYMENT_METHOD_MISSING" if template in {"action_needed", "preflight_failed"} else None,
                scheduled_at=datetime(2026, 12, 1, 0, 30, tzinfo=UTC),
                what=what,
                number="00001234",
                day=date(2026, 12, 31),
            )
            yield (f"{template}-{what}" if what else template), state


async def compose_examples() -> dict[str, tuple[MailState, dict[Locale, Mail]]]:
    """Give every mail of `examples` in both languages by its name."""
    templates = Templates()
    composed: dict[str, tuple[MailState, dict[Locale, Mail]]] = {}
    for name, state in examples():
        composed[name] = (
            state,
            {
                locale: await ComposeMail(ExampleContent(locale), templates, _URL, "support@example.jp")(name, state)
                for locale in LOCALES
            },
        )
    return composed


def write(folder: Path) -> int:
    """Write a page for each mail and language, and an index that shows all; how many mails there are."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[str] = []
    for name, (state, mails) in asyncio.run(compose_examples()).items():
        cells = []
        for locale, mail in mails.items():
            (folder / f"{name}.{locale}.html").write_text(mail.html, encoding="utf-8")
            (folder / f"{name}.{locale}.txt").write_text(f"{mail.subject}\n\n{mail.text}", encoding="utf-8")
            copy = f" · copy to {escape(mail.copy_to)}" if mail.copy_to else ""
            cells.append(
                f'<td><p><a href="{name}.{locale}.html">{escape(mail.subject)}</a>'
                f' · <a href="{name}.{locale}.txt">text</a>{copy}</p>'
                f'<iframe src="{name}.{locale}.html" title="{name} {locale}"></iframe></td>'
            )
        kind = TOPICS.get(state.template, "always sent")
        rows.append(f"<tr><th>{name}<br><small>{kind}</small></th>{''.join(cells)}</tr>")
    (folder / "index.html").write_text(_INDEX.format(rows="\n".join(rows)), encoding="utf-8")
    return len(rows) * len(LOCALES)


_INDEX: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Every mail of the portal</title>
<style>body{{font-family:sans-serif}}th{{text-align:left;vertical-align:top;padding:.5rem}}td{{width:45%;vertical-align:top}}
iframe{{width:100%;height:34rem;border:1px solid #ccc}}small{{font-weight:normal;color:#666}}</style></head>
<body><h1>Every mail of the portal</h1><table>{rows}</table></body></html>
"""


def main(arguments: list[str]) -> int:
    """Write the pages and say where."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m portal_notifications.preview <folder>\n")
        return 2
    folder = Path(arguments[0])
    count = write(folder)
    sys.stdout.write(f"{count} mails: {folder / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
