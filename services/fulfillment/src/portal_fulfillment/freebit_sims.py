from collections.abc import Sequence

from portal_contracts.problems import Misconfigured, PortalProblem, Refused, TryLater
from portal_fulfillment.freebit import (
    Freebit,
    FreebitMisconfigured,
    FreebitRefused,
    FreebitUnavailable,
    FreebitUnclear,
)
from portal_fulfillment.freebit_codes import Call, FreebitTables, Reason
from portal_fulfillment.ports import Unclear
from portal_fulfillment.sim import Accepted, EsimActivation, Line, VoiceOptions

BUSY_SECONDS = 600
"""Pause while another request for the line runs (freebit.md §4)."""


class FreebitSims:
    """The `Sims` port on Freebit: its answers as the portal's problems."""

    def __init__(self, freebit: Freebit, tables: FreebitTables) -> None:
        self._freebit = freebit
        self._tables = tables

    @property
    def looks_after_activation(self) -> Sequence[float]:
        """By the tables."""
        return self._looks(Call.ACTIVATE_ESIM)

    @property
    def looks_after_options(self) -> Sequence[float]:
        """By the tables."""
        return self._looks(Call.REGISTER_VOICE_OPTIONS)

    def _looks(self, call: Call) -> Sequence[float]:
        return sorted(self._tables.look_after[self._tables.timings[call]])

    async def lines_of(self, eid: str) -> tuple[Line, ...]:
        """PA03-02 by EID."""
        try:
            return await self._freebit.lines_of_eid(eid)
        except (FreebitUnavailable, FreebitMisconfigured, FreebitRefused) as error:
            raise _problem_of_read(error) from error

    async def line(self, account: str) -> Line | None:
        """PA03-02."""
        try:
            return await self._freebit.get_line(account)
        except (FreebitUnavailable, FreebitMisconfigured, FreebitRefused) as error:
            raise _problem_of_read(error) from error

    async def activate(self, wanted: EsimActivation) -> Accepted:
        """PA05-41."""
        try:
            return await self._freebit.activate_esim(wanted)
        except FreebitUnclear as error:
            raise Unclear from error
        except (FreebitUnavailable, FreebitMisconfigured, FreebitRefused) as error:
            raise _problem_of_write(error) from error

    async def register_voice_options(self, account: str, options: VoiceOptions) -> Accepted:
        """PA05-05."""
        try:
            return await self._freebit.register_voice_options(account, options)
        except FreebitUnclear as error:
            raise Unclear from error
        except (FreebitUnavailable, FreebitMisconfigured, FreebitRefused) as error:
            raise _problem_of_write(error) from error


def _problem_of_read(error: Exception) -> PortalProblem:
    """A look that is refused was asked wrongly: no answer about the line is in it."""
    if isinstance(error, FreebitRefused):
        return Misconfigured("FREEBIT_MISCONFIGURED", facts={"message": error.staff_code})
    return _problem_of_write(error)


def _problem_of_write(error: Exception) -> PortalProblem:
    if isinstance(error, FreebitMisconfigured):
        return Misconfigured("FREEBIT_MISCONFIGURED", facts={"message": str(error)})
    if not isinstance(error, FreebitRefused):
        return TryLater("FREEBIT_UNAVAILABLE")
    if error.reason is Reason.EID_CONFLICT:
        return Refused("SIM_IN_USE")
    if error.reason is Reason.ACCOUNT_BUSY:
        return TryLater("FREEBIT_UNAVAILABLE", retry_after=BUSY_SECONDS)
    return Refused("SIM_REFUSED", facts={"pair": error.pair.replace("-", "_")})
