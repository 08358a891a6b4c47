from collections.abc import Sequence
from dataclasses import dataclass

from portal_contracts.drift import LinkedClients
from portal_contracts.identity import CustomerLink, Me, Recipient
from portal_contracts.problems import Refused
from portal_identity.ports import User
from portal_identity.store_deletions import Deletions
from portal_identity.store_users import Users


@dataclass(frozen=True, slots=True)
class ReadCustomer:
    """Read a portal user, for the user and for other services."""

    users: Users
    deletions: Deletions

    async def me(self, user_id: str) -> Me:
        """Give the signed-in customer; Refused SESSION_EXPIRED when the user is gone."""
        user = await self.users.by_id(user_id)
        if user is None:
            raise Refused("SESSION_EXPIRED")
        return Me(
            user_id=user.user_id,
            email=user.email,
            name=user.name,
            locale=user.locale,
            customer_number=user.link.customer_number,
            account_id=user.link.account_id,
            whmcs_client_id=user.link.whmcs_client_id,
        )

    async def link(self, account_id: str) -> CustomerLink:
        """Give the link of an account; Refused CUSTOMER_NOT_LINKED."""
        return (await self._of_account(account_id)).link

    async def recipient(self, account_id: str) -> Recipient:
        """Give where a customer's mail goes; Refused CUSTOMER_NOT_LINKED."""
        user = await self._of_account(account_id)
        return Recipient(email=user.email, name=user.name, locale=user.locale)

    async def linked(self, whmcs_client_ids: Sequence[int]) -> LinkedClients:
        """Tell which WHMCS clients have a portal user, and which had one; the others may be orphans (D05, D17)."""
        linked = await self.users.accounts_of(whmcs_client_ids)  # first: who is deleted meanwhile is one of the two
        deleted = await self.deletions.accounts_of(whmcs_client_ids)
        return LinkedClients(linked=linked, deleted={one: deleted[one] for one in deleted if one not in linked})

    async def _of_account(self, account_id: str) -> User:
        user = await self.users.by_account(account_id)
        if user is None:
            raise Refused("CUSTOMER_NOT_LINKED")
        return user
