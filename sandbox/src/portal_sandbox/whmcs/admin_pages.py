"""What WHMCS's staff would see of orders, and where they change a product's price."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from portal_sandbox.pages import render
from portal_sandbox.whmcs.calls import Call, Row, Whmcs
from portal_sandbox.whmcs.client_area import yen
from portal_sandbox.whmcs.custom_fields import order_marker
from portal_sandbox.whmcs.php_forms import Params, parse_form

_NEWEST = 200
_DIGITS = 9
_CENTS = 100


class AdminPages:
    """Handlers of the staff pages."""

    def __init__(self, whmcs: Whmcs) -> None:
        self._whmcs = whmcs

    async def orders(self, _: Request) -> Response:
        """The newest orders with their services, invoices and markers."""
        with self._whmcs.core.store.transaction() as db:
            call = Call(self._whmcs, db, Params({}), "staff", "")
            rows = call.all(
                "SELECT o.*, c.firstname, c.lastname, i.status AS invoice_status FROM whmcs_order o JOIN whmcs_client c"
                " ON c.id = o.client_id LEFT JOIN whmcs_invoice i ON i.id = o.invoice_id ORDER BY o.id DESC LIMIT ?",
                _NEWEST,
            )
            orders = [
                {
                    **dict(row),
                    "amount": yen(row["amount"]),
                    "marker": order_marker(call, row["id"]),
                    "services": [
                        dict(service)
                        for service in call.all(
                            "SELECT s.id, s.status, p.name FROM whmcs_service s JOIN whmcs_product p ON p.pid = s.pid"
                            " WHERE s.order_id = ? ORDER BY s.id",
                            row["id"],
                        )
                    ],
                }
                for row in rows
            ]
        return render("whmcs/admin_orders.html", orders=orders, addresses=self._whmcs.core.addresses)

    async def products(self, _: Request) -> Response:
        """Every product with its price."""
        with self._whmcs.core.store.transaction() as db:
            rows = Call(self._whmcs, db, Params({}), "staff", "").all("SELECT * FROM whmcs_product ORDER BY pid")
        return self._listed(rows)

    async def change_price(self, request: Request) -> Response:
        """Change a product's price in whole yen; services that were sold keep theirs."""
        form = Params(parse_form(await request.body()))
        pid, price = form.text("pid"), form.text("price")
        with self._whmcs.core.store.transaction() as db:
            call = Call(self._whmcs, db, Params({}), "staff", "")
            known = call.one("SELECT * FROM whmcs_product WHERE pid = ?", pid) if pid.isdigit() else None
            if known is not None and price.isdigit() and len(price) <= _DIGITS:
                db.execute("UPDATE whmcs_product SET price = ? WHERE pid = ?", (int(price) * _CENTS, int(pid)))
                call.record("product.price_changed", pid, before=known["price"] // _CENTS, after=int(price))
                return RedirectResponse("/admin/products.php", status_code=303)
            rows = call.all("SELECT * FROM whmcs_product ORDER BY pid")
        wrong = "A price is whole yen. 金額は円単位の整数で入力してください。"
        return self._listed(rows, wrong, status=422)

    def _listed(self, rows: list[Row], wrong: str = "", *, status: int = 200) -> Response:
        products = [{**dict(row), "price": row["price"] // _CENTS} for row in rows]
        addresses = self._whmcs.core.addresses
        return render("whmcs/admin_products.html", status=status, products=products, wrong=wrong, addresses=addresses)
