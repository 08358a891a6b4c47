"""Customers whose services run: an eSIM, an Internet line and a VPN, and what they ask about them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portal_local.demo.customer import Customer, Problem, eventually
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack


@dataclass(frozen=True)
class Subscriber:
    """A customer with a service of each kind; ids by category: `sim`, `internet`, `vpn`."""

    shopper: Shopper
    orders: Mapping[str, str]
    opportunities: Mapping[str, str]
    services: Mapping[str, int]
    line: str
    """The eSIM's phone number."""
    whmcs_client_id: int

    @property
    def customer(self) -> Customer:
        """The customer's browser."""
        return self.shopper.customer

    def path(self, category: str, rest: str) -> str:
        """Give the address of something about a service."""
        return f"/subscriptions/{self.services[category]}/{rest}"

    async def detail(self, category: str) -> dict[str, Any]:
        """What the customer sees of a service."""
        found: dict[str, Any] = await self.customer.get(f"/services/{self.services[category]}")
        return found

    async def change(
        self, what: str, body: Mapping[str, Any], *, key: str | None = None, stack: PortalStack | None = None
    ) -> dict[str, Any]:
        """Change the line and wait until that is over; with `stack` business time runs meanwhile."""
        asked: dict[str, Any] = await self.customer.post(self.path("sim", what), body, key=key)
        return await self.ended(asked, stack)

    async def ended(
        self, change: Mapping[str, Any], stack: PortalStack | None = None, *, pace: int = 5
    ) -> dict[str, Any]:
        """Wait until a change of the line is over; with `stack` business time runs by `pace` seconds at each look."""

        async def look() -> dict[str, Any] | None:
            if stack is not None:
                await stack.sandbox.advance_clock(pace)
            found: dict[str, Any] = await self.customer.get(f"/line-changes/{change['changeId']}")
            return found if found["state"] in ("done", "refused") else None

        return await eventually(look, f"the end of {change['kind']}")

    async def mails(self, *words: str) -> list[dict[str, Any]]:
        """Give the customer's mails whose subject has one of the words, the oldest first."""
        mails = await self.customer.mails(self.shopper.person.email)
        return [mail for mail in mails if any(word in mail["subject"] for word in words)]


async def subscribe(shopper: Shopper) -> Subscriber:
    """Order one service of each kind, have staff approve them, and wait until all run and every system agrees."""
    await shopper.journey.order(shopper.person)
    await shopper.journey.approve()
    disagreements = await shopper.finish()
    if disagreements:
        raise AssertionError("; ".join(disagreements))
    orders = shopper.journey.orders
    return Subscriber(
        shopper,
        {one.category: one.order_id for one in orders},
        {one.category: one.opportunity_id for one in orders},
        {one.category: one.service_id for one in orders},
        next(one.line for one in orders if one.category == "sim"),
        int((await shopper.customer.get("/me"))["whmcsClientId"]),
    )


async def refusal(asking: Awaitable[object]) -> tuple[int, str]:
    """Give status and code of a request that is refused; raises AssertionError for one that is answered."""
    try:
        answer = await asking
    except Problem as problem:
        return problem.status, problem.code
    raise AssertionError(f"answered: {answer}")


async def refusal_words(customer: Customer, asking: Callable[[], Awaitable[object]]) -> Mapping[str, str]:
    """Give what a customer is told of a request that is refused, in both languages."""
    words: dict[str, str] = {}
    for language in ("ja", "en"):
        customer.prefer(language)
        try:
            await asking()
        except Problem as problem:
            words[language] = str(problem.body["detail"])
    return words


async def at_once(*asking: Awaitable[Any]) -> list[Any]:
    """Send requests at the same time; answers, and codes in place of what was refused."""

    async def one(request: Awaitable[Any]) -> Any:
        try:
            return await request
        except Problem as problem:
            return problem.code

    return list(await asyncio.gather(*(one(request) for request in asking)))


async def until(look: Callable[[], Awaitable[Any]], pleases: Callable[[Any], bool], what: str) -> Any:
    """Look again and again until what is seen pleases, and give it."""

    async def pleased() -> Any:
        seen = await look()
        return (seen,) if pleases(seen) else None

    return (await eventually(pleased, what))[0]
