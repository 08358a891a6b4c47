from collections.abc import Coroutine, Sequence
from datetime import date
from typing import Any, TypeVar

from portal_contracts.problems import Fact, Misconfigured, PortalProblem, Refused, TryLater
from portal_fulfillment.freebit import (
    Freebit,
    FreebitMisconfigured,
    FreebitRefused,
    FreebitUnavailable,
    FreebitUnclear,
)
from portal_fulfillment.freebit_calls import Call, CardRoute, Reason
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.ports import OperationKind, Unclear
from portal_fulfillment.sim import (
    Accepted,
    CardActivation,
    EsimActivation,
    EsimReissue,
    Line,
    Target,
    TopUp,
    Usage,
    VoiceOptions,
)

Answer = TypeVar("Answer")

_CALLS: dict[OperationKind, Call] = {
    "voice_options": Call.REGISTER_VOICE_OPTIONS,
    "change_voice_options": Call.CHANGE_VOICE_OPTIONS,
    "top_up": Call.ADD_QUOTA,
    "change_plan": Call.CHANGE_PLAN,
    "change_network": Call.CHANGE_NETWORK,
    "reissue": Call.REISSUE_ESIM,
    "cancel_line": Call.CANCEL_LINE,
}
_CARD_CALLS = {
    CardRoute.ACCOUNT_REGISTRATION: Call.REGISTER_CARD,
    CardRoute.SEMI_BLACK: Call.REGISTER_RESERVED_CARD,
    CardRoute.OVER_THE_AIR: Call.ACTIVATE_OVER_THE_AIR,
}
_CODES = {
    Reason.EID_CONFLICT: "SIM_IN_USE",
    Reason.MNP_RESERVATION_INVALID: "PORTING_RESERVATION_REFUSED",
    Reason.MNP_IDENTITY_MISMATCH: "PORTING_IDENTITY_MISMATCH",
    Reason.SIM_NOT_AVAILABLE: "SIM_CARD_UNKNOWN",
}


class FreebitSims:
    """The `Sims` port on Freebit: its answers as the portal's problems (freebit.md §4)."""

    def __init__(self, freebit: Freebit, tables: FreebitTables) -> None:
        self._freebit = freebit
        self._tables = tables

    def looks_after_activation(self, target: Target) -> Sequence[float]:
        """By the tables."""
        if not target.card_number:
            return self._tables.looks_after(Call.ACTIVATE_ESIM)
        route = self._tables.ported_card_route if target.is_ported else self._tables.new_card_route
        return self._tables.looks_after(_CARD_CALLS[route])

    def looks_after(self, kind: OperationKind) -> Sequence[float]:
        """By the tables."""
        return self._tables.looks_after(_CALLS[kind])

    async def lines_of(self, eid: str) -> tuple[Line, ...]:
        """PA03-02 by EID."""
        return await _look(self._freebit.lines_of_eid(eid))

    async def lines_of_card(self, card_number: str) -> tuple[Line, ...]:
        """PA03-02 by the number on the card."""
        return await _look(self._freebit.lines_of_card(card_number))

    async def line(self, account: str) -> Line | None:
        """PA03-02."""
        return await _look(self._freebit.get_line(account))

    async def usage(self, account: str) -> Usage:
        """PA05-01."""
        return await self._ask(self._freebit.get_usage(account))

    async def quota_history(self, account: str, first: date, last: date) -> tuple[TopUp, ...]:
        """PA05-02."""
        return await self._ask(self._freebit.list_top_ups(account, first, last))

    async def activate(self, wanted: EsimActivation) -> Accepted:
        """PA05-41."""
        return await self._ask(self._freebit.activate_esim(wanted))

    async def activate_physical(self, wanted: CardActivation) -> Accepted:
        """PA02-01, PA05-18 and PA05-19, or PA05-33."""
        return await self._ask(self._freebit.activate_card(wanted), card=wanted.card_number)

    async def register_voice_options(self, account: str, options: VoiceOptions) -> Accepted:
        """PA05-05."""
        return await self._ask(self._freebit.register_voice_options(account, options))

    async def change_voice_options(self, account: str, changes: VoiceOptions) -> Accepted:
        """PA05-06."""
        return await self._ask(self._freebit.change_voice_options(account, changes))

    async def top_up(self, account: str, megabytes: int, key: str, expires_on: date | None = None) -> Accepted:
        """PA04-04, within the limits of the tables."""
        if not self._tables.least_top_up <= megabytes <= self._tables.most_top_up:
            raise Refused("SIM_REFUSED", facts={"pair": "QUOTA_OUT_OF_RANGE"})
        return await self._ask(self._freebit.top_up(account, megabytes, key, expires_on))

    async def change_plan(self, account: str, plan_code: str, run_on: date | None = None) -> Accepted:
        """PA05-21."""
        return await self._ask(self._freebit.change_plan(account, plan_code, run_on))

    async def change_network(self, account: str, network: str) -> Accepted:
        """PA05-38."""
        return await self._ask(self._freebit.change_network(account, network))

    async def reissue_esim(self, wanted: EsimReissue) -> Accepted:
        """PA05-41 with R."""
        return await self._ask(self._freebit.reissue_esim(wanted))

    async def cancel_line(self, account: str, run_on: date | None = None) -> Accepted:
        """PA02-04."""
        return await self._ask(self._freebit.cancel_line(account, run_on))

    async def _ask(self, call: Coroutine[Any, Any, Answer], card: str = "-") -> Answer:
        try:
            return await call
        except FreebitUnclear as error:
            raise Unclear from error
        except FreebitRefused as error:
            raise self._refusal(error, card) from error
        except (FreebitUnavailable, FreebitMisconfigured) as error:
            raise _no_answer(error) from error

    def _refusal(self, error: FreebitRefused, card: str) -> PortalProblem:
        if error.reason is Reason.ACCOUNT_BUSY:
            return TryLater("LINE_BUSY", retry_after=int(self._tables.delays["busy"]))
        facts: dict[str, Fact] = {"pair": error.pair.replace("-", "_")}
        if error.reason is Reason.SIM_NOT_AVAILABLE:
            facts["card"] = card
        return Refused(_CODES.get(error.reason, "SIM_REFUSED"), facts=facts)


async def _look(call: Coroutine[Any, Any, Answer]) -> Answer:
    """A look that is refused was asked wrongly: no answer about the line is in it."""
    try:
        return await call
    except FreebitRefused as error:
        raise Misconfigured("FREEBIT_MISCONFIGURED", facts={"message": error.staff_code}) from error
    except (FreebitUnavailable, FreebitMisconfigured) as error:
        raise _no_answer(error) from error


def _no_answer(error: Exception) -> PortalProblem:
    if isinstance(error, FreebitMisconfigured):
        return Misconfigured("FREEBIT_MISCONFIGURED", facts={"message": str(error)})
    return TryLater("FREEBIT_UNAVAILABLE")
