"""What a provisioning process knows between its steps, and rules on it. No I/O."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel

from portal_chassis.process import JournalEntry
from portal_contracts.orders import ProvisioningOrder
from portal_contracts.problems import Fact

PROVISIONING: Final = "provisioning"
"""Kind of the process; its key is the order's id, whatever the attempt, so that its generation only grows."""
NOT_SENT: Final = "no"
"""Evidence `sent` of a call that surely had no effect."""


class Told(BaseModel):
    """A problem as orders and the timeline were told it."""

    code: str
    facts: dict[str, Fact] = {}


class OwnLine(BaseModel):
    """The order's line, seen active. Personal data: forgotten when the process ends."""

    account: str
    iccid: str | None = None


class ProvisioningState(BaseModel):
    """State of one attempt. Times are business time.

    `marked`: Salesforce shows Activating because of us. `told`: it shows a block instead. `failure`: why the process is
    on the way back. `requested_at`, `answered_at`: the newest activation that may have had an effect, and when the
    operator last answered about it. `written_off` counts activations that a search has shown to have had none;
    `refused_as_in_use`: the one after it was refused because the EID is taken, perhaps by that very request.
    """

    attempt: int
    source: str = ""
    order: ProvisioningOrder | None = None
    marked: bool = False
    told: Told | None = None
    failure: Told | None = None
    whmcs_order_id: int | None = None
    whmcs_service_id: int | None = None
    requested_at: datetime | None = None
    answered_at: datetime | None = None
    written_off: int = 0
    refused_as_in_use: bool = False
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


def needs_line(order: ProvisioningOrder) -> bool:
    """Whether the order is for a line that the operator has to switch on."""
    return order.category == "sim"


def fingerprint(attempt: int) -> str:
    """Give what ties a journalled call to its attempt: one process serves all attempts of an order."""
    return f"attempt {attempt}"


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
