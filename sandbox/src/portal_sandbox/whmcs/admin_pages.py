"""What WHMCS's staff would see of orders; read only, for demonstrations."""

from starlette.requests import Request
from starlette.responses import Response

from portal_sandbox.pages import render
from portal_sandbox.whmcs.calls import Call, Whmcs
from portal_sandbox.whmcs.client_area import yen
from portal_sandbox.whmcs.custom_fields import order_marker
from portal_sandbox.whmcs.php_forms import Params

_NEWEST = 200


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
