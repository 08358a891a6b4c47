"""What a provisioning process knows between its steps, and rules on it. No I/O."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel

from portal_chassis.process import JournalEntry
from portal_contracts.orders import ProvisioningOrder
from portal_contracts.problems import Fact
from portal_fulfillment.waiting_times import WaitingTimes

PROVISIONING: Final = "provisioning"
"""Kind of the process; its key is the order's id, whatever the attempt, so that its generation only grows."""
NOT_SENT: Final = "no"
"""Evidence `sent` of a call that surely had no effect."""


STEPS: Final = (
    "read_order",
    "mark_activating",
    "check_payment_method",
    "validate",
    "reserve",
    "activate_sim",
    "confirm_sim",
    "confirm_approval",
    "accept",
    "voice_options",
    "record_outcome",
    "release",
    "record_failure",
)
"""The process's steps in their order. The names stand in the database."""


class Told(BaseModel):
    """A problem as orders and the timeline were told it, and the step that met it."""

    code: str
    facts: dict[str, Fact] = {}
    step: str = STEPS[0]
    to_a_person: bool = False
    """Whether it was handed over to a person, rather than blocked."""

    def is_overcome_by(self, step: str) -> bool:
        """Whether a step that succeeds has shown that the problem is gone: the one that met it, or a later one."""
        return STEPS.index(self.step) <= STEPS.index(step)


class OwnLine(BaseModel):
    """The order's line, seen active. Personal data: forgotten when the process ends."""

    account: str
    iccid: str | None = None


class Schedule(BaseModel):
    """What is known of an order that waits for its date.

    `start`: the time it was told to wait for. `look_at`: when it looks again by itself; sooner means that it was woken.
    `checked_at`: the newest preflight, `passed`: whether that found nothing missing. `told`: the codes of what was
    missing, told once for each start.
    """

    start: datetime
    look_at: datetime | None = None
    checked_at: datetime | None = None
    passed: bool = False
    told: list[str] = []


class ProvisioningState(BaseModel):
    """State of one attempt. Times are business time.

    `schedule`: set while the order waits for its date. `accepting`: billing was asked to accept, so nothing turns back
    any more. `cancelled_by`: the operator because of whom it is on the way back. `waited`: whose turn it was so far.

    `order`, `read_at`: the order as it was last seen approved, and when. `marked`: Salesforce shows Activating because
    of us. `told`: it shows a block instead. `failure`: why the process is on the way back. `requested_at`,
    `answered_at`: the newest activation that may have had an effect, and when the operator last answered about it.
    `written_off` counts activations that a search has shown to have had none.
    """

    attempt: int
    source: str = ""
    correlation_id: str = ""
    schedule: Schedule | None = None
    accepting: bool = False
    cancelled_by: str | None = None
    waited: WaitingTimes = WaitingTimes()
    order: ProvisioningOrder | None = None
    read_at: datetime | None = None
    marked: bool = False
    told: Told | None = None
    failure: Told | None = None
    whmcs_order_id: int | None = None
    whmcs_service_id: int | None = None
    requested_at: datetime | None = None
    answered_at: datetime | None = None
    written_off: int = 0
    line: OwnLine | None = None

    def known_order(self) -> ProvisioningOrder:
        """Give the order as it was last read; every step after the first has it."""
        if self.order is None:
            raise LookupError("the order has not been read yet")
        return self.order

    def forget_person(self) -> None:
        """Drop personal data: nothing of it is needed once the process has ended."""
        self.order = None
        self.line = None


def evidence_of(state: ProvisioningState) -> dict[str, Fact]:
    """Give what the attempt has brought about so far: ids of both systems, for whoever has to decide."""
    evidence: dict[str, Fact] = {}
    if state.whmcs_order_id is not None:
        evidence["whmcs_order_id"] = state.whmcs_order_id
    if state.whmcs_service_id is not None:
        evidence["whmcs_service_id"] = state.whmcs_service_id
    if state.line is not None:
        evidence["line"] = "active"
    return evidence


def needs_line(order: ProvisioningOrder) -> bool:
    """Whether the order is for a line that the operator has to switch on."""
    return order.category == "sim"


def fingerprint(attempt: int) -> str:
    """Give what ties a journalled call to its attempt: one process serves all attempts of an order."""
    return f"attempt {attempt}"


def attempt_of(journalled: str) -> int:
    """Give the attempt a journalled call belongs to; 0 when its fingerprint does not say."""
    number = journalled.removeprefix("attempt ").split(" ", 1)[0]
    return int(number) if number.isdecimal() else 0


def possible_effects(journal: Sequence[JournalEntry], attempt: int) -> list[JournalEntry]:
    """Give the calls of an attempt that may have had an effect, the oldest first.

    A call without an end belongs to a worker that died: nobody knows whether it was sent.
    """
    return [
        entry
        for entry in journal
        if entry.fingerprint == fingerprint(attempt)
        and entry.state != "failed"
        and entry.evidence.get("sent") != NOT_SENT
    ]


def next_look(since: datetime, looks: Sequence[float], now: datetime) -> datetime | None:
    """Give when to look again, by the offsets in seconds after `since`; None when all have passed."""
    offsets = (since + timedelta(seconds=offset) for offset in looks)
    return next((look for look in offsets if look > now), None)
