"""What the doctor finds out about WHMCS (D07, R302): address list, credentials, rights, currency, fields, products."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import httpx

from portal_billing.settings import WhmcsSettings
from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import WhmcsApi, WhmcsConnection
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_parse import BadAnswer, custom_values, optional_whole, rows, text, whole
from portal_billing.whmcs_products import CURRENCY, WhmcsProducts
from portal_billing.whmcs_setup import (
    ACCESS,
    ACTIONS,
    ADDRESS,
    API_ACCESS,
    CLIENT_FIELD,
    CREATED_ONCE,
    CREDENTIALS,
    GATEWAY,
    LEAST_RIGHTS,
    MARKER,
    NEVER,
    YEN,
    action_line,
    product_line,
)
from portal_billing.whmcs_wire import Value
from portal_chassis.clocks import MachineClock
from portal_chassis.outbound import Outbound
from portal_chassis.setup_checks import Line, clock_check, seen
from portal_contracts.problems import Misconfigured, PortalProblem
from portal_contracts.setup_checks import CheckSetupBase, SetupCheck, SetupReport

VENDOR: Final = "whmcs"
MOST_SERVICES: Final = 50
_FAILURES: Final = (PortalProblem, WhmcsRefusal, BadAnswer)
_NO_RIGHT: Final = "invalid permissions"


class CheckSetup:
    """Looks at an installation as the portal's API credential sees it. Changes nothing there."""

    def __init__(self, settings: WhmcsSettings, fields: WhmcsFields, machine: MachineClock) -> None:
        self._settings = settings
        self._fields = fields
        self._machine = machine

    async def look(self) -> list[SetupCheck]:
        """Give every line; what lies behind a closed door is unknown."""
        async with _Visit(self._settings, self._machine) as visit:
            found = await _access(visit)
            lines = (*map(action_line, ACTIONS), LEAST_RIGHTS, YEN, GATEWAY, CLIENT_FIELD)
            products = [product_line(product_id) for product_id in self._fields.products]
            if any(check.result != "passed" for check in found[: len(ACCESS)]):
                return [*found, *(line.unknown("WHMCS does not let us in") for line in (*lines, *products))]
            found += await _rights(visit)
            found += await asyncio.gather(
                _guarded(YEN, _currency(visit)),
                _guarded(GATEWAY, _gateway(visit, self._settings.payment_method)),
                _guarded(CLIENT_FIELD, _client_field(visit, self._fields.customer_number)),
            )
            return [*found, *await self._products(visit)]

    async def look_at_access(self) -> list[SetupCheck]:
        """Give the lines about address list and credentials alone, in one harmless call."""
        async with _Visit(self._settings, self._machine) as visit:
            return await _access(visit)

    async def look_at_rights(self) -> list[SetupCheck]:
        """Give the lines about the way in and every right: what a start in production looks at (D07)."""
        async with _Visit(self._settings, self._machine) as visit:
            found = await _access(visit)
            if any(check.result != "passed" for check in found[: len(ACCESS)]):
                return found
            return [*found, *await _rights(visit)]

    async def look_at_product(self, request: CheckSetupBase) -> SetupReport:
        """Give billing's part of a product's launch chain: the marker field, and that it was created once (R302)."""
        if not request.whmcs_product_id:
            return SetupReport(checks=[line.unknown("it has no WHMCS product") for line in (MARKER, CREATED_ONCE)])
        async with _Visit(self._settings, self._machine) as visit:
            try:
                services = await _newest_services(visit, request.whmcs_product_id)
            except _FAILURES as problem:
                return SetupReport(checks=[line.unknown(_said(problem)) for line in (MARKER, CREATED_ONCE)])
        return SetupReport(checks=self._launched(request.whmcs_product_id, services))

    def _launched(self, product_id: int, services: Sequence[Mapping[str, Any]]) -> list[SetupCheck]:
        marker = self._fields.product(product_id).marker
        if marker is None:
            missing = f"product {product_id} has no marker in {self._settings.fields_path.name}"
            return [MARKER.failed(missing), CREATED_ONCE.unknown("without a marker nothing tells our services")]
        if services and not any(marker in custom_values(row) for row in services):
            return [
                MARKER.failed(f"services of product {product_id} have no field {marker}"),
                CREATED_ONCE.unknown("without a marker nothing tells our services"),
            ]
        ours = next((row for row in services if custom_values(row).get(marker)), None)
        created = f"service {text(ours, 'id')} carries our marker" if ours is not None else ""
        return [
            MARKER.passed(f"field {marker}{'' if services else ', not seen yet: it has no service'}"),
            CREATED_ONCE.is_so(ours is not None, created or "no service of it carries our marker yet"),
        ]

    async def _products(self, visit: "_Visit") -> list[SetupCheck]:
        ids = list(self._fields.products)
        try:
            sold = await WhmcsProducts(visit.api, self._fields).read(ids)
        except _FAILURES as problem:
            return [product_line(product_id).unknown(_said(problem)) for product_id in ids]

        async def one(product_id: int) -> SetupCheck:
            line, product = product_line(product_id), sold.get(product_id)
            if product is None:
                return line.failed("WHMCS has no such product")
            if not product.prices:
                return line.failed(f"it has no price in {CURRENCY} for a cycle the portal sells")
            prices = ", ".join(f"{cycle} {price} yen" for cycle, price in product.prices.items())
            marker = self._fields.product(product_id).marker
            services = await _services(visit, product_id, most=1)
            if marker is None or (services and marker not in custom_values(services[0])):
                return line.failed(f"its services have no field {marker}" if marker else "it has no marker field")
            return line.passed(f"{prices}; marker field {marker}{'' if services else ' not seen yet'}")

        return list(await asyncio.gather(*(_guarded(product_line(one_id), one(one_id)) for one_id in ids)))


class _Visit:
    """Connections of the doctor's own, so that its calls neither wait for customers' nor trip their breakers."""

    def __init__(self, settings: WhmcsSettings, machine: MachineClock) -> None:
        self.date_header: str | None = None
        client = httpx.AsyncClient(follow_redirects=False, trust_env=False, event_hooks={"response": [self._note]})
        self._connection = WhmcsConnection(settings, machine, client, client)
        outbound = Outbound(VENDOR, purpose="doctor", at_once=4, waiting=200, longest_wait=20.0, clock=machine)
        self.api = WhmcsApi(self._connection, outbound)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def _note(self, response: httpx.Response) -> None:
        self.date_header = response.headers.get("Date")


async def _access(visit: _Visit) -> list[SetupCheck]:
    """Ask for WHMCS's version: the refusals differ in their words alone (reference whmcs.md 1.4)."""
    try:
        await visit.api.read("WhmcsDetails", {})
    except Misconfigured as problem:
        found = _closed_door(seen(problem))
    except _FAILURES as problem:
        return [*(line.unknown(_said(problem)) for line in ACCESS), clock_check(VENDOR, None)]
    else:
        found = [line.passed() for line in ACCESS]
    return [*found, clock_check(VENDOR, visit.date_header)]


def _closed_door(message: str) -> list[SetupCheck]:
    said = message.casefold()
    if "invalid ip" in said or "ip banned" in said:
        behind = "WHMCS looks at the address first"
        return [ADDRESS.failed(message), CREDENTIALS.unknown(behind), API_ACCESS.unknown(behind)]
    if "authentication failed" in said or "invalid or missing credentials" in said:
        return [ADDRESS.passed(), CREDENTIALS.failed(message), API_ACCESS.unknown("nobody is logged in")]
    if "access denied" in said:
        return [ADDRESS.passed(), CREDENTIALS.passed(), API_ACCESS.failed(message)]
    if _NO_RIGHT in said:  # of WhmcsDetails alone, which has a line of its own
        return [line.passed() for line in ACCESS]
    return [ADDRESS.failed(message), CREDENTIALS.unknown(message), API_ACCESS.unknown(message)]


async def _rights(visit: _Visit) -> list[SetupCheck]:
    """Probe each action with nothing to act on: WHMCS looks at the right first, then at the missing parameters."""

    async def may(action: str) -> SetupCheck:
        line = action_line(action)
        try:
            await visit.api.read(action, ACTIONS[action])
        except WhmcsRefusal:
            return line.passed()
        except Misconfigured as problem:
            return line.failed(seen(problem))
        except _FAILURES as problem:
            return line.unknown(_said(problem))
        return line.passed()

    return [*await asyncio.gather(*map(may, ACTIONS)), await _guarded(LEAST_RIGHTS, _least_rights(visit))]


async def _least_rights(visit: _Visit) -> SetupCheck:
    granted = []
    for action in NEVER:
        try:
            await visit.api.read(action, {})
        except WhmcsRefusal:
            granted.append(action)
        except Misconfigured as problem:
            if _NO_RIGHT not in seen(problem).casefold():
                return LEAST_RIGHTS.unknown(seen(problem))
        else:
            granted.append(action)
    return LEAST_RIGHTS.is_so(not granted, f"granted are {', '.join(granted)}" if granted else "")


async def _currency(visit: _Visit) -> SetupCheck:
    found = [text(row, "code") for row in rows(await visit.api.read("GetCurrencies", {}), "currencies", "currency")]
    return YEN.is_so(CURRENCY in found, f"currencies: {', '.join(found) or 'none'}")


async def _gateway(visit: _Visit, wanted: str) -> SetupCheck:
    body = await visit.api.read("GetPaymentMethods", {})
    found = [text(row, "module") for row in rows(body, "paymentmethods", "paymentmethod")]
    return GATEWAY.is_so(wanted in found, f"{wanted} is wanted, active are {', '.join(found) or 'none'}")


async def _client_field(visit: _Visit, field_id: int) -> SetupCheck:
    """Look at any client: WHMCS lists all fields of one, without names (reference whmcs.md 2)."""
    services = await _services(visit, None, most=1)
    client_id = optional_whole(services[0].get("clientid")) if services else None
    if client_id is None:
        return CLIENT_FIELD.unknown("there is no client with a service to look at")
    body = await visit.api.read("GetClientsDetails", {"clientid": client_id})
    details = body.get("client")
    shown = custom_values(details if isinstance(details, Mapping) else body)
    return CLIENT_FIELD.is_so(
        field_id in shown, f"field {field_id}; clients have {', '.join(map(str, shown)) or 'none'}"
    )


async def _services(visit: _Visit, product_id: int | None, *, most: int) -> list[Mapping[str, Any]]:
    asked: dict[str, Value] = {"pid": product_id, "limitnum": most}
    return rows(await visit.api.read("GetClientsProducts", asked), "products", "product")


async def _newest_services(visit: _Visit, product_id: int) -> list[Mapping[str, Any]]:
    """Read the last services of a product: WHMCS lists the oldest first and sorts no other way."""
    one = await visit.api.read("GetClientsProducts", {"pid": product_id, "limitnum": 1})
    start = max(0, whole(one, "totalresults") - MOST_SERVICES)
    asked: dict[str, Value] = {"pid": product_id, "limitstart": start, "limitnum": MOST_SERVICES}
    return rows(await visit.api.read("GetClientsProducts", asked), "products", "product")


async def _guarded(line: Line, work: Any) -> SetupCheck:
    """Give the work's line; what cannot be asked is unknown, the reason has a line of its own."""
    try:
        check: SetupCheck = await work
    except _FAILURES as problem:
        return line.unknown(_said(problem))
    return check


def _said(problem: Exception) -> str:
    return seen(problem) if isinstance(problem, PortalProblem) else str(problem)
