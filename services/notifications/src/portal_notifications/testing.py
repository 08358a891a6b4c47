"""Fakes of notifications' ports."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from portal_chassis.postgres import Transaction
from portal_contracts.catalog import LocalizedText
from portal_contracts.identity import (
    Recipient,
    SignupLink,
)
from portal_contracts.identity_email import EmailChangeLink
from portal_contracts.identity_linking import LinkCode
from portal_contracts.identity_passwords import (
    PasswordResetLink,
)
from portal_contracts.notifications import ChangeMailPreferences, ListMails, MailRecord, MailTopic
from portal_contracts.orders import OrderItem, OrderMail
from portal_contracts.problems import Refused
from portal_contracts.values import Locale, PersonName
from portal_notifications.ports import Handed, Mail, MailEvent, Sending

HANAKO = PersonName(family_name="山田", given_name="花子")


class FixedContent:
    """One customer with one order. `fails_with` is raised instead of answering, until it is cleared."""

    def __init__(self, locale: Locale = "ja") -> None:
        self.locale = locale
        self.name = HANAKO
        self.rejection: LocalizedText | None = None
        self.fails_with: Exception | None = None
        self.minted = 0

    def _check(self) -> None:
        if self.fails_with is not None:
            raise self.fails_with

    async def signup_link(self, signup_id: str) -> SignupLink:
        """Mint a new token each time."""
        self._check()
        self.minted += 1
        return SignupLink(
            email="hanako@example.jp",
            name=self.name,
            locale=self.locale,
            token=f"example-token-{signup_id}-{self.minted:04d}",
            expires_at=datetime(2026, 11, 21, tzinfo=UTC),
        )

    async def password_reset_link(self, reset_id: str) -> PasswordResetLink:
        """Mint a new token each time."""
        link = await self.signup_link(reset_id)
        return PasswordResetLink.model_validate(link.model_dump())

    async def email_change_link(self, change_id: str) -> EmailChangeLink:
        """Mint a new token each time."""
        link = await self.signup_link(change_id)
        return EmailChangeLink.model_validate(link.model_dump())

    async def link_code(self, link_id: str) -> LinkCode:
        """Give a code."""
        link = await self.signup_link(link_id)
        return LinkCode.model_validate(link.model_dump(exclude={"token"}) | {"code": "000000"})

    async def former_recipient(self, change_id: str) -> Recipient:
        """Give where the customer was before."""
        self._check()
        return Recipient(email="hanako@old.example.jp", name=self.name, locale=self.locale)

    async def recipient(self, account_id: str) -> Recipient:
        """Give the customer."""
        self._check()
        return Recipient(email="hanako@example.jp", name=self.name, locale=self.locale)

    async def order(self, order_id: str) -> OrderMail:
        """Give the order."""
        self._check()
        return OrderMail(
            order_number="00000101",
            account_id="001000000000001AAA",
            name=LocalizedText(en="Voice eSIM 20 GB", ja="音声eSIM 20GB"),
            items=[
                OrderItem(
                    sku="SIM-VOICE-ESIM-20G",
                    name=LocalizedText(en="Voice eSIM 20 GB", ja="音声eSIM 20GB"),
                    item_class="service",
                    billing_cycle="monthly",
                    quantity=1,
                    unit_price=2970,
                )
            ],
            monthly=2970,
            one_time=3300,
            rejection=self.rejection,
        )


class InMemoryMailer:
    """Keeps what it takes. `answers` are given in turn before it takes mails; an exception among them is raised."""

    def __init__(self, *answers: Handed | Exception) -> None:
        self.answers = list(answers)
        self.taken: list[Mail] = []
        self.offered = 0
        self.hangs = False
        self.was_offered = asyncio.Event()

    async def hand_over(self, mail: Mail) -> Handed:
        """Take the mail, unless an answer says otherwise; an unclear answer takes it and says nothing."""
        self.offered += 1
        self.was_offered.set()
        if self.hangs:
            await asyncio.Event().wait()
        answer = self.answers.pop(0) if self.answers else Handed(Sending.SENT, provider_id=f"provider-{self.offered}")
        if isinstance(answer, Exception):
            raise answer
        if answer.sending is not Sending.NOT_NOW:
            self.taken.append(mail)
        return answer

    async def close(self) -> None:
        """Nothing is open."""


class InMemoryPreferences:
    """What customers turned off."""

    def __init__(self) -> None:
        self.off: dict[str, set[MailTopic]] = {}
        self._known: dict[tuple[str, str], ChangeMailPreferences] = {}

    async def turned_off(self, account_id: str) -> frozenset[MailTopic]:
        """Give the topics."""
        return frozenset(self.off.get(account_id, ()))

    async def change(self, account_id: str, command: ChangeMailPreferences) -> None:
        """Change them once for a request id."""
        known = self._known.get((account_id, command.request_id))
        if known is not None:
            if known != command:
                raise Refused("IDEMPOTENCY_KEY_REUSED")
            return
        self._known[account_id, command.request_id] = command
        off = self.off.setdefault(account_id, set())
        for one in command.preferences:
            (off.discard if one.wanted else off.add)(one.topic)


class InMemoryMailBook:
    """Events of mails; `mails` are what there is, by id."""

    def __init__(self, *mails: MailRecord) -> None:
        self.mails = {mail.mail_id: mail for mail in mails}
        self.events: dict[str, MailEvent] = {}
        self.refuses = False

    async def note(self, events: Sequence[MailEvent]) -> int:
        """Keep what is new and of a mail there is."""
        new = {one.event_id: one for one in events if one.mail_id in self.mails and one.event_id not in self.events}
        self.events |= new
        return len(new)

    async def find(self, query: ListMails) -> Sequence[MailRecord]:
        """Give all of a customer."""
        return [mail for mail in self.mails.values() if query.account_id in (None, mail.account_id)]

    async def read(self, mail_id: str) -> MailRecord | None:
        """Give one."""
        return self.mails.get(mail_id)

    async def mailbox_refuses(self, account_id: str) -> bool:
        """As told."""
        return self.refuses

    async def sweep(self, transaction: Transaction, ended_before: datetime) -> int:
        """Drop nothing: no mail here is so old."""
        return 0

    async def forget(self, transaction: Transaction, account_id: str) -> Mapping[str, int]:
        """Drop the customer's mails."""
        before = len(self.mails)
        self.mails = {key: mail for key, mail in self.mails.items() if mail.account_id != account_id}
        return {"mails": before - len(self.mails)}
