"""The External API's one endpoint: credentials, permission, dispatch, answer."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from portal_sandbox.whmcs import (
    clients,
    installation,
    invoices,
    modules,
    new_orders,
    order_reads,
    order_states,
    pay_methods,
    payments,
    products,
    services,
    sso,
    upgrades,
    users,
)
from portal_sandbox.whmcs.answers import respond
from portal_sandbox.whmcs.calls import AccessError, Answer, ApiError, Call, Whmcs
from portal_sandbox.whmcs.php_forms import Params, parse_form

BAN_MINUTES = 15
NOT_IN_ROLE = frozenset({"deleteclient", "deleteorder", "decryptpassword"})
"""Actions the credential's role does not grant unless the switch extraActions does."""

ACTIONS: dict[str, Callable[[Call], Answer]] = {
    "AcceptOrder": order_states.accept_order,
    "AddBillableItem": installation.add_billable_item,
    "AddCancelRequest": services.add_cancel_request,
    "AddClient": clients.add_client,
    "AddCredit": payments.add_credit,
    "AddInvoicePayment": payments.add_invoice_payment,
    "AddOrder": new_orders.add_order,
    "AddUser": users.add_user,
    "ApplyCredit": payments.apply_credit,
    "CancelOrder": order_states.cancel_order,
    "CapturePayment": payments.capture_payment,
    "CreateInvoice": invoices.create_invoice,
    "CreateSsoToken": sso.create_sso_token,
    "DeleteOrder": order_states.delete_order,
    "FraudOrder": order_states.fraud_order,
    "GetCancelledPackages": services.get_cancelled_packages,
    "GetClientsDetails": clients.get_clients_details,
    "GetClientsProducts": services.get_clients_products,
    "GetCredits": payments.get_credits,
    "GetCurrencies": installation.get_currencies,
    "GetInvoice": invoices.get_invoice,
    "GetInvoices": invoices.get_invoices,
    "GetModuleQueue": modules.get_module_queue,
    "GetOrderStatuses": order_reads.get_order_statuses,
    "GetOrders": order_reads.get_orders,
    "GetPayMethods": pay_methods.get_pay_methods,
    "GetPaymentMethods": pay_methods.get_payment_methods,
    "GetProducts": products.get_products,
    "GetTransactions": payments.get_transactions,
    "GetUsers": users.get_users,
    "ModuleChangePackage": modules.module_action("ChangePackage"),
    "ModuleCreate": modules.module_action("Create"),
    "ModuleSuspend": modules.module_action("Suspend"),
    "ModuleTerminate": modules.module_action("Terminate"),
    "ModuleUnsuspend": modules.module_action("Unsuspend"),
    "PendingOrder": order_states.pending_order,
    "ResetPassword": users.reset_password,
    "SendEmail": installation.send_email,
    "UpdateClient": clients.update_client,
    "UpdateClientProduct": services.update_client_product,
    "UpdateInvoice": invoices.update_invoice,
    "UpgradeProduct": upgrades.upgrade_product,
    "ValidateLogin": users.validate_login,
    "WhmcsDetails": installation.whmcs_details,
}
_BY_LOWER_NAME = {name.lower(): name for name in ACTIONS}


def action_name(body: bytes) -> str:
    """The called action in its documented spelling, for fault rules."""
    sent = Params(parse_form(body)).text("action")
    return _BY_LOWER_NAME.get(sent.lower(), sent or "unknown")


class Api:
    """`POST /includes/api.php`."""

    def __init__(self, whmcs: Whmcs) -> None:
        self._whmcs = whmcs

    async def endpoint(self, request: Request) -> Response:
        """One call, one transaction; business errors are HTTP 200, access problems 403."""
        content_type = request.headers.get("content-type", "application/x-www-form-urlencoded")
        is_form = content_type.startswith("application/x-www-form-urlencoded")
        params = Params(parse_form(await request.body()) if is_form else {})
        ip = request.client.host if request.client else ""
        action = params.text("action").lower()
        answer, status = self._answer(params, action, ip)
        return respond(self._whmcs, answer, status=status, response_type=params.text("responsetype"), action=action)

    def _answer(self, params: Params, action: str, ip: str) -> tuple[Answer, int]:
        with self._whmcs.core.store.transaction() as db:
            caller = params.text("identifier") or params.text("username")
            call = Call(self._whmcs, db, params, caller, ip)
            try:
                self._admit(call)
                handler = self._handler(action)
                return {"result": "success", **handler(call)}, 200
            except AccessError as error:
                return {"result": "error", "message": str(error)}, 403
            except ApiError as error:
                return {"result": "error", "message": str(error)}, 200

    def _handler(self, action: str) -> Callable[[Call], Answer]:
        if action in self._listed("deniedActions") or action in NOT_IN_ROLE - self._listed("extraActions"):
            raise AccessError(f'Invalid Permissions: API action "{action}" is not allowed')
        name = _BY_LOWER_NAME.get(action)
        if name is None:
            raise ApiError(f'Invalid API Action: "{action}" is not a valid API action')
        return ACTIONS[name]

    def _listed(self, switch: str) -> frozenset[str]:
        return frozenset(part.strip().lower() for part in str(self._whmcs.switch(switch)).split(","))

    def _admit(self, call: Call) -> None:
        self._refuse_banned(call)
        self._refuse_address(call)
        settings = self._whmcs.core.settings
        identifier = call.params.text("identifier") or call.params.text("username")
        secret = call.params.text("secret") or call.params.text("password")
        if (
            identifier
            and secret
            and not secrets.compare_digest(identifier.encode(), settings.whmcs_identifier.encode())
        ):
            self._note_failure(call)
            raise AccessError("Invalid or missing credentials")
        if not (identifier and secrets.compare_digest(secret.encode(), settings.whmcs_secret.encode())):
            self._note_failure(call)
            raise AccessError("Authentication Failed")
        if not self._whmcs.switch("adminApiAccess"):
            raise AccessError("Access Denied")

    def _refuse_address(self, call: Call) -> None:
        allowed = {part.strip() for part in str(self._whmcs.switch("allowedIps")).split(",") if part.strip()}
        key = str(self._whmcs.switch("accessKey"))
        if key and secrets.compare_digest(call.params.text("accesskey").encode(), key.encode()):
            return
        if allowed and call.ip not in allowed:
            raise AccessError(f"Invalid IP {call.ip}")

    def _refuse_banned(self, call: Call) -> None:
        limit = int(str(self._whmcs.switch("failedLoginsBeforeBan")))
        if limit <= 0:
            return
        since = (self._whmcs.now() - timedelta(minutes=BAN_MINUTES)).isoformat()
        failures = call.one("SELECT count(*) AS number FROM whmcs_failed_login WHERE ip = ? AND at > ?", call.ip, since)
        if failures is not None and failures["number"] >= limit:
            raise AccessError("IP Banned")

    def _note_failure(self, call: Call) -> None:
        moment: datetime = self._whmcs.now()
        call.insert("whmcs_failed_login", ip=call.ip, at=moment.isoformat())
