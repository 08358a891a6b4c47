"""Fakes of notifications' ports."""

import asyncio
from datetime import UTC, datetime

from portal_contracts.catalog import LocalizedText
from portal_contracts.identity import PasswordResetLink, Recipient, SignupLink
from portal_contracts.orders import OrderItem, OrderMail
from portal_contracts.values import Locale, PersonName
from portal_notifications.ports import Handed, Mail, Sending

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
