"""The org's optional validation: one Internet service for an account (R108)."""

from portal_sandbox.core import Core
from portal_sandbox.core.dataset import Product
from portal_sandbox.salesforce.dialect import ACTIVATED_STATUSES
from portal_sandbox.salesforce.errors import bad_request
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.switches import SalesforceSwitches
from portal_sandbox.salesforce.transaction import Transaction

TAKING_STATUSES = frozenset({"Approved", *ACTIVATED_STATUSES})
CHECKED_STATUSES = frozenset({"Pending Review", "Approved"})
LIVE_SERVICE_STATUSES = ("Pending", "Active", "Suspended")
REFUSAL = "This account already has an Internet service. この取引先はすでにインターネットサービスを契約しています。"


class InternetLineValidation:
    """Looks after the save of an item or of a status, and undoes the save by refusing it."""

    def __init__(self, core: Core, switches: SalesforceSwitches) -> None:
        self._core = core
        self._switches = switches

    def __call__(self, transaction: Transaction, entity: str, before: Record | None, record: Record) -> None:
        """FIELD_CUSTOM_VALIDATION_EXCEPTION for what would make a second Internet line."""
        if entity not in ("Order", "OrderItem") or not self._switches.is_on("internetLineValidation"):
            return
        order = self._order_to_check(transaction, entity, before, record)
        if order is None:
            return
        account = transaction.find("Account", order["AccountId"])
        if account is not None and (self._has_service(transaction, account) or self._has_order(transaction, order)):
            raise bad_request("FIELD_CUSTOM_VALIDATION_EXCEPTION", REFUSAL)

    def _order_to_check(
        self, transaction: Transaction, entity: str, before: Record | None, record: Record
    ) -> Record | None:
        if entity == "OrderItem":
            return (
                transaction.find("Order", record["OrderId"])
                if before is None and self._is_line(transaction, record)
                else None
            )
        moved = before is None or before["Status"] != record["Status"]
        if moved and record["Status"] in CHECKED_STATUSES and self._orders_line(transaction, record):
            return record
        return None

    def _orders_line(self, transaction: Transaction, order: Record) -> bool:
        return any(self._is_line(transaction, one) for one in transaction.children("OrderItem", "OrderId", order["Id"]))

    def _is_line(self, transaction: Transaction, item: Record) -> bool:
        product = transaction.find("Product2", item["Product2Id"])
        return (
            product is not None
            and product["Portal_Category__c"] == "Internet"
            and product["Item_Class__c"] == "Service"
        )

    def _has_order(self, transaction: Transaction, order: Record) -> bool:
        return any(
            other["Id"] != order["Id"] and other["Status"] in TAKING_STATUSES and self._orders_line(transaction, other)
            for other in transaction.children("Order", "AccountId", order["AccountId"])
        )

    def _has_service(self, transaction: Transaction, account: Record) -> bool:
        """What the billing system knows of the account's linked client, as an integration of the org would copy it."""
        client_id = account["WH_Account__c"] or ""
        known = transaction.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'whmcs_service'").fetchone()
        if known is None or not client_id.isdigit():
            return False
        lines = {product.pid for product in self._core.dataset.products if _is_internet_line(product)}
        rows = transaction.db.execute(
            "SELECT pid FROM whmcs_service WHERE client_id = ? AND status IN (?, ?, ?)",
            (int(client_id), *LIVE_SERVICE_STATUSES),
        ).fetchall()
        return any(row["pid"] in lines for row in rows)


def _is_internet_line(product: Product) -> bool:
    return product.category == "Internet" and product.item_class == "Service"
