"""What only some suites want a member to have: a stored card, a cart that waits, documents that staff refused.

Kept apart from the crowd's own records, since an order with a card goes on by itself and papers refused stop others.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import asyncpg
import httpx

from portal_local.demo.journey import CARD
from portal_local.demo.vendors import SalesforceStaff
from portal_security.crowd import Member
from portal_testing.stack import PortalStack

_AT_ONCE: Final = 8
_ADD_A_CARD: Final = "/index.php?rp=/account/paymentmethods/add"
_KEPT_CART: Final = "INSERT INTO kept_cart (cart_id, account_id, lines, kept_until) VALUES ($1, $2, $3::jsonb, $4)"


async def give_belongings(stack: PortalStack, staff: SalesforceStaff, members: Sequence[Member]) -> None:
    """Give each member all of it, each with the member's mark; `staff` are logged in."""
    await asyncio.gather(
        staff.change_many("Account", [_refused_papers(one) for one in members]),
        _kept_carts(stack, members),
        _cards(stack.sandbox_urls["whmcs"], members),
    )


def _refused_papers(member: Member) -> dict[str, str]:
    return {
        "Id": member.account_id,
        "Id_Verification_Status__c": "Rejected",
        "Id_Verification_Rejection_Message__c": member.mark,
    }


async def _kept_carts(stack: PortalStack, members: Sequence[Member]) -> None:
    until = datetime.now(UTC) + timedelta(days=3650)  # business time may have been moved on
    rows = [
        (str(uuid4()), one.account_id, json.dumps([{"reference": one.mark, "sku": "VPN-US"}]), until) for one in members
    ]
    connection = await asyncpg.connect(stack.database_url("orders"))
    try:
        await connection.executemany(_KEPT_CART, rows)
    finally:
        await connection.close()


async def _cards(whmcs: str, members: Sequence[Member]) -> None:
    """Have each log in to WHMCS's own pages and fill in the form there: its API takes no cards."""
    transport, turns = httpx.AsyncHTTPTransport(), asyncio.Semaphore(_AT_ONCE)

    async def store(member: Member) -> None:
        async with turns:
            browser = httpx.AsyncClient(base_url=whmcs, transport=transport, trust_env=False, timeout=30)
            login = {"email": member.email, "password": f"{member.mark}-password"}
            entered = await browser.post("/login", data=login)
            stored = await browser.post(_ADD_A_CARD, data={**CARD, "description": member.mark})
        assert (entered.status_code, stored.status_code) == (303, 303), stored.text
        assert "done=added" in stored.headers["location"]

    try:
        await asyncio.gather(*(store(member) for member in members))
    finally:
        await transport.aclose()
