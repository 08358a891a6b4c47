"""Mails that tell an owner of a change to the account's security; the mail itself is notifications' work."""

from uuid import uuid4

from portal_chassis.postgres import Transaction
from portal_contracts.identity_second_factor import SecurityChange, SecurityChanged


async def tell_owner(transaction: Transaction, account_id: str, what: SecurityChange) -> None:
    """Have the owner told, in the transaction of what it tells of."""
    await transaction.record(SecurityChanged(notice_id=str(uuid4()), account_id=account_id, what=what))
