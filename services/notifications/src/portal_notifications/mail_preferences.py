"""A customer reads and changes which mails come."""

from dataclasses import dataclass
from typing import Final, get_args

from portal_chassis.actor import Actor
from portal_contracts.notifications import ChangeMailPreferences, MailPreference, MailPreferences, MailTopic
from portal_notifications.ports import MailBook, Preferences

ALL_TOPICS: Final[tuple[MailTopic, ...]] = get_args(MailTopic)


@dataclass(frozen=True, slots=True)
class KeepPreferences:
    """Every topic is wanted unless it was turned off. Raises TryLater DATABASE_UNAVAILABLE."""

    preferences: Preferences
    book: MailBook

    async def read(self, actor: Actor) -> MailPreferences:
        """Tell what the caller wants to get."""
        return await self.of_account(actor.account_id)

    async def of_account(self, account_id: str) -> MailPreferences:
        """Tell what a customer wants to get."""
        off = await self.preferences.turned_off(account_id)
        return MailPreferences(
            preferences=[MailPreference(topic=topic, wanted=topic not in off) for topic in ALL_TOPICS],
            mailbox_refuses=await self.book.mailbox_refuses(account_id),
        )

    async def change(self, command: ChangeMailPreferences, actor: Actor) -> MailPreferences:
        """Change it and tell how it stands now. Refused IDEMPOTENCY_KEY_REUSED."""
        await self.preferences.change(actor.account_id, command)
        return await self.read(actor)
