"""Our real stack, as `make up` starts it, with what a measurement needs: sessions, and gateways set otherwise."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final

import httpx
from load import SESSIONS, write_cookies
from processes import pin

from portal_local import environment
from portal_local.demo.comparing import Systems
from portal_local.demo.customer import Customer, eventually
from portal_local.demo.journey import PASSWORD, Journey, Person
from portal_local.demo.vendors import FreebitApi, SalesforceLogin, SalesforceStaff, WhmcsApi
from portal_local.environment import Ground
from portal_local.managed import PythonProcess
from portal_local.plan import Plan, whole_portal
from portal_local.servers.ports import LOOPBACK, pick_port
from portal_local.stack import LocalStack

USERS: Final = 4
CATALOG_PATH: Final = "/catalog"
CACHING_GATEWAY: Final = "gateway-caching"
SLOW_ANSWERER: Final = Path(__file__).with_name("slow_answerer.py")
CATALOG_BYTES: Final = 8_900
"""The peers answer 8.8 KB (P1) and 8.9 KB (N2)."""
MODEL_SKU: Final = "INT-HOME-1G"
MOST_PRODUCTS: Final = 50
_PRODUCT_FIELDS: Final = ("Name", "Description", "IsActive", "Family")
_FOR_CATALOG: Final = frozenset({"sandbox", "bus-admin", "identity", "catalog", "billing", "gateway"})


def everything(ground: Ground, logs: Path) -> Sequence[PythonProcess]:
    """The whole portal; identity lets one address log in as often as a measurement must."""
    return [_with(one, _OF_IDENTITY) if one.name == "identity" else one for one in whole_portal(ground, logs)]


_OF_IDENTITY: Final = {
    "PORTAL_LOGINS_A_MINUTE_PER_ADDRESS": "100000",
    "PORTAL_SIGNUPS_AN_HOUR_PER_ADDRESS": "100000",
    "PORTAL_SESSION_IDLE_SECONDS": "43200",
}


class CatalogAlone:
    """The plan of what GET /catalog needs, with two gateways: one never keeps a reply, the other as it is delivered.

    With `slow_milliseconds` an answerer that sleeps so long takes catalog's place, and there is no second gateway.
    """

    def __init__(self, *, slow_milliseconds: int | None = None) -> None:
        self._slow_milliseconds = slow_milliseconds
        self.caching_url = ""

    def __call__(self, ground: Ground, logs: Path) -> Sequence[PythonProcess]:
        """Choose from the whole portal."""
        chosen = {one.name: one for one in everything(ground, logs) if one.name in _FOR_CATALOG}
        gateway = chosen.pop("gateway")
        without_cache = _with(gateway, {"PORTAL_MICRO_CACHE": "false"})
        if self._slow_milliseconds is not None:
            del chosen["billing"]
            arguments = (str(SLOW_ANSWERER), str(self._slow_milliseconds))
            chosen["catalog"] = dataclasses.replace(chosen["catalog"], arguments=arguments)
            return [*chosen.values(), without_cache]
        port, health = pick_port(), pick_port()
        self.caching_url = f"http://{LOOPBACK}:{port}"
        moved = {"PORTAL_GATEWAY_PORT": str(port), "PORTAL_HEALTH_PORT": str(health)}
        caching = dataclasses.replace(
            _with(gateway, moved),
            name=CACHING_GATEWAY,
            ready_url=f"http://{LOOPBACK}:{health}/readyz",
            log_path=logs / f"{CACHING_GATEWAY}.log",
            ports=(health, port),
        )
        return [*chosen.values(), without_cache, caching]


def _with(process: PythonProcess, settings: dict[str, str]) -> PythonProcess:
    return dataclasses.replace(process, environment={**process.environment, **settings})


@asynccontextmanager
async def running(folder: Path, plan: Plan = everything) -> AsyncIterator[LocalStack]:
    """Start our stack in a folder that keeps its data from run to run."""
    stack = LocalStack(folder, plan=plan, restarts=False)
    await stack.start()
    try:
        yield stack
    finally:
        await stack.stop()


def roles(stack: LocalStack, without: Collection[str] = ("sandbox",)) -> dict[str, int]:
    """Give the process ids by role of everything that is ours; the sandbox stands for other people's systems."""
    return {name: pid for name in stack.names if name not in without and (pid := stack.pid_of(name)) is not None}


def pin_stack(stack: LocalStack, cores: Collection[int]) -> None:
    """Keep everything of ours on these cores."""
    pin(roles(stack).values(), cores)


@asynccontextmanager
async def customer_of(stack: LocalStack) -> AsyncIterator[tuple[Journey, Systems]]:
    """Give a browser at the portal with everything the demo's journey needs."""
    urls = stack.sandbox_urls
    async with (
        httpx.AsyncClient(timeout=60) as client,
        Customer(stack.gateway_url, urls["sendgrid"]) as customer,
    ):
        login = SalesforceLogin(
            urls["salesforce"],
            environment.SALESFORCE_CLIENT_ID,
            environment.SALESFORCE_STAFF_USERNAME,
            stack.state.keys / "salesforce.pem",
        )
        systems = Systems(
            customer,
            SalesforceStaff(login, client),
            WhmcsApi(
                f"{urls['whmcs']}/includes/api.php", environment.WHMCS_IDENTIFIER, environment.WHMCS_SECRET, client
            ),
            FreebitApi(
                f"{urls['freebit']}/emptool/api", environment.FREEBIT_OEM_ID, environment.FREEBIT_OEM_KEY, client
            ),
        )
        yield Journey(systems, lambda _text, _seconds: None, lambda _text: None), systems


async def fill_catalog(stack: LocalStack) -> int:
    """Have staff add products until the catalog is as long as the peers' reply; give its length in bytes."""
    async with customer_of(stack) as (_journey, systems), httpx.AsyncClient() as client:
        staff = systems.salesforce
        await staff.log_in()
        found = await staff.query(f"SELECT Id FROM Product2 WHERE StockKeepingUnit = '{MODEL_SKU}'")  # noqa: S608 - ours
        model_id = found[0]["Id"]
        model = await staff.read("Product2", model_id)
        fields = {name: model[name] for name in model if name.endswith("__c") or name in _PRODUCT_FIELDS}
        of_model = f"WHERE Product2Id = '{model_id}'"
        entries = await staff.query(f"SELECT Pricebook2Id, UnitPrice FROM PricebookEntry {of_model}")  # noqa: S608 - ours
        for number in range(MOST_PRODUCTS):
            before = await _length(client, stack)
            if before >= CATALOG_BYTES:
                return before
            sku = {"StockKeepingUnit": f"BENCH-{number}", "ProductCode": f"BENCH-{number}"}
            product = await staff.create("Product2", fields | sku)
            for entry in entries:
                priced = {"Pricebook2Id": entry["Pricebook2Id"], "UnitPrice": entry["UnitPrice"]}
                await staff.create("PricebookEntry", priced | {"Product2Id": product, "IsActive": True})

            async def grown(before: int = before) -> bool:
                return await _length(client, stack) > before

            await eventually(grown, "the catalog to show a new product")
    raise RuntimeError(f"the catalog does not reach {CATALOG_BYTES} bytes")


async def _length(client: httpx.AsyncClient, stack: LocalStack) -> int:
    return len((await client.get(stack.gateway_url + CATALOG_PATH)).content)


async def sign_up_users(stack: LocalStack, users: int = USERS) -> list[Person]:
    """Sign customers up as a person would: form, mailed link, WHMCS client, log-in."""
    people = []
    for _ in range(users):
        async with customer_of(stack) as (journey, _systems):
            person = await journey.set_up_account()
            await journey.sign_up(person)
            people.append(person)
    return people


async def open_sessions(stack: LocalStack, people: Sequence[Person], path: Path) -> Path:
    """Log the customers in until there are as many sessions as a measurement wants; write their Cookie headers."""
    url, gate = stack.gateway_url, asyncio.Semaphore(4)
    # one client for all log-ins: it must not send the last session's cookies along
    forgetful = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    async with httpx.AsyncClient(timeout=60, cookies=forgetful) as client:

        async def open_one(number: int) -> str:
            person = people[number % len(people)]
            async with gate:
                answer = await client.post(
                    f"{url}/auth/login",
                    json={"email": person.email, "password": PASSWORD},
                    headers={"Origin": url},
                )
            answer.raise_for_status()
            return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())

        cookies = await asyncio.gather(*(open_one(number) for number in range(SESSIONS)))
    return write_cookies(path, cookies)
