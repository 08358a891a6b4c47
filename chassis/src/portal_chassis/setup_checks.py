"""The doctor's side of a service: lines that pass or fail, the bus message that asks for them, a look at the start.

    serve(service, look)              # `<service>.setup.check.v1`
    serve(service, look, at_start=…)  # and once when the process starts (D07): it is told, and nothing is refused

A look never raises a portal problem: what cannot be asked is `unknown`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from portal_chassis.call import Call
from portal_chassis.logs import get_logger
from portal_chassis.machine_time import epoch
from portal_chassis.metrics import gauge
from portal_chassis.service import Service
from portal_contracts.problems import PortalProblem
from portal_contracts.setup_checks import CheckSetupBase, SetupCheck, SetupReport, check_setup

MOST_SKEW_SECONDS: Final = 60.0
"""A signature lives three minutes at Salesforce and five at our own doors (reference salesforce.md 1.1): a minute is
still harmless."""

_FAILED: Final = gauge("portal_setup_failed_checks", "Lines of the doctor that failed when it last looked")
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """Something that must be set up, before anybody looked at it."""

    id: str
    what: str
    fix: str

    def passed(self, detail: str = "") -> SetupCheck:
        """It is as it must be."""
        return SetupCheck(id=self.id, what=self.what, result="passed", detail=detail, fix=self.fix)

    def failed(self, detail: str, fix: str = "") -> SetupCheck:
        """It is not; `fix` where what was seen says more than the line knew."""
        return SetupCheck(id=self.id, what=self.what, result="failed", detail=detail, fix=fix or self.fix)

    def unknown(self, detail: str) -> SetupCheck:
        """Nobody could be asked."""
        return SetupCheck(id=self.id, what=self.what, result="unknown", detail=detail, fix=self.fix)

    def is_so(self, holds: bool, detail: str) -> SetupCheck:  # noqa: FBT001 - the answer itself
        """It is, or is not."""
        return self.passed(detail) if holds else self.failed(detail)


Look = Callable[[], Awaitable[Sequence[SetupCheck]]]
"""Gives the lines of the whole set-up."""
ProductLook = Callable[[CheckSetupBase], Awaitable[SetupReport]]
"""Gives a service's part of the launch chain of the product asked about."""


def seen(problem: PortalProblem) -> str:
    """Give what a problem says, for a line's detail."""
    return str(problem.facts.get("message") or problem.code)


def clock_check(vendor: str, date_header: str | None) -> SetupCheck:
    """Compare this machine's clock with the Date header of a vendor's answer (RFC 9110 6.6.1: whole seconds)."""
    line = Line(
        f"{vendor}.clock",
        f"This machine's clock and {vendor}'s agree within {MOST_SKEW_SECONDS:.0f} seconds.",
        "Have the machine's clock follow a time server (chrony, systemd-timesyncd): signatures and tokens expire early "
        "or are refused.",
    )
    try:
        theirs = parsedate_to_datetime(date_header or "")
    except ValueError:
        return line.unknown("no answer with a date was seen")
    skew = datetime.fromtimestamp(epoch(), UTC) - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))
    seconds = skew.total_seconds()
    return line.is_so(abs(seconds) <= MOST_SKEW_SECONDS, f"ours is {seconds:+.0f} s from theirs")


def serve(service: Service, look: Look, *, product: ProductLook | None = None, at_start: Look | None = None) -> None:
    """Answer the doctor, and look once after the start when a look for that is given."""

    async def answer(request: CheckSetupBase, _call: Call) -> SetupReport:
        if request.sku:
            return await product(request) if product is not None else SetupReport(checks=())
        checks = await look()
        _FAILED.set(sum(check.result == "failed" for check in checks))
        return SetupReport(checks=checks)

    service.bus.answer_operators(check_setup(service.name), answer)
    if at_start is not None:
        first_look = at_start

        async def look_once() -> None:
            await report_start(first_look)

        service.background("set-up check", look_once)


async def report_start(look: Look) -> None:
    """Look once; say in logs and in the metric what failed. The service runs on whatever is found (D07)."""
    try:
        checks = await look()
    except Exception:  # noqa: BLE001 - a doctor that stumbles must not end the patient
        _log.exception("the set-up could not be checked at the start")
        return
    failed = [check for check in checks if check.result == "failed"]
    _FAILED.set(len(failed))
    for check in failed:
        _log.error("the set-up is wrong", check=check.id, seen=check.detail, fix=check.fix)
