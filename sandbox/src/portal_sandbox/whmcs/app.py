"""Joins the WHMCS stand-in: tables, switches, seed, daily job, API, client area."""

from datetime import date

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from portal_sandbox.core.core import Core
from portal_sandbox.core.date_header import dated
from portal_sandbox.whmcs.admin_pages import AdminPages
from portal_sandbox.whmcs.api import Api, action_name
from portal_sandbox.whmcs.calls import VENDOR, Call, Whmcs
from portal_sandbox.whmcs.client_area import ClientArea
from portal_sandbox.whmcs.cron import run_missed_days
from portal_sandbox.whmcs.hooks import HookSender
from portal_sandbox.whmcs.manners import WhmcsManners
from portal_sandbox.whmcs.php_forms import Params
from portal_sandbox.whmcs.seed import seed
from portal_sandbox.whmcs.tables import TABLES

_API_PATH = "/includes/api.php"


def build(core: Core) -> ASGIApp:
    """The ASGI application of the WHMCS port."""
    core.store.migrate(VENDOR, TABLES)
    _declare_switches(core)
    hooks = HookSender(core)
    whmcs = Whmcs(core, hooks.fire)
    core.store.on_reset(lambda: seed(whmcs))

    ran_on: list[date] = []

    def daily_job() -> None:
        if ran_on == [whmcs.today()]:
            return
        with core.store.transaction() as db:
            run_missed_days(Call(whmcs, db, Params({}), "cron", ""))
        ran_on[:] = [whmcs.today()]

    def after_move() -> None:
        daily_job()
        hooks.drain()

    core.clock.on_move(after_move)
    area = ClientArea(whmcs)
    staff = AdminPages(whmcs)
    pages = Starlette(
        routes=[
            Route(_API_PATH, Api(whmcs).endpoint, methods=["GET", "POST"]),
            Route("/", _home),
            Route("/robots.txt", _robots),
            Route("/admin/orders.php", staff.orders),
            Route("/admin/products.php", staff.products),
            Route("/admin/products.php", staff.change_price, methods=["POST"]),
            *area.routes(),
        ],
        exception_handlers={404: area.no_page},
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Real midnights count too: the job runs before the first call of a new day.
        daily_job()
        await pages(scope, receive, send)

    return dated(core.faults.middleware(app, VENDOR, name_call, WhmcsManners()), core.switches, VENDOR)


def name_call(scope: Scope, body: bytes) -> str:
    """`AddOrder` for API calls, the path for pages, such as `/oauth/singlesignon.php`."""
    path = str(scope["path"])
    return action_name(body) if path == _API_PATH else path


async def _home(_: Request) -> Response:
    return RedirectResponse("/clientarea.php", status_code=302)


async def _robots(_: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


def _declare_switches(core: Core) -> None:
    def declare(name: str, default: str | bool | int, meaning: str, *choices: str | bool) -> None:  # noqa: FBT001 - values
        core.switches.declare(VENDOR, name, default, meaning, choices)

    declare("emptyLists", "string", "how an empty nested list looks", "string", "list", "object", "null", "missing")
    declare("listShape", "list", "how a filled list looks", "list", "single", "numbered")
    declare(
        "ids",
        "documented",
        "ids and counters as the official examples have them, or all alike",
        "documented",
        "strings",
        "numbers",
    )
    declare("entityText", True, "names, addresses and descriptions come entity-escaped", True, False)
    declare("zeroDates", "zero", "an empty date is 0000-00-00 or an empty text", "zero", "empty")
    declare("serviceIdsName", "serviceids", "AddOrder's name for the new services", "serviceids", "productids")
    declare("keepNotes", False, "AddOrder keeps the undocumented notes field", True, False)
    declare(
        "priceOverride",
        "both",
        "priceoverride changes the first payment only, or the recurring amount too",
        "both",
        "first",
    )
    declare("oneTimeStatus", "Active", "status of accepted one-time products", "Active", "Completed")
    declare("immutableInvoices", False, "published invoices keep their lines, as in WHMCS 9", True, False)
    declare("nightlyCapture", True, "the daily job charges cards once for invoices that are due", True, False)
    declare("moduleError", "", "text every module call fails with (empty: modules work)")
    declare(
        "onModuleError",
        "refuse",
        "a failing module makes AcceptOrder fail, or only enters the module queue",
        "refuse",
        "queue",
    )
    declare("acceptActivates", True, "AcceptOrder makes the services Active; off: they stay Pending", True, False)
    declare("deniedActions", "", "comma list of actions the API role lacks")
    declare("extraActions", "", "comma list of dangerous actions the API role grants, such as DeleteOrder")
    declare("currency", "JPY", "the installation's only currency, as GetCurrencies has it")
    declare("gatewaysOff", "", "comma list of payment gateways that are not active")
    declare("missingProducts", "", "comma list of products that GetProducts does not know")
    declare("unpricedProducts", "", "comma list of products without a price in yen")
    declare("configOptions", "", "comma list of products' options and their values, such as 202:12=34")
    declare("missingFields", "", "comma list of custom field ids that answers do not show")
    declare("allowedIps", "", "comma list of addresses that may call (empty: all)")
    declare("accessKey", "", "a key that replaces the address check")
    declare("adminApiAccess", True, "the admin behind the credential has API access", True, False)
    declare("failedLoginsBeforeBan", 0, "wrong credentials until an address is banned for 15 minutes (0: never)")
    declare("version", "8.13.1", "what WhmcsDetails answers")
    declare("hooks", "send", "signed events are sent once, never, or twice", "send", "drop", "duplicate")
    declare("hookDelaySeconds", 0, "real seconds until an event is sent")
