"""Lines and their changes as fulfillment keeps them: the ports, and the rules that need nothing else. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from portal_chassis.postgres import Transaction
from portal_contracts.catalog import LocalizedText
from portal_contracts.sim_lines import LineChange, LineChangeKind, LineChangeState
from portal_fulfillment.sim import LineState

OPEN_CHANGES: Final[frozenset[LineChangeState]] = frozenset({"working", "unclear"})
STATE_WORDS: Final[Mapping[LineState, LocalizedText]] = {
    LineState.RESERVED: LocalizedText(en="Being prepared", ja="準備中"),
    LineState.PENDING: LocalizedText(en="Being activated", ja="開通作業中"),
    LineState.ACTIVE: LocalizedText(en="In service", ja="ご利用中"),
    LineState.SUSPENDED: LocalizedText(en="Suspended", ja="利用停止中"),
    LineState.ENDING: LocalizedText(en="Being cancelled", ja="解約手続き中"),
    LineState.ENDED: LocalizedText(en="Cancelled", ja="解約済み"),
    LineState.FAILED: LocalizedText(en="Being checked", ja="確認中"),
    LineState.UNKNOWN: LocalizedText(en="Being checked", ja="確認中"),
}


@dataclass(frozen=True, slots=True)
class OwnedLine:
    """A line of a customer: its number, the order it came from and the WHMCS service it is billed as."""

    account: str = field(repr=False)
    order_id: str
    account_id: str
    service_id: int
    activated_at: datetime


@dataclass(frozen=True, slots=True)
class FiledLine:
    """All that is kept of a customer's line but its code. `service_id` is None before the order is accepted."""

    account: str = field(repr=False)
    order_id: str
    service_id: int | None
    eid: str = field(repr=False)
    iccid: str = field(repr=False)
    plan_code: str
    network: str
    voice: bool
    activated_at: datetime
    code_shown_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeptChange:
    """One change a customer asked for. `request` and `fingerprint` are the command's, `line` is a number."""

    change_id: str
    service_id: int
    order_id: str
    account_id: str
    line: str = field(repr=False)
    kind: LineChangeKind
    request: str
    fingerprint: bytes
    asked_at: datetime
    state: LineChangeState = "working"
    code: str | None = None
    megabytes: int | None = None
    price: int | None = None
    ended_at: datetime | None = None

    def shown(self) -> LineChange:
        """Give it as its customer sees it: what was done is done, though its charge may stand with staff."""
        return LineChange(
            change_id=self.change_id,
            service_id=self.service_id,
            kind=self.kind,
            state=self.state,
            code=self.code if self.state != "done" else None,
            megabytes=self.megabytes,
            price=self.price,
            asked_at=self.asked_at,
            ended_at=self.ended_at,
        )


def next_reissue(changes: Sequence[KeptChange], pause: timedelta, now: datetime) -> datetime | None:
    """Give when a new eSIM may be asked for again; None when it may be now. One that was refused does not count."""
    newest = max((one.asked_at for one in changes if one.kind == "reissue" and one.state != "refused"), default=None)
    return newest + pause if newest is not None and newest + pause > now else None


class OwnedLines(Protocol):
    """Lines we have activated, by the customer whose they are. Reads outside any transaction."""

    async def of_service(self, service_id: int, account_id: str) -> OwnedLine | None:
        """Give the newest line of a service; None when the account has none there."""

    async def of_account(self, account_id: str) -> Sequence[FiledLine]:
        """Give all lines of an account with what is kept of them, the newest first."""


class LineChanges(Protocol):
    """What customers asked for. A line has one open change at most."""

    async def add(self, transaction: Transaction, change: KeptChange) -> bool:
        """Keep a new change; False when its request is known or another change of the line is open."""

    async def of_request(self, account_id: str, request: str) -> KeptChange | None:
        """Give the change a request has brought about. Reads outside any transaction."""

    async def read(self, change_id: str) -> KeptChange | None:
        """Give a change. Reads outside any transaction."""

    async def lock(self, transaction: Transaction, change_id: str) -> KeptChange | None:
        """Give a change and keep others from ending it until the transaction ends."""

    async def of_service(self, service_id: int, account_id: str) -> Sequence[KeptChange]:
        """Give the changes of a service, the newest first, at most a hundred."""

    async def of_account(self, account_id: str) -> Sequence[KeptChange]:
        """Give all changes of an account, the newest first."""

    async def standing(self, *, only_unclear: bool, limit: int) -> Sequence[KeptChange]:
        """Give the changes that are not over and those whose charge is parked, the oldest first."""

    async def park_charge(self, transaction: Transaction, change_id: str, code: str | None) -> None:
        """Write why a change that is done is not charged; None once it is."""

    async def move(
        self, transaction: Transaction, change_id: str, state: LineChangeState, *, code: str | None, at: datetime
    ) -> bool:
        """Write how an open change stands; False when it is over or stands so already."""
