"""WHMCS's client area: plain pages a person, or a script, can use after single sign-on."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from portal_sandbox.pages import render
from portal_sandbox.whmcs.calls import ApiError, Call, Row, Whmcs, money
from portal_sandbox.whmcs.custom_fields import client_key
from portal_sandbox.whmcs.invoices import totals
from portal_sandbox.whmcs.pay_methods import CardRefusedError, has_expired, remove_card, store_card, usable_card
from portal_sandbox.whmcs.payments import charge
from portal_sandbox.whmcs.php_forms import Params, PhpKey, PhpValue
from portal_sandbox.whmcs.sso import open_session, redeem
from portal_sandbox.whmcs.users import find_user

COOKIE = "WHMCSsandbox"
_METHODS = ["GET", "POST"]
_CARD_MESSAGES = {
    "added": "The card is stored. You can go back to the portal. カードを登録しました。ポータルにお戻りいただけます。",
    "deleted": "The card is deleted. カードを削除しました。",
}


class ClientArea:
    """Handlers of the pages; each works in one transaction."""

    def __init__(self, whmcs: Whmcs) -> None:
        self._whmcs = whmcs

    def routes(self) -> list[Route]:
        """All pages."""
        return [
            Route("/oauth/singlesignon.php", self.single_sign_on),
            Route("/login", self.login, methods=_METHODS),
            Route("/logout.php", self.logout),
            Route("/clientarea.php", self._signed_in(self._area)),
            Route("/index.php", self._signed_in(self._routed), methods=_METHODS),
            Route("/viewinvoice.php", self._signed_in(self._invoice), methods=_METHODS),
        ]

    async def single_sign_on(self, request: Request) -> Response:
        """Redeems a token and goes where it points; a dead token gets an explanation."""
        with self._whmcs.core.store.transaction() as db:
            call = Call(self._whmcs, db, Params({}), "client", _address(request))
            redeemed = redeem(call, request.query_params.get("access_token", ""))
        if redeemed is None:
            return self._page("sso_refused.html", status=403)
        cookie, path = redeemed
        return _with_cookie(RedirectResponse(f"/{path}", status_code=302), cookie)

    async def login(self, request: Request) -> Response:
        """The sign-in form; where the portal's customer comes from single sign-on instead."""
        goto = request.query_params.get("goto", "clientarea.php")
        if request.method == "GET":
            return self._sign_in_form(goto)
        form = await request.form()
        with self._whmcs.core.store.transaction() as db:
            call = Call(self._whmcs, db, Params({}), "client", _address(request))
            try:
                user = find_user(call, str(form.get("email", "")), str(form.get("password", "")))
            except ApiError:
                return self._sign_in_form(
                    goto, "Wrong e-mail or password. メールまたはパスワードが違います。", str(form.get("email", ""))
                )
            link = call.one("SELECT client_id FROM whmcs_user_client WHERE user_id = ? ORDER BY client_id", user["id"])
            if link is None:
                return self._sign_in_form(goto, "This login has no client. 契約がありません。")
            cookie = open_session(call, link["client_id"], user["id"])
        # Only paths of this site: the target comes from the address bar.
        return _with_cookie(RedirectResponse(f"/{goto.lstrip('/')}", status_code=303), cookie)

    def _sign_in_form(self, goto: str, message: str = "", email: str = "") -> Response:
        return self._page("login.html", goto=goto, message=message, email=email)

    async def logout(self, request: Request) -> Response:
        """Ends the session."""
        with self._whmcs.core.store.transaction() as db:
            db.execute("DELETE FROM whmcs_session WHERE cookie = ?", (request.cookies.get(COOKIE, ""),))
        response = RedirectResponse("/login", status_code=302)
        response.delete_cookie(COOKIE)
        return response

    async def no_page(self, _request: Request, _error: Exception) -> Response:
        """What WHMCS has and the stand-in has not, such as `serverstatus.php`."""
        return self._page("not_here.html", status=404)

    def _signed_in(self, page: Callable[[Request, Call, Row], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Opens the transaction for the client behind the cookie; others go to the sign-in form."""

        async def handle(request: Request) -> Response:
            form = (
                {name: str(value) for name, value in (await request.form()).items()} if request.method == "POST" else {}
            )
            with self._whmcs.core.store.transaction() as db:
                cookie = request.cookies.get(COOKIE, "")
                session = db.execute("SELECT * FROM whmcs_session WHERE cookie = ?", (cookie,)).fetchone()
                if session is None:
                    here = request.url.path.lstrip("/") + (f"?{request.url.query}" if request.url.query else "")
                    return RedirectResponse(f"/login?goto={quote(here)}", status_code=302)
                fields: dict[PhpKey, PhpValue] = dict(request.query_params.items())
                fields.update(form)
                call = Call(self._whmcs, db, Params(fields), "client", _address(request))
                return page(request, call, call.client(session["client_id"]))

        return handle

    def _area(self, _: Request, call: Call, client: Row) -> Response:
        pages = {
            "": self._home,
            "services": self._services,
            "products": self._services,
            "productdetails": self._service,
            "invoices": self._invoices,
            "details": self._details,
            "creditcard": self._cards,
        }
        page = pages.get(call.params.text("action"))
        return page(call, client) if page else self._unknown(client)

    def _routed(self, request: Request, call: Call, client: Row) -> Response:
        path = call.params.text("rp").rstrip("/")
        if path == "/account/paymentmethods":
            return self._cards(call, client)
        if path == "/account/paymentmethods/add":
            return self._add_card(request, call, client)
        if path.startswith("/account/paymentmethods/delete/") and request.method == "POST":
            number = path.rpartition("/")[2]
            remove_card(call, client["id"], int(number) if number.isdigit() else 0)
            return RedirectResponse("/index.php?rp=/account/paymentmethods&done=deleted", status_code=303)
        return self._home(call, client) if not path else self._unknown(client)

    def _home(self, call: Call, client: Row) -> Response:
        services = self._service_rows(call, client)
        open_invoices = [row for row in self._invoice_rows(call, client) if row["status"] == "Unpaid"]
        return self._page("home.html", client=client, services=services, invoices=open_invoices)

    def _services(self, call: Call, client: Row) -> Response:
        return self._page("services.html", client=client, services=self._service_rows(call, client))

    def _service(self, call: Call, client: Row) -> Response:
        wanted = [row for row in self._service_rows(call, client) if row["id"] == call.params.whole("id")]
        return self._page("service.html", client=client, service=wanted[0]) if wanted else self._unknown(client)

    def _invoices(self, call: Call, client: Row) -> Response:
        return self._page("invoices.html", client=client, invoices=self._invoice_rows(call, client))

    def _details(self, call: Call, client: Row) -> Response:
        return self._page("details.html", client=client, number=client_key(call, client["id"]))

    def _cards(self, call: Call, client: Row) -> Response:
        rows = call.all("SELECT * FROM whmcs_pay_method WHERE client_id = ? ORDER BY id", client["id"])
        cards = [{**dict(row), "expired": has_expired(call, row)} for row in rows]
        message = _CARD_MESSAGES.get(call.params.text("done"), "")
        return self._page("cards.html", client=client, cards=cards, message=message)

    def _add_card(self, request: Request, call: Call, client: Row) -> Response:
        params = call.params
        if request.method == "GET":
            return self._page("add_card.html", client=client, message="", typed={"expiry": "", "description": ""})
        try:
            store_card(
                call,
                client["id"],
                number=params.text("cardnumber"),
                expiry=params.text("expiry"),
                security_code=params.text("cvv"),
                description=params.text("description"),
            )
        except CardRefusedError as error:
            # The number and the security code are typed again: they never come back in a page.
            typed = {name: params.text(name) for name in ("expiry", "description")}
            return self._page("add_card.html", status=422, client=client, message=str(error), typed=typed)
        return RedirectResponse("/index.php?rp=/account/paymentmethods&done=added", status_code=303)

    def _invoice(self, request: Request, call: Call, client: Row) -> Response:
        invoice = call.one(
            "SELECT * FROM whmcs_invoice WHERE id = ? AND client_id = ? AND status <> 'Draft'",
            call.params.whole("id"),
            client["id"],
        )
        if invoice is None:
            return self._unknown(client)
        if request.method == "POST":
            paid = invoice["status"] != "Unpaid" or charge(call, invoice)
            outcome = "paid" if paid else "failed"
            return RedirectResponse(f"/viewinvoice.php?id={invoice['id']}&payment={outcome}", status_code=303)
        lines = call.all("SELECT * FROM whmcs_invoice_item WHERE invoice_id = ? ORDER BY id", invoice["id"])
        sums = totals(call, invoice)
        return self._page(
            "invoice.html",
            client=client,
            invoice=invoice,
            lines=[{"description": line["description"], "amount": yen(line["amount"])} for line in lines],
            total=yen(sums.total),
            balance=yen(sums.balance),
            card=usable_card(call, client["id"]),
            outcome=call.params.text("payment"),
        )

    def _service_rows(self, call: Call, client: Row) -> list[dict[str, Any]]:
        rows = call.all(
            "SELECT s.*, p.name FROM whmcs_service s JOIN whmcs_product p ON p.pid = s.pid WHERE s.client_id = ?"
            " ORDER BY s.id",
            client["id"],
        )
        return [{**dict(row), "price": yen(row["recurring"] or row["firstpayment"])} for row in rows]

    def _invoice_rows(self, call: Call, client: Row) -> list[dict[str, Any]]:
        rows = call.all(
            "SELECT * FROM whmcs_invoice WHERE client_id = ? AND status <> 'Draft' ORDER BY id DESC", client["id"]
        )
        return [{**dict(row), "total": yen(totals(call, row).total)} for row in rows]

    def _unknown(self, client: Row) -> Response:
        return self._page("not_here.html", status=404, client=client)

    def _page(self, template: str, *, status: int = 200, **context: object) -> Response:
        return render(f"whmcs/{template}", status=status, addresses=self._whmcs.core.addresses, **context)


def yen(hundredths: int) -> str:
    """An amount as a person reads it."""
    text = money(hundredths)
    return f"¥{int(text[:-3]):,}" if text.endswith(".00") else f"¥{text}"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _with_cookie(response: Response, cookie: str) -> Response:
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", path="/")
    return response
