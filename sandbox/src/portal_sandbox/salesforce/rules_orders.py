"""The rules of orders, their items and the price book (reference/salesforce.md 3.2, 3.3)."""

from portal_sandbox.salesforce import record_store
from portal_sandbox.salesforce.dialect import ACTIVATED_STATUSES
from portal_sandbox.salesforce.errors import bad_request
from portal_sandbox.salesforce.ids import STANDARD_PRICEBOOK_ID
from portal_sandbox.salesforce.transaction import Rules, Save, Transaction
from portal_sandbox.salesforce.wire_times import to_wire

FIXED_AFTER_ACTIVATION = frozenset({"AccountId", "EffectiveDate", "Pricebook2Id"})


class OrderRules(Rules):
    """Draft first, a price book before items, activation by Status alone."""

    def before_insert(self, save: Save) -> None:
        """Numbers the order; refuses one that starts out activated."""
        transaction, record = save.transaction, save.record
        if record["Status"] in ACTIVATED_STATUSES:
            raise bad_request(
                "FAILED_ACTIVATION",
                "Choose a valid order status and save your changes. Ask your admin for details.",
                ["Status"],
            )
        record["StatusCode"] = "Draft"
        record["TotalAmount"] = 0.0
        record["IsReductionOrder"] = False
        record["OrderNumber"] = f"{record_store.next_number(transaction.db, 'order number'):08d}"

    def before_update(self, save: Save) -> None:
        """Guards the life cycle."""
        transaction, before, record, given = save.transaction, save.before or {}, save.record, save.given
        changed = {name for name in given if before.get(name) != record.get(name)}
        items = transaction.children("OrderItem", "OrderId", record["Id"])
        if "Pricebook2Id" in changed and items:
            raise bad_request(
                "FIELD_INTEGRITY_EXCEPTION",
                "field integrity exception: Pricebook2Id (The price book of an order with order products is fixed.)",
                ["Pricebook2Id"],
            )
        if before["StatusCode"] == "Activated" and changed & FIXED_AFTER_ACTIVATION:
            name = min(changed & FIXED_AFTER_ACTIVATION)
            raise bad_request(
                "FIELD_INTEGRITY_EXCEPTION", f"field integrity exception: {name} (order is activated)", [name]
            )
        activated = record["Status"] in ACTIVATED_STATUSES
        if activated and before["StatusCode"] == "Draft":
            if given - {"Status"}:
                raise bad_request(
                    "FAILED_ACTIVATION",
                    "Only the status can be changed when an order is activated. Update other fields separately.",
                    ["Status"],
                )
            if not items:
                raise bad_request(
                    "FAILED_ACTIVATION", "An order must have at least one product to be activated.", ["Status"]
                )
            record["ActivatedDate"] = to_wire(transaction.now)
            record["ActivatedById"] = transaction.caller.user_id
        record["StatusCode"] = "Activated" if activated else "Draft"

    def before_delete(self, save: Save) -> None:
        """An activated order stays; a draft takes its items along."""
        transaction, record = save.transaction, save.record
        if record["StatusCode"] == "Activated":
            raise bad_request("DELETE_FAILED", "An activated order cannot be deleted.")
        for item in transaction.children("OrderItem", "OrderId", record["Id"]):
            transaction.delete(transaction.schema.objects["OrderItem"], item["Id"])


class OrderItemRules(Rules):
    """Product and list price come from the price book entry, which must belong to the order's price book."""

    def before_insert(self, save: Save) -> None:
        """Derives and checks a new item."""
        transaction, record = save.transaction, save.record
        order = transaction.find("Order", record["OrderId"])
        entry = transaction.find("PricebookEntry", record["PricebookEntryId"])
        if order is None or entry is None:
            raise bad_request("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if order["StatusCode"] == "Activated":
            raise _integrity("OrderId", "order products cannot be added to an activated order")
        if order["Pricebook2Id"] != entry["Pricebook2Id"]:
            raise _integrity(
                "PricebookEntryId", "pricebook entry is in a different pricebook than the one assigned to the order"
            )
        if not entry["IsActive"]:
            raise _integrity("PricebookEntryId", "pricebook entry is inactive")
        for name, derived in (("Product2Id", entry["Product2Id"]), ("ListPrice", entry["UnitPrice"])):
            if record.get(name) not in (None, derived):
                raise _integrity(name, "value does not match the pricebook entry")
            record[name] = derived
        if record.get("UnitPrice") is None:
            record["UnitPrice"] = entry["UnitPrice"]
        if record["Quantity"] <= 0:
            raise bad_request("FIELD_INTEGRITY_EXCEPTION", "Quantity must be greater than zero", ["Quantity"])
        record["AvailableQuantity"] = record["Quantity"]
        record["TotalPrice"] = record["UnitPrice"] * record["Quantity"]
        record["OrderItemNumber"] = f"{record_store.next_number(transaction.db, 'order item number'):010d}"

    def before_update(self, save: Save) -> None:
        """Prices and quantities are fixed once the order is activated."""
        transaction, before, record, given = save.transaction, save.before or {}, save.record, save.given
        order = transaction.find("Order", record["OrderId"])
        if order is not None and order["StatusCode"] == "Activated" and given & {"Quantity", "UnitPrice"}:
            raise _integrity("OrderId", "order products of an activated order cannot be edited")
        if record["UnitPrice"] is None:
            record["UnitPrice"] = before["UnitPrice"]
        record["TotalPrice"] = record["UnitPrice"] * record["Quantity"]

    def after_save(self, save: Save) -> None:
        """Rolls the total up."""
        transaction, record = save.transaction, save.record
        _total(transaction, record["OrderId"])

    def after_delete(self, save: Save) -> None:
        """Rolls the total up."""
        transaction, record = save.transaction, save.record
        _total(transaction, record["OrderId"])


class PricebookEntryRules(Rules):
    """The standard price first; one entry per product and book."""

    def before_insert(self, save: Save) -> None:
        """Checks a new entry and copies the product's names."""
        transaction, record = save.transaction, save.record
        siblings = transaction.children("PricebookEntry", "Product2Id", record["Product2Id"])
        standard = [entry for entry in siblings if entry["Pricebook2Id"] == STANDARD_PRICEBOOK_ID]
        if any(entry["Pricebook2Id"] == record["Pricebook2Id"] for entry in siblings):
            raise bad_request("DUPLICATE_VALUE", "This price definition already exists in this price book")
        if record["Pricebook2Id"] != STANDARD_PRICEBOOK_ID and not standard:
            raise bad_request("STANDARD_PRICE_NOT_DEFINED", "No standard price defined for this product")
        if record["UseStandardPrice"] and standard:
            record["UnitPrice"] = standard[0]["UnitPrice"]
        product = transaction.find("Product2", record["Product2Id"])
        if product is not None:
            record["Name"], record["ProductCode"] = product["Name"], product["ProductCode"]


class ProductRules(Rules):
    """A renamed product renames its price book entries."""

    def after_save(self, save: Save) -> None:
        """Copies the names."""
        transaction, before, record = save.transaction, save.before, save.record
        if before is None:
            return
        names = {"Name": record["Name"], "ProductCode": record["ProductCode"]}
        for entry in transaction.children("PricebookEntry", "Product2Id", record["Id"]):
            transaction.write_silently(entry, names)

    def before_delete(self, save: Save) -> None:
        """A product that was ever ordered stays."""
        transaction, record = save.transaction, save.record
        if transaction.children("OrderItem", "Product2Id", record["Id"]):
            raise bad_request(
                "DELETE_FAILED",
                f"Your attempt to delete {record['Name']} could not be completed because it is associated with orders.",
            )


def _integrity(field: str, reason: str) -> Exception:
    return bad_request("FIELD_INTEGRITY_EXCEPTION", f"field integrity exception: {field} ({reason})", [field])


def _total(transaction: Transaction, order_id: str) -> None:
    order = transaction.find("Order", order_id)
    if order is not None:
        items = transaction.children("OrderItem", "OrderId", order_id)
        transaction.write_silently(order, {"TotalAmount": sum(item["TotalPrice"] for item in items)})
