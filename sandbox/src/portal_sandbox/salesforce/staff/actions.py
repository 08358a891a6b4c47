"""What staff do in the org, through the same record layer as REST, so that Flow and change events follow."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from portal_sandbox.salesforce.errors import bad_request
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID, STAFF_USER_ID
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.transaction import Transaction
from portal_sandbox.salesforce.wire_times import to_wire

OFFICE_ZONE = ZoneInfo("Asia/Tokyo")
REVIEWABLE_STATUSES = frozenset({"Draft", "Pending Review"})
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

    async def schedule(self, order_id: str, form: Mapping[str, str]) -> None:
        """Type Scheduled and the date (Asia/Tokyo); without a date Immediate again (R164, R169)."""
        text = form.get("at", "").strip()
        values: dict[str, object] = {"Activation_Type__c": "Immediate", "Activation_Scheduled_At__c": None}
        if text:
            try:
                at = datetime.fromisoformat(text)
            except ValueError as error:
                raise bad_request(
                    "INVALID_FIELD", "The activation date cannot be read. 開通日時が正しくありません。"
                ) from error
            moment = (at if at.tzinfo else at.replace(tzinfo=OFFICE_ZONE)).astimezone(UTC)
            values = {"Activation_Type__c": "Scheduled", "Activation_Scheduled_At__c": to_wire(moment)}
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
