"""The staff view: orders to approve, accounts, cases, products. Plain forms, so a script can drive them too."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from portal_sandbox.pages import render
from portal_sandbox.salesforce import record_store
from portal_sandbox.salesforce.errors import SalesforceError
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID
from portal_sandbox.salesforce.objects_orders import ACTIVATION_TYPES
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.staff.actions import SIM_CHECKBOXES, SIM_FIELDS, StaffActions
from portal_sandbox.salesforce.staff.callouts import callouts_of

PAGE_LIMIT = 200
_DONE: Mapping[str, str] = {
    "approve": "Approved; the Flow tells the portal. 承認しました。開通処理が始まります。",
    "reject": "Rejected. 却下しました。",
    "retry": "The activation runs again. 開通処理を再実行します。",
    "schedule": "Saved. 保存しました。",
    "provision": "The portal was called; its answer is below. ポータルを呼び出しました。結果は下にあります。",
    "activate": "The portal was called; its answer is below. ポータルを呼び出しました。結果は下にあります。",
    "sim": "Saved. 保存しました。",
    "eligibility": "Saved as checked. 判定結果を保存しました。",
    "verify": "Identity verified. 本人確認済みにしました。",
    "refuse": "Identity rejected; the customer sees the message. 本人確認を却下しました。",
    "comment": "Comment added. コメントを追加しました。",
    "close": "Case closed. ケースを完了にしました。",
    "toggle": "Saved. 保存しました。",
    "price": "Price saved. 価格を保存しました。",
}
Action = Callable[[str, Mapping[str, str]], Awaitable[None]]


class StaffPages:
    """Lists and details for reading; every button posts to an action and comes back to its page."""

    def __init__(self, org: Org) -> None:
        self._org = org
        actions = StaffActions(org)
        self._actions: dict[tuple[str, str], Action] = {
            ("orders", "approve"): actions.approve,
            ("orders", "reject"): actions.reject,
            ("orders", "retry"): actions.retry,
            ("orders", "schedule"): actions.schedule,
            ("orders", "provision"): actions.provision,
            ("orders", "activate"): actions.activate,
            ("orders", "sim"): actions.set_sim,
            ("accounts", "eligibility"): actions.set_eligibility,
            ("accounts", "verify"): actions.verify,
            ("accounts", "refuse"): actions.refuse_verification,
            ("cases", "comment"): actions.comment,
            ("cases", "close"): actions.close_case,
            ("products", "toggle"): actions.toggle_product,
            ("products", "price"): actions.set_price,
        }

    def app(self) -> Starlette:
        """The pages, to be mounted at /staff."""
        return Starlette(
            routes=[
                Route("/", self.orders),
                Route("/orders/{id}", self.order),
                Route("/accounts", self.accounts),
                Route("/accounts/{id}", self.account),
                Route("/cases", self.cases),
                Route("/cases/{id}", self.case),
                Route("/products", self.products),
                Route("/{kind}/{id}/{action}", self.act, methods=["POST"]),
            ],
            exception_handlers={HTTPException: self._no_page},
        )

    async def orders(self, request: Request) -> Response:
        """Orders by status, newest first."""
        wanted = request.query_params.get("status", "Pending Review")
        with self._org.reading() as transaction:
            rows = list(record_store.scan(transaction.db, "Order"))
            counts: dict[str, int] = dict.fromkeys(transaction.schema.dialect.order_statuses, 0)
            for row in rows:
                counts[row["Status"]] = counts.get(row["Status"], 0) + 1
            chosen = [row for row in reversed(rows) if row["Status"] == wanted][:PAGE_LIMIT]
            shown = [{**row, "account": transaction.find("Account", row["AccountId"])} for row in chosen]
        return self._page("orders.html", request, counts=counts, wanted=wanted, orders=shown)

    async def order(self, request: Request) -> Response:
        """One order with items, opportunity and account."""
        with self._org.reading() as transaction:
            row = transaction.find("Order", request.path_params["id"])
            if row is None:
                return self._missing(request)
            items = [
                {**item, "product": transaction.find("Product2", item["Product2Id"])}
                for item in transaction.children("OrderItem", "OrderId", row["Id"])
            ]
            account = transaction.find("Account", row["AccountId"])
            opportunity = transaction.find("Opportunity", row["OpportunityId"]) if row["OpportunityId"] else None
            dialect = transaction.schema.dialect
        return self._page(
            "order.html",
            request,
            order=row,
            items=items,
            account=account,
            opportunity=opportunity,
            commodity=opportunity.get(dialect.commodity_field) if opportunity else None,
            schedulable=dialect.optional_order_fields,
            activation_types=ACTIVATION_TYPES,
            sim_fields=SIM_FIELDS,
            sim_checkboxes=SIM_CHECKBOXES,
            callouts=callouts_of(self._org.core.ledger, row["Id"]),
        )

    async def accounts(self, request: Request) -> Response:
        """All accounts, searchable by name or Customer Number."""
        search = request.query_params.get("search", "").casefold()
        with self._org.reading() as transaction:
            rows = [
                row
                for row in record_store.scan(transaction.db, "Account")
                if search in f"{row['Name']} {row['SF_Account_No__c']}".casefold()
            ]
        return self._page("accounts.html", request, accounts=rows[:PAGE_LIMIT], search=search)

    async def account(self, request: Request) -> Response:
        """One account with contacts, orders and cases."""
        with self._org.reading() as transaction:
            row = transaction.find("Account", request.path_params["id"])
            if row is None:
                return self._missing(request)
            related = {
                name: transaction.children(name, "AccountId", row["Id"])
                for name in ("Contact", "Order", "Case", "Opportunity")
            }
        return self._page("account.html", request, account=row, related=related)

    async def cases(self, request: Request) -> Response:
        """Open cases first, newest first."""
        with self._org.reading() as transaction:
            rows = [
                {**row, "account": transaction.find("Account", row["AccountId"]) if row["AccountId"] else None}
                for row in record_store.scan(transaction.db, "Case")
            ]
        rows.sort(key=lambda row: (not row["IsClosed"], row["CaseNumber"]), reverse=True)
        return self._page("cases.html", request, cases=rows[:PAGE_LIMIT])

    async def case(self, request: Request) -> Response:
        """One case with its comments and files."""
        with self._org.reading() as transaction:
            row = transaction.find("Case", request.path_params["id"])
            if row is None:
                return self._missing(request)
            comments = transaction.children("CaseComment", "ParentId", row["Id"])
            links = transaction.children("ContentDocumentLink", "LinkedEntityId", row["Id"])
            files = [transaction.find("ContentDocument", link["ContentDocumentId"]) for link in links]
            account = transaction.find("Account", row["AccountId"]) if row["AccountId"] else None
        return self._page("case.html", request, case=row, comments=comments, files=files, account=account)

    async def products(self, request: Request) -> Response:
        """All products with their portal price."""
        with self._org.reading() as transaction:
            prices: dict[str, Record] = {
                entry["Product2Id"]: entry
                for entry in record_store.scan(transaction.db, "PricebookEntry")
                if entry["Pricebook2Id"] == PORTAL_PRICEBOOK_ID
            }
            rows = [{**row, "entry": prices.get(row["Id"])} for row in record_store.scan(transaction.db, "Product2")]
        return self._page("products.html", request, products=rows)

    async def act(self, request: Request) -> Response:
        """A button: does it and goes back; a refusal is shown on the page it came from."""
        kind, record_id = request.path_params["kind"], request.path_params["id"]
        action = self._actions.get((kind, request.path_params["action"]))
        if action is None:
            return self._missing(request)
        form = {name: str(value) for name, value in (await request.form()).items()}
        back = f"{request.scope.get('root_path', '')}/{kind}"
        if kind != "products":
            back += f"/{record_id}"
        try:
            await action(record_id, form)
        except SalesforceError as error:
            return self._page(
                "refused.html", request, status=error.status, code=error.code, text=error.message, back=back
            )
        mark = f"#{record_id}" if kind == "products" else ""
        return RedirectResponse(f"{back}?done={request.path_params['action']}{mark}", 303)

    async def _no_page(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        text = "There is no such page. このページはありません。"
        root = request.scope.get("root_path", "")
        return self._page("refused.html", request, status=status, code="NOT_FOUND", text=text, back=f"{root}/")

    def _page(self, template: str, request: Request, *, status: int = 200, **context: object) -> Response:
        root = request.scope.get("root_path", "")
        done = _DONE.get(request.query_params.get("done", ""), "")
        addresses = self._org.core.addresses
        return render(f"salesforce/{template}", status=status, root=root, addresses=addresses, done=done, **context)

    def _missing(self, request: Request) -> Response:
        root = request.scope.get("root_path", "")
        return self._page(
            "refused.html",
            request,
            status=404,
            code="NOT_FOUND",
            text="There is no such record. 該当するデータはありません。",
            back=f"{root}/",
        )
