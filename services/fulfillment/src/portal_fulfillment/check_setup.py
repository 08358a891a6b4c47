"""What the doctor finds out about Freebit (R180, R302): the login, a harmless query, the look-ups, plans by SKU."""

from collections.abc import Awaitable, Sequence
from typing import Final

import httpx

from portal_chassis.outbound import Outbound
from portal_chassis.setup_checks import Line, clock_check
from portal_contracts.setup_checks import CheckSetupBase, SetupCheck, SetupReport
from portal_fulfillment.freebit import (
    Freebit,
    FreebitMisconfigured,
    FreebitRefused,
    FreebitSettings,
    FreebitUnavailable,
)
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.settings import FreebitEnvironment
from portal_fulfillment.sim_plans import SimPlans

VENDOR: Final = "freebit"
NOBODYS_NUMBER: Final = "00000000000"
"""A phone number that no line can have."""
NOBODYS_EID: Final = "0" * 32
_LOGIN: Final = Line(
    "freebit.login",
    "Freebit gives the company a key.",
    "Set FREEBIT_BASE_URL, FREEBIT_OEM_ID and FREEBIT_OEM_KEY as Freebit gave them, and ask Freebit to let this "
    "machine's address in.",
)
_QUERY: Final = Line(
    "freebit.query",
    "The company may look at lines (PA03-02).",
    "Ask Freebit to open the account details to the company, or mend FREEBIT_BASE_URL.",
)
_BY_EID: Final = Line(
    "freebit.lines_by_eid",
    "Lines are found by EID, so that an eSIM whose reply was lost is found again.",
    "Ask Freebit how a line is found by EID, and set eid_field of PORTAL_FREEBIT_TABLES to that field's name.",
)
_PLANS: Final = Line(
    "freebit.sim_plans",
    "SIM plans are mapped to Freebit's plan codes.",
    "Name the file of plans by SKU in PORTAL_SIM_PLANS_PATH; sim_plans.sandbox.toml shows how.",
)
_PRODUCT: Final = Line(
    "product.freebit_plan",
    "The SIM product has a plan, or is a voice option, at Freebit (R180).",
    "Have Partner Relations set the plan up at Freebit and add its code under the SKU to the file of "
    "PORTAL_SIM_PLANS_PATH.",
)
_FAILURES: Final = (FreebitMisconfigured, FreebitRefused)


class CheckSetup:
    """Looks at Freebit with a key and a connection of its own."""

    def __init__(self, environment: FreebitEnvironment, tables: FreebitTables, plans: SimPlans) -> None:
        self._environment = environment
        self._tables = tables
        self._plans = plans

    async def look(self) -> list[SetupCheck]:
        """Give every line; without a login what lies behind it is unknown."""
        last: list[httpx.Response] = []

        async def note(response: httpx.Response) -> None:
            last[:] = [response]

        async with httpx.AsyncClient(event_hooks={"response": [note]}) as http:
            freebit = self._freebit(http)
            query = await _answer(_QUERY, freebit.get_line(NOBODYS_NUMBER))
            behind_the_door = bool(last) and not str(last[0].url.path).rstrip("/").endswith("authOem")
            clock = clock_check(VENDOR, last[0].headers.get("Date") if last else None)
            if not behind_the_door:
                login = _LOGIN.failed(query.detail) if query.result == "failed" else _LOGIN.unknown(query.detail)
                query = _QUERY.unknown("nobody could log in")
                by_eid = _BY_EID.unknown("nobody could log in")
            else:
                login = _LOGIN.passed()
                by_eid = await self._by_eid(freebit)
        return [login, clock, query, by_eid, self._mapped()]

    async def look_at_product(self, request: CheckSetupBase) -> SetupReport:
        """Give fulfillment's part of a product's launch chain; only SIM products have one."""
        return SetupReport(checks=self._launched(request))

    def _launched(self, request: CheckSetupBase) -> Sequence[SetupCheck]:
        if request.category != "sim":
            return []
        plan, option = self._plans.plans.get(request.sku), self._plans.voice_options.get(request.sku)
        if plan is not None:
            return [_PRODUCT.passed(f"plan code {plan.plan_code}, {plan.network}")]
        if option is not None:
            return [_PRODUCT.passed(f"voice option {option}")]
        return [_PRODUCT.failed(f"{request.sku} is neither a plan nor a voice option")]

    def _freebit(self, http: httpx.AsyncClient) -> Freebit:
        environment = self._environment
        settings = FreebitSettings.of(
            environment.base_url, environment.oem_id, environment.oem_key.get_secret_value(), self._tables
        )
        return Freebit(settings, http, Outbound(VENDOR, purpose="doctor", at_once=1, longest_wait=5.0))

    async def _by_eid(self, freebit: Freebit) -> SetupCheck:
        if not self._tables.eid_field:
            return _BY_EID.failed("eid_field is empty: eSIM orders without a number of their own cannot be made")
        return await _answer(_BY_EID, freebit.lines_of_eid(NOBODYS_EID))

    def _mapped(self) -> SetupCheck:
        plans, options = len(self._plans.plans), len(self._plans.voice_options)
        return _PLANS.is_so(bool(plans), f"{plans} plans, {options} voice options")


async def _answer(line: Line, asking: Awaitable[object]) -> SetupCheck:
    """Ask about a line that nobody has: Freebit saying so is what is wanted."""
    try:
        await asking
    except _FAILURES as refusal:
        return line.failed(str(refusal))
    except FreebitUnavailable as failure:
        return line.unknown(str(failure))
    return line.passed()
