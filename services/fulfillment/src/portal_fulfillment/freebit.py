"""Freebit over HTTP (reference/freebit.md): lines are read, switched on, changed and ended.

Which number a new line gets, and why. Freebit knows no request key, so the only way to learn what became of an
activation whose reply was lost is to ask for the line. The detail call asks by phone number. With `aladinOperated`
"20" Freebit assigns the number and only the (assumed) reply tells it: lost reply, lost line. With "10" we bring the
number, but only a company that holds numbers and registers them at the operator itself may do that, and nothing in
our systems is such a pool. So a new eSIM is sent with "20" (`AssignedNumber`), and is found again by its EID, which we
know before we send: `lines_of_eid`. That look-up is assumed (`FreebitTables.eid_field`); a Freebit without it sets the
field to "" and then this adapter refuses `AssignedNumber` as misconfigured before anything is sent, because what
could not be found again must not be started. `OwnNumber` (sent with "10"), `PreparedNumber` and `PortedNumber` carry
their number and can always be found. A second request for an EID with an open one is refused by Freebit (400-351),
so even a caller that repeated blindly would not get two lines.

Every write returns `Accepted`, never "done": the line itself shows what became of it. The calls for SIM cards are in
freebit_cards.py, the exchange itself in freebit_wire.py, the shapes of requests and replies in freebit_fields.py.
"""

import time
from collections.abc import Callable
from datetime import date
from typing import TypeVar

import httpx

from portal_chassis.outbound import Outbound
from portal_fulfillment.freebit_calls import Call, Reason
from portal_fulfillment.freebit_cards import FreebitCards
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.freebit_fields import (
    day,
    read_line,
    read_top_ups,
    read_usage,
    write_activation,
    write_options,
    write_reissue,
)
from portal_fulfillment.freebit_wire import (
    Fields,
    FreebitMisconfigured,
    FreebitRefused,
    FreebitSettings,
    FreebitUnavailable,
    FreebitUnclear,
    FreebitWire,
    masked,
)
from portal_fulfillment.sim import (
    Accepted,
    AssignedNumber,
    CardActivation,
    EsimActivation,
    EsimReissue,
    Line,
    TopUp,
    Usage,
    VoiceOptions,
)

__all__ = [
    "Freebit",
    "FreebitMisconfigured",
    "FreebitRefused",
    "FreebitSettings",
    "FreebitUnavailable",
    "FreebitUnclear",
]

Answer = TypeVar("Answer")


class Freebit:
    """Freebit's calls. One per process: it holds the key; `outbound` holds the bound on calls in flight.

    All of them raise FreebitUnavailable (nothing was changed), FreebitRefused and FreebitMisconfigured, the writes
    FreebitUnclear as well (look before anything else is sent for the line).
    """

    def __init__(
        self,
        settings: FreebitSettings,
        http: httpx.AsyncClient,
        outbound: Outbound,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tables = settings.tables
        self._wire = FreebitWire(settings, http, outbound, monotonic)
        self._cards = FreebitCards(self._wire, self._tables)

    async def get_line(self, account: str) -> Line | None:
        """The line of a phone number (PA03-02), None when Freebit has none."""
        found = await self._details("account", self._tables.detail_fields["account"], account)
        return found[0] if found else None

    async def lines_of_eid(self, eid: str) -> tuple[Line, ...]:
        """Every line ever requested for an EID, newest first, failed ones included; empty when there is none.

        FreebitMisconfigured when the tables say that Freebit has no such look-up.
        """
        if not self._tables.eid_field:
            raise FreebitMisconfigured("Freebit is set up without a look-up by EID")
        return await self._details("eid", self._tables.eid_field, eid)

    async def lines_of_card(self, card_number: str) -> tuple[Line, ...]:
        """The same for the number on a SIM card."""
        if not self._tables.card_field:
            raise FreebitMisconfigured(
                "Freebit is set up without a look-up by card, and the card's number is not known"
            )
        return await self._details("product_number", self._tables.card_field, card_number)

    async def get_usage(self, account: str) -> Usage:
        """PA05-01. Not for bulk collection: only when a customer looks, and then kept for some minutes."""
        reply = await self._wire.read(Call.TRAFFIC, {self._tables.detail_fields["account"]: account}, masked(account))
        return self._understood(read_usage, reply)

    async def list_top_ups(self, account: str, first: date, last: date) -> tuple[TopUp, ...]:
        """PA05-02: what was added between two days, both included, by Japanese date."""
        names = self._tables.history_fields
        fields = {names["account"]: account, names["from"]: day(first), names["to"]: day(last)}
        reply = await self._wire.read(Call.QUOTA_HISTORY, fields, masked(account))
        return self._understood(read_top_ups, reply)

    async def activate_esim(self, wanted: EsimActivation) -> Accepted:
        """PA05-41: asks for a line on an eSIM. Look at `lines_of_eid` (or `get_line`) before and after.

        FreebitRefused with EID_CONFLICT: the EID already has a line or an open request.
        """
        if isinstance(wanted.number, AssignedNumber) and not self._tables.eid_field:
            raise FreebitMisconfigured("without a look-up by EID a line with an assigned number could be lost")
        reply = await self._wire.write(Call.ACTIVATE_ESIM, write_activation(wanted, self._tables), masked(wanted.eid))
        if not isinstance(wanted.number, AssignedNumber):
            return self._tables.accepted(Call.ACTIVATE_ESIM, wanted.number.account)
        assigned = reply.get(self._tables.detail_fields["account"])
        return self._tables.accepted(Call.ACTIVATE_ESIM, assigned if isinstance(assigned, str) and assigned else None)

    async def activate_card(self, wanted: CardActivation) -> Accepted:
        """Asks for a line on a SIM card, by the route the tables name (freebit.md 3.9)."""
        if wanted.target.account is None and not self._tables.card_field:
            raise FreebitMisconfigured("without a look-up by card a line with an assigned number could be lost")
        return await self._cards.activate(wanted, self.get_line)

    async def reissue_esim(self, wanted: EsimReissue) -> Accepted:
        """PA05-41 with `addKind` "R": a new profile; always sent as operated by Freebit (400-356)."""
        await self._wire.write(Call.REISSUE_ESIM, write_reissue(wanted), masked(wanted.account))
        return self._tables.accepted(Call.REISSUE_ESIM, wanted.account)

    async def top_up(self, account: str, megabytes: int, key: str, expires_on: date | None) -> Accepted:
        """PA04-04. `key` is found again in the history; Freebit adds twice what is sent twice."""
        fields = {"quota": str(megabytes), "quotaCode": key}
        if expires_on is not None:
            fields["expire"] = day(expires_on)
        return await self._change(Call.ADD_QUOTA, account, fields)

    async def register_voice_options(self, account: str, options: VoiceOptions) -> Accepted:
        """PA05-05: once, right after activation of a voice line. What is None starts off. Harmless to repeat."""
        return await self._change(Call.REGISTER_VOICE_OPTIONS, account, write_options(options, self._tables))

    async def change_voice_options(self, account: str, changes: VoiceOptions) -> Accepted:
        """PA05-06: what is None stays as it is; at least one has to change."""
        return await self._change(Call.CHANGE_VOICE_OPTIONS, account, write_options(changes, self._tables))

    async def change_plan(self, account: str, plan_code: str, run_on: date | None) -> Accepted:
        """PA05-21: at once without a day, else as that day begins in Japan."""
        fields = {"planCode": plan_code}
        if run_on is not None:
            fields["runTime"] = day(run_on)
        return await self._change(Call.CHANGE_PLAN, account, fields)

    async def change_network(self, account: str, network: str) -> Accepted:
        """PA05-38: "4G" or "5G". The line is locked for about half an hour; cannot be cancelled."""
        return await self._change(Call.CHANGE_NETWORK, account, {"contractLine": network})

    async def cancel_line(self, account: str, run_on: date | None) -> Accepted:
        """PA02-04: at once without a day. Irreversible, and no call withdraws a scheduled one."""
        return await self._change(Call.CANCEL_LINE, account, {"runDate": day(run_on)} if run_on is not None else {})

    async def _change(self, call: Call, account: str, fields: Fields) -> Accepted:
        sent = {**self._tables.constants.get(call, {}), "account": account, **fields}
        await self._wire.write(call, sent, masked(account))
        return self._tables.accepted(call, account)

    async def _details(self, word: str, name: str, value: str) -> tuple[Line, ...]:
        fields = {"version": self._tables.detail_version, "requestDatas": [{"kind": "MVNO", name: value}]}
        try:
            reply = await self._wire.read(Call.DETAIL, fields, masked(value))
        except FreebitRefused as refused:
            if refused.reason is Reason.ACCOUNT_NOT_FOUND:
                return ()
            raise
        try:
            shown = reply[self._tables.detail_fields["lines"]]
            lines = tuple(read_line(one, self._tables) for one in shown)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FreebitUnavailable("the detail reply cannot be read") from error
        if not lines or any(getattr(line, word) != value for line in lines):
            raise FreebitUnavailable("the detail reply is about another line")
        return lines

    def _understood(self, read: Callable[[Fields, FreebitTables], Answer], reply: Fields) -> Answer:
        try:
            return read(reply, self._tables)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FreebitUnavailable("the reply cannot be read") from error
