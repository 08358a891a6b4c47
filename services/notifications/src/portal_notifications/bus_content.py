from portal_chassis.bus import Bus
from portal_contracts.identity import (
    MintSignupLink,
    ReadRecipient,
    Recipient,
    SignupLink,
)
from portal_contracts.identity_email import EmailChangeLink, MintEmailChangeLink, ReadFormerRecipient
from portal_contracts.identity_linking import LinkCode, MintLinkCode
from portal_contracts.identity_passwords import (
    MintPasswordResetLink,
    PasswordResetLink,
)
from portal_contracts.orders import OrderMail, ReadOrderMail


class BusContent:
    """The `Content` port: identity and orders, asked over the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def signup_link(self, signup_id: str) -> SignupLink:
        """Ask identity to mint the link."""
        return await self._bus.ask(MintSignupLink(signup_id=signup_id))

    async def password_reset_link(self, reset_id: str) -> PasswordResetLink:
        """Ask identity to mint the link."""
        return await self._bus.ask(MintPasswordResetLink(reset_id=reset_id))

    async def email_change_link(self, change_id: str) -> EmailChangeLink:
        """Ask identity to mint the link."""
        return await self._bus.ask(MintEmailChangeLink(change_id=change_id))

    async def link_code(self, link_id: str) -> LinkCode:
        """Ask identity to mint the code."""
        return await self._bus.ask(MintLinkCode(link_id=link_id))

    async def recipient(self, account_id: str) -> Recipient:
        """Ask identity for address and language."""
        return await self._bus.ask(ReadRecipient(account_id=account_id))

    async def former_recipient(self, change_id: str) -> Recipient:
        """Ask identity for the address before a change."""
        return await self._bus.ask(ReadFormerRecipient(change_id=change_id))

    async def order(self, order_id: str) -> OrderMail:
        """Ask orders for the order's content."""
        return await self._bus.ask(ReadOrderMail(order_id=order_id))
