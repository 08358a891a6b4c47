"""What staff do in the org, through the same record layer as REST, so that Flow and change events follow."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from portal_sandbox.salesforce.errors import bad_request
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID, STAFF_USER_ID
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.provision_calls import ProvisionCall
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.transaction import Transaction
from portal_sandbox.salesforce.wire_times import to_wire

OFFICE_ZONE = ZoneInfo("Asia/Tokyo")
REVIEWABLE_STATUSES = frozenset({"Draft", "Pending Review"})
SIM_CHECKBOXES: Mapping[str, str] = {
    "MNP_Application__c": "Brings a number along 番号の転入",
    "MNP_One_Stop__c": "One-stop, without reservation ワンストップ",
}
SIM_FIELDS: Mapping[str, str] = {
    "SIM_Type__c": "SIM type SIM種別",
    "EID__c": "EID",
    "SIM_Card_Number__c": "SIM card number SIMカード番号",
    "MNP_Type__c": "Porting type 転入種別",
    "MNP_Phone_Number__c": "Number to bring along 転入する番号",
    "MNP_Reservation_Number__c": "Reservation number 予約番号",
    "MNP_Expiry_Date__c": "Reservation valid until 予約番号の有効期限",
    "MNP_Last_Name__c": "Family name 姓",
    "MNP_First_Name__c": "Given name 名",
    "MNP_Last_Name_Kana__c": "Family name in kana セイ",
    "MNP_First_Name_Kana__c": "Given name in kana メイ",
    "MNP_Gender__c": "Gender 性別 (M, W, C)",
    "MNP_Date_Of_Birth__c": "Date of birth 生年月日",
}
REJECTION_MARK = "Rejected: "


class StaffActions:
    """One method per button. All raise SalesforceError when the org refuses. changeOrigin stays empty."""

    def __init__(self, org: Org) -> None:
        self._org = org

    async def approve(self, order_id: str, _: Mapping[str, str]) -> None:
        """Status to Approved: the Flow does the rest (R113, R128)."""

        def work(transaction: Transaction) -> None:
            item = transaction.schema.objects["Order"]
            _must_wait_for_review(transaction.require(item, order_id))
            transaction.update(item, order_id, {"Status": "Approved"})

        await self._org.execute(self._org.caller(STAFF_USER_ID), work)

    async def reject(self, order_id: str, form: Mapping[str, str]) -> None:
        """Status to Cancelled, the reason at the end of Description (R129, C36)."""
        reason = _typed(form, "reason", "A rejection needs a reason. 却下理由を入力してください。")

        def work(transaction: Transaction) -> None:
            item = transaction.schema.objects["Order"]
            order = transaction.require(item, order_id)
            _must_wait_for_review(order)
            earlier = order["Description"]
            description = "\n".join(part for part in (earlier, REJECTION_MARK + reason) if part)
            transaction.update(item, order_id, {"Status": "Cancelled", "Description": description})

        await self._org.execute(self._org.caller(STAFF_USER_ID), work)

    async def retry(self, order_id: str, _: Mapping[str, str]) -> None:
        """Activation_Status__c to Activating: the documented retry (R144, R176)."""
        await self._update("Order", order_id, {"Activation_Status__c": "Activating"})

    async def provision(self, order_id: str, _: Mapping[str, str]) -> None:
        """The quick action "Provision in WHMCS" (R136); the portal's answer is in the ledger and on the page."""
        await self._call_portal(order_id, "quick_action")

    async def activate(self, order_id: str, _: Mapping[str, str]) -> None:
        """Activate Now: the same call ahead of the schedule (R168)."""
        await self._call_portal(order_id, "activate_now")

    async def _call_portal(self, order_id: str, source: str) -> None:
        with self._org.reading() as transaction:
            order = transaction.require(transaction.schema.objects["Order"], order_id)
        caller = self._org.usernames[STAFF_USER_ID]
        trace_id = order.get("Trace_Id__c") or ""
        await self._org.calls.send(
            ProvisionCall(order["Id"], source, caller=caller, requested_by=caller, correlation_id=trace_id)
        )

    async def schedule(self, order_id: str, form: Mapping[str, str]) -> None:
        """Type and date (Asia/Tokyo), each also to be cleared; without a type the date decides (R164, R169)."""
        text = form.get("at", "").strip()
        kind = form.get("type", "Scheduled" if text else "Immediate")
        moment = to_wire(_office_time(text)) if text else None
        await self._update(
            "Order", order_id, {"Activation_Type__c": kind or None, "Activation_Scheduled_At__c": moment}
        )

    async def set_sim(self, order_id: str, form: Mapping[str, str]) -> None:
        """SIM and number porting data as typed; an empty text clears its field."""
        values: dict[str, object] = {name: form.get(name, "").strip() or None for name in SIM_FIELDS}
        values.update({name: name in form for name in SIM_CHECKBOXES})
        await self._update("Order", order_id, values)

    async def set_eligibility(self, account_id: str, form: Mapping[str, str]) -> None:
        """The result of an eligibility check; an empty result means not eligible (R187, R188, C25)."""
        await self._update(
            "Account",
            account_id,
            {
                "Internet_Eligibility_Status__c": "Checked",
                "Internet_Eligibility__c": form.get("type", ""),
                "Internet_Eligibility_Checked_Date_Time__c": to_wire(self._org.core.clock.now()),
            },
        )

    async def verify(self, account_id: str, _: Mapping[str, str]) -> None:
        """Identity verified (R198)."""
        await self._update(
            "Account",
            account_id,
            {
                "Id_Verification_Status__c": "Verified",
                "Id_Verification_Verified_Date_Time__c": to_wire(self._org.core.clock.now()),
                "Id_Verification_Rejection_Message__c": None,
            },
        )

    async def refuse_verification(self, account_id: str, form: Mapping[str, str]) -> None:
        """Identity not verified, with the message the customer sees (R199)."""
        message = _typed(form, "message", "Type the message to the customer. お客様への連絡を入力してください。")
        await self._update(
            "Account",
            account_id,
            {
                "Id_Verification_Status__c": "Rejected",
                "Id_Verification_Rejection_Message__c": message,
            },
        )

    async def comment(self, case_id: str, form: Mapping[str, str]) -> None:
        """A comment on a case, visible to the customer when published."""
        text = _typed(form, "text", "Type the comment. コメントを入力してください。")
        values = {"ParentId": case_id, "CommentBody": text, "IsPublished": "published" in form}

        def work(transaction: Transaction) -> None:
            transaction.create(transaction.schema.objects["CaseComment"], values)

        await self._org.execute(self._org.caller(STAFF_USER_ID), work)

    async def close_case(self, case_id: str, _: Mapping[str, str]) -> None:
        """Status to Closed."""
        await self._update("Case", case_id, {"Status": "Closed"})

    async def toggle_product(self, product_id: str, _: Mapping[str, str]) -> None:
        """Shows or hides a product in the portal."""

        def work(transaction: Transaction) -> None:
            item = transaction.schema.objects["Product2"]
            visible = transaction.require(item, product_id)["Portal_Visible__c"]
            transaction.update(item, product_id, {"Portal_Visible__c": not visible})

        await self._org.execute(self._org.caller(STAFF_USER_ID), work)

    async def set_price(self, product_id: str, form: Mapping[str, str]) -> None:
        """The price in the portal's price book, in yen."""
        typed = form.get("price", "").strip()
        if not (typed.isascii() and typed.isdigit()):
            raise bad_request("INVALID_FIELD", "Type whole yen. 価格は0以上の整数(円)で入力してください。")

        def work(transaction: Transaction) -> None:
            item = transaction.schema.objects["PricebookEntry"]
            for entry in transaction.children("PricebookEntry", "Product2Id", product_id):
                if entry["Pricebook2Id"] == PORTAL_PRICEBOOK_ID:
                    transaction.update(item, entry["Id"], {"UnitPrice": int(typed)})

        await self._org.execute(self._org.caller(STAFF_USER_ID), work)

    async def _update(self, entity: str, record_id: str, values: Mapping[str, object]) -> None:
        def work(transaction: Transaction) -> None:
            transaction.update(transaction.schema.objects[entity], record_id, values)

        await self._org.execute(self._org.caller(STAFF_USER_ID), work)


def _office_time(text: str) -> datetime:
    """What somebody typed as a date and time of the office."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        told = "The activation date cannot be read. 開通日時が正しくありません。"
        raise bad_request("INVALID_FIELD", told) from error
    return (at if at.tzinfo else at.replace(tzinfo=OFFICE_ZONE)).astimezone(UTC)


def _must_wait_for_review(order: Record) -> None:
    """A page left open must not undo what somebody else decided since."""
    if order["Status"] not in REVIEWABLE_STATUSES:
        told = f"The order is {order['Status']}; it no longer waits for review. この注文は審査待ちではありません。"
        raise bad_request("FIELD_CUSTOM_VALIDATION_EXCEPTION", told)


def _typed(form: Mapping[str, str], name: str, otherwise: str) -> str:
    """What somebody typed into a field that must not stay empty."""
    text = form.get(name, "").strip()
    if not text:
        raise bad_request("REQUIRED_FIELD_MISSING", otherwise)
    return text
