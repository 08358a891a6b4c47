"""What callers want of an order: the row through which a command reaches the process that works on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from portal_billing.order import DraftOrder, OrderUnit, units_of
from portal_contracts.billing import OrderLine
from portal_contracts.problems import Refused, TryLater

Goal = Literal["reserve", "accept", "release"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about one WHMCS order: the winner of its round, or an extra to be cancelled."""

    round: int
    winner: bool


def winner_of(verdicts: Mapping[int, Verdict], round_: int) -> int | None:
    """Give the winner of a round."""
    return next((number for number, verdict in verdicts.items() if verdict.winner and verdict.round == round_), None)


@dataclass(frozen=True, slots=True)
class OrderDesk:
    """One Salesforce order's desk.

    `generation` is the newest a caller has shown: an older caller was taken over and is turned away. `ask` counts the
    wants, so that a problem told to one is looked at anew for the next. `round` counts reservations that were released:
    each has a winner of its own. While `closing`, a release is under way and must end first. `retries` counts the
    creations an operator has allowed on top of the usual ones in this round. Once an operator has `given_up` the
    reservation, nobody gets another before the caller has released it. `sweep` numbers the search for late twins that
    counts, which goes on until `swept_until` (business time). `asked_at` is when somebody last wanted something, in
    business time: what was approved then may not be approved any more.
    """

    order_id: str
    goal: Goal
    generation: int
    client_id: int = 0
    lines: Sequence[OrderLine] = ()
    eid: str | None = field(default=None, repr=False)
    phone_number: str | None = field(default=None, repr=False)
    iccid: str | None = field(default=None, repr=False)
    round: int = 1
    ask: int = 1
    closing: bool = False
    retries: int = 0
    given_up: bool = False
    sweep: int = 0
    swept_until: datetime | None = None
    asked_at: datetime | None = None

    def is_wanted(self, now: datetime, for_: timedelta) -> bool:
        """Whether somebody has asked so lately that a new order is still approved."""
        return self.asked_at is not None and now - self.asked_at <= for_

    def units(self) -> tuple[OrderUnit, ...]:
        """Give the services the lines become."""
        return units_of(self.lines)

    def draft(self) -> DraftOrder:
        """Give what AddOrder is to make."""
        return DraftOrder(self.order_id, self.client_id, self.units(), self.eid)


def merged(standing: OrderDesk | None, wanted: OrderDesk, *, has_winner: bool) -> OrderDesk:
    """Give the desk after a want. `has_winner`: a reservation stands in the current round.

    TryLater IN_PROGRESS for a caller that was taken over, and while a release is under way; Refused NOT_FOUND when
    there is nothing to accept, PROVISIONING_CANCELLED after an operator gave it up, IDEMPOTENCY_KEY_REUSED when a
    standing reservation is asked for with other content.
    """
    if standing is None:
        if wanted.goal == "accept":
            raise Refused("NOT_FOUND")
        return replace(wanted, closing=wanted.goal == "release")
    if wanted.generation < standing.generation:
        raise TryLater("IN_PROGRESS")
    if standing.given_up and wanted.goal != "release":
        raise Refused("PROVISIONING_CANCELLED")
    if standing.closing and wanted.goal != "release":
        raise TryLater("IN_PROGRESS")
    desk = replace(
        standing, goal=wanted.goal, generation=wanted.generation, ask=standing.ask + 1, asked_at=wanted.asked_at
    )
    if wanted.goal == "release":
        return replace(desk, closing=True, given_up=False)
    if wanted.goal == "accept":
        return replace(
            desk,
            phone_number=wanted.phone_number or standing.phone_number,
            iccid=wanted.iccid or standing.iccid,
        )
    if (wanted.client_id, list(wanted.lines)) != (standing.client_id, list(standing.lines)) and has_winner:
        raise Refused("IDEMPOTENCY_KEY_REUSED")
    return replace(desk, client_id=wanted.client_id, lines=wanted.lines, eid=wanted.eid)


def retried(desk: OrderDesk) -> OrderDesk:
    """Give the desk after an operator allowed one more creation. Whoever asks next counts as the newest caller."""
    return replace(desk, retries=desk.retries + 1, ask=desk.ask + 1, generation=0)


def linked(desk: OrderDesk) -> OrderDesk:
    """Give the desk after an operator has named the order: problems told before count no more."""
    return replace(desk, ask=desk.ask + 1)


def given_up(desk: OrderDesk) -> OrderDesk:
    """Give the desk after an operator took the reservation back."""
    return replace(desk, goal="release", closing=True, given_up=True, ask=desk.ask + 1)


def swept(desk: OrderDesk, until: datetime) -> OrderDesk:
    """Give the desk with a new search for late twins, which takes the place of the one before and never ends sooner."""
    latest = until if desk.swept_until is None else max(until, desk.swept_until)
    return replace(desk, sweep=desk.sweep + 1, swept_until=latest)
