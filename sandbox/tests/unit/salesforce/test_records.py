import base64

import pytest

from portal_sandbox.salesforce.errors import SalesforceError
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID, STANDARD_PRICEBOOK_ID
from portal_sandbox.salesforce.seed import account_id, entry_id, product_id


def code_of(action):
    with pytest.raises(SalesforceError) as caught:
        action()
    return caught.value.code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Name": None}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "x" * 256}, "STRING_TOO_LONG"),
        ({"Name": 5}, "JSON_PARSER_ERROR"),
        ({"Nope__c": "x"}, "INVALID_FIELD"),
        ({"CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Id": "001000000000000AAA"}, "INVALID_FIELD"),
        ({"Portal_Status__c": "Sleeping"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"ParentId": "nonsense"}, "MALFORMED_ID"),
        ({"ParentId": "003000000000001AAA"}, "MALFORMED_ID"),
        ({"ParentId": "001000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"Internet_Eligibility_Request_Date_Time__c": "yesterday"}, "JSON_PARSER_ERROR"),
        ({"SF_Account_No__c": "snx-10001"}, "DUPLICATE_VALUE"),
    ],
)
def test_a_wrong_account_is_refused_with_the_vendors_code(portal, fields, code):
    assert code_of(lambda: portal.create("Account", **{"Name": "A", **fields})) == code


def test_a_duplicate_names_the_holders_short_id(portal):
    with pytest.raises(SalesforceError, match=f"with id: {account_id('SNX-10001')[:15]}$"):
        portal.create("Account", Name="A", SF_Account_No__c="SNX-10001")


def test_texts_are_trimmed_and_empty_ones_are_null(portal):
    account = portal.create("Account", Name="  A  ", WH_Account__c="  ")
    assert portal.read("Account", account)["Name"] == "A"
    assert portal.read("Account", account)["WH_Account__c"] is None


def test_an_email_has_to_look_like_one(portal):
    assert code_of(lambda: portal.create("Contact", LastName="A", Email="not an address")) == "INVALID_EMAIL_ADDRESS"


def test_a_parent_can_be_named_by_its_external_id(portal):
    contact = portal.create("Contact", LastName="A", Account={"SF_Account_No__c": "SNX-10002"})
    assert portal.read("Contact", contact)["AccountId"] == account_id("SNX-10002")
    unknown = {"SF_Account_No__c": "SNX-0"}
    assert code_of(lambda: portal.create("Contact", LastName="A", Account=unknown)) == "INVALID_FIELD"


def test_an_order_starts_in_a_draft_status(portal):
    assert code_of(lambda: portal.order(Status="Activated")) == "FAILED_ACTIVATION"
    assert portal.read("Order", portal.order(Status="Pending Review"))["StatusCode"] == "Draft"


def test_an_item_takes_product_price_and_totals_from_its_entry(portal):
    order = portal.order()
    item = portal.read("OrderItem", portal.item(order, Quantity=2))
    assert item["Product2Id"] == product_id("INT-HOME-1G")
    assert (item["UnitPrice"], item["ListPrice"], item["TotalPrice"]) == (5500.0, 5500.0, 11000.0)
    portal.item(order, "INT-INSTALL-SINGLE", UnitPrice=20000)
    assert portal.read("Order", order)["TotalAmount"] == 31000.0


def test_items_need_the_orders_price_book_and_an_active_entry(portal, staff):
    without_book = portal.order(Pricebook2Id=None)
    assert code_of(lambda: portal.item(without_book)) == "FIELD_INTEGRITY_EXCEPTION"
    order = portal.order()
    other_book = entry_id("INT-HOME-1G", standard=True)
    assert code_of(lambda: portal.item(order, PricebookEntryId=other_book)) == "FIELD_INTEGRITY_EXCEPTION"
    assert code_of(lambda: portal.item(order, Product2Id=product_id("VPN-US"))) == "FIELD_INTEGRITY_EXCEPTION"
    staff.update("PricebookEntry", entry_id("VPN-US"), IsActive=False)
    assert code_of(lambda: portal.item(order, "VPN-US")) == "FIELD_INTEGRITY_EXCEPTION"
    portal.item(order)
    changed_book = {"Pricebook2Id": STANDARD_PRICEBOOK_ID}
    assert code_of(lambda: portal.update("Order", order, **changed_book)) == "FIELD_INTEGRITY_EXCEPTION"


def test_activation_changes_the_status_alone_and_needs_an_item(portal):
    order = portal.order(Status="Pending Review")
    assert code_of(lambda: portal.update("Order", order, Status="Activated")) == "FAILED_ACTIVATION"
    portal.item(order)
    together = {"Status": "Activated", "WHMCS_Order_Id__c": 7}
    assert code_of(lambda: portal.update("Order", order, **together)) == "FAILED_ACTIVATION"
    portal.update("Order", order, Status="Activated")
    activated = portal.read("Order", order)
    assert activated["StatusCode"] == "Activated"
    assert activated["ActivatedDate"] is not None


def test_an_activated_order_keeps_its_items_but_its_custom_fields_may_change(portal):
    order = portal.order(Status="Approved")
    item = portal.item(order)
    portal.update("Order", order, Status="Activated")
    portal.update("Order", order, Activation_Status__c="Provisioned", WHMCS_Order_Id__c=123456789012345)
    assert portal.read("Order", order)["WHMCS_Order_Id__c"] == 123456789012345.0
    assert code_of(lambda: portal.item(order, "VPN-US")) == "FIELD_INTEGRITY_EXCEPTION"
    assert code_of(lambda: portal.update("OrderItem", item, Quantity=2)) == "FIELD_INTEGRITY_EXCEPTION"
    moved = {"AccountId": account_id("SNX-10002")}
    assert code_of(lambda: portal.update("Order", order, **moved)) == "FIELD_INTEGRITY_EXCEPTION"
    assert code_of(lambda: portal.delete("Order", order)) == "DELETE_FAILED"


def test_a_draft_takes_its_items_to_the_bin(portal):
    order = portal.order()
    item = portal.item(order)
    portal.delete("Order", order)
    assert portal.read("OrderItem", item) is None
    assert code_of(lambda: portal.update("Order", order, Description="x")) == "ENTITY_IS_DELETED"


def test_what_is_fixed_on_creation_cannot_be_updated(portal):
    order = portal.order()
    item = portal.item(order)
    again = {"OrderId": order}
    assert code_of(lambda: portal.update("OrderItem", item, **again)) == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_price_needs_the_standard_price_first(portal):
    product = portal.create("Product2", Name="New", ProductCode="NEW")
    entry = {"Product2Id": product, "UnitPrice": 100, "IsActive": True}
    portal_entry = {**entry, "Pricebook2Id": PORTAL_PRICEBOOK_ID}
    assert code_of(lambda: portal.create("PricebookEntry", **portal_entry)) == "STANDARD_PRICE_NOT_DEFINED"
    portal.create("PricebookEntry", Pricebook2Id=STANDARD_PRICEBOOK_ID, **entry)
    made = portal.create("PricebookEntry", **portal_entry)
    assert portal.read("PricebookEntry", made)["Name"] == "New"
    assert code_of(lambda: portal.create("PricebookEntry", **portal_entry)) == "DUPLICATE_VALUE"


def test_a_case_follows_its_status_and_its_contact(portal):
    contact = portal.create("Contact", LastName="A", Email="a@example.jp", AccountId=account_id("SNX-10001"))
    case = portal.create("Case", Subject="Help", ContactId=contact, Comments="first words")
    row = portal.read("Case", case)
    assert (row["Status"], row["IsClosed"], row["AccountId"]) == ("New", False, account_id("SNX-10001"))
    assert row["ContactEmail"] == "a@example.jp"
    portal.update("Case", case, Status="Closed")
    assert portal.read("Case", case)["ClosedDate"] is not None
    with portal.org.reading() as transaction:
        assert [c["CommentBody"] for c in transaction.children("CaseComment", "ParentId", case)] == ["first words"]


def test_a_first_file_version_makes_document_and_link(portal):
    case = portal.create("Case", Subject="Papers")
    content = base64.b64encode(b"%PDF-1.7 fake").decode()
    version = portal.create(
        "ContentVersion", PathOnClient="licence.pdf", VersionData=content, FirstPublishLocationId=case
    )
    row = portal.read("ContentVersion", version)
    assert (row["Title"], row["FileExtension"], row["ContentSize"]) == ("licence", "pdf", 13)
    with portal.org.reading() as transaction:
        (link,) = transaction.children("ContentDocumentLink", "LinkedEntityId", case)
    assert link["ContentDocumentId"] == row["ContentDocumentId"]
    assert code_of(lambda: portal.delete("ContentVersion", version)) == "INSUFFICIENT_ACCESS_OR_READONLY"
    portal.delete("ContentDocument", row["ContentDocumentId"])
    assert portal.read("ContentVersion", version) is None


def test_the_opportunity_stage_decides_whether_it_is_closed(portal):
    stage = "\N{WHITE UP-POINTING TRIANGLE}Cancelling"
    opportunity = portal.create("Opportunity", Name="A", StageName=stage, CloseDate="2026-12-01")
    assert portal.read("Opportunity", opportunity)["IsClosed"] is False
    portal.update("Opportunity", opportunity, StageName="Active")
    assert portal.read("Opportunity", opportunity)["IsWon"] is True


def test_the_dialect_decides_which_words_are_known(portal, switch):
    order = portal.order()
    portal.item(order)
    refused = code_of(lambda: portal.update("Order", order, Status="Completed"))
    assert refused == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    switch(dialect="2025-08", optionalOrderFields=False, productIdField="WHMCS_Product_Id__c")
    portal.update("Order", order, Status="Completed")
    portal.update("Order", order, Activation_Status__c="Activated")
    assert code_of(lambda: portal.update("Order", order, EID__c="8904")) == "INVALID_FIELD"
    assert portal.org.schema.objects["Product2"].find("WH_Product_ID__c") is None
    assert portal.read("Product2", product_id("VPN-US"))["WHMCS_Product_Id__c"] == "301"


def test_a_reset_brings_the_seed_back(portal, core):
    portal.create("Account", Name="Gone soon", SF_Account_No__c="X-1")
    core.store.reset()
    with portal.org.reading() as transaction:
        assert transaction.find("Account", account_id("SNX-10030")) is not None
        count = transaction.db.execute("SELECT COUNT(*) FROM salesforce_record WHERE entity = 'Account'").fetchone()[0]
    assert count == 30
