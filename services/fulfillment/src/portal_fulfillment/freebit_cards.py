"""SIM cards at Freebit: three routes, of which the contract allows some (reference/freebit.md 3.9).

PA02-01 and PA05-33 are one request each. A semi-black card takes two: PA05-18 reserves it, PA05-19 brings it into
service. Between them the line stands as reserved; so whoever finds a line that is reserved on the wanted card goes on
with PA05-19, and nothing has to be remembered about how far an earlier request came.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from portal_fulfillment.freebit_calls import Call, CardRoute, Reason
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.freebit_fields import write_porting
from portal_fulfillment.freebit_wire import FreebitMisconfigured, FreebitRefused, FreebitWire, masked
from portal_fulfillment.sim import Accepted, CardActivation, Line, LineState, PortedNumber

log = logging.getLogger(__name__)

_RESERVATION_WRONG: Final = frozenset({Reason.MNP_RESERVATION_INVALID, Reason.MNP_IDENTITY_MISMATCH})
# Refusals after which the reservation surely stands: to cancel one that is in service meanwhile would be fatal.
_STILL_RESERVED: Final = _RESERVATION_WRONG | {Reason.PLAN_INVALID, Reason.INVALID_REQUEST, Reason.UNSUPPORTED_PATTERN}

LookUp = Callable[[str], Awaitable[Line | None]]


class FreebitCards:
    """The calls that switch a card on."""

    def __init__(self, wire: FreebitWire, tables: FreebitTables) -> None:
        self._wire = wire
        self._tables = tables

    async def activate(self, wanted: CardActivation, line_of: LookUp) -> Accepted:
        """Asks for the line by the route the tables name."""
        ported = isinstance(wanted.number, PortedNumber)
        route = self._tables.ported_card_route if ported else self._tables.new_card_route
        match route:
            case CardRoute.ACCOUNT_REGISTRATION if not ported:
                return await self._ask(Call.REGISTER_CARD, wanted)
            case CardRoute.OVER_THE_AIR:
                return await self._ask(Call.ACTIVATE_OVER_THE_AIR, wanted)
            case CardRoute.SEMI_BLACK if ported:
                return await self._bring_in(wanted, line_of)
            case _:
                raise FreebitMisconfigured(f"route {route} does not take {'ported' if ported else 'new'} numbers")

    async def _bring_in(self, wanted: CardActivation, line_of: LookUp) -> Accepted:
        """PA05-18 unless the card is reserved already, then PA05-19.

        A reservation with which Freebit will not go on is cancelled (PA05-20), so that a corrected one can take its
        place; when it was an earlier one, the present one does so at once.
        """
        line = await line_of(wanted.target.account or "")
        is_fresh = line is None or line.state is not LineState.RESERVED or not wanted.target.carries(line)
        while True:
            if is_fresh:
                await self._ask(Call.RESERVE_CARD, wanted)
            try:
                return await self._ask(Call.REGISTER_RESERVED_CARD, wanted)
            except FreebitRefused as refused:
                if refused.reason not in _STILL_RESERVED:
                    raise
                await self._ask(Call.CHANGE_RESERVED_CARD, wanted, state=self._tables.words["reservation_cancelled"])
                log.info("a reservation was cancelled, card %s", masked(wanted.card_number))
                if is_fresh or refused.reason not in _RESERVATION_WRONG:
                    raise
                is_fresh = True

    async def _ask(self, call: Call, wanted: CardActivation, **more: str) -> Accepted:
        await self._wire.write(call, self._fields(call, wanted) | self._named(more), masked(wanted.card_number))
        return self._tables.accepted(call, wanted.target.account)

    def _fields(self, call: Call, wanted: CardActivation) -> dict[str, Any]:
        words: dict[str, Any] = {
            "add_kind": "M" if isinstance(wanted.number, PortedNumber) else "N",
            "account": wanted.target.account,
            "card_number": wanted.card_number,
            "plan_code": wanted.plan_code,
            "network": wanted.network,
            "porting": self._porting(call, wanted),
        }
        asked = {word: words[word] for word in self._tables.card_requests[call] if words[word] is not None}
        return {**self._tables.constants.get(call, {}), **self._named(asked)}

    def _porting(self, call: Call, wanted: CardActivation) -> dict[str, str] | None:
        if not isinstance(wanted.number, PortedNumber):
            return None
        data = write_porting(wanted.number, self._tables)
        method = {self._tables.card_fields["method"]: self._tables.words["semi_black"]}
        if call is Call.RESERVE_CARD:
            return method | data
        if call is Call.CHANGE_RESERVED_CARD:
            reservation = self._tables.porting_fields["reservation"]
            return method | {reservation: data.get(reservation, "")}
        return data

    def _named(self, words: dict[str, Any]) -> dict[str, Any]:
        return {self._tables.card_fields[word]: value for word, value in words.items()}
