"""Price books, products, orders, order items and the platform event."""

from dataclasses import replace

from portal_sandbox.salesforce.dialect import Dialect
from portal_sandbox.salesforce.fields import (
    Field,
    ObjectType,
    address,
    checkbox,
    choice,
    day,
    key,
    long_text,
    lookup,
    moment,
    money,
    number,
    text,
)
from portal_sandbox.salesforce.objects_sales import SYSTEM_FIELDS, define

BILLING_CYCLES = ("Monthly", "Annually", "One-time")
ACTIVATION_TYPES = ("Immediate", "Scheduled")
PROVISION_EVENT = "OrderProvisionRequested__e"


def pricebook() -> ObjectType:
    """Pricebook2; the standard one is found by IsStandard."""
    return define(
        "Pricebook2",
        "01s",
        text("Name", required=True),
        checkbox("IsActive"),
        long_text("Description"),
        checkbox("IsStandard").read_only(),
    )


def product(dialect: Dialect) -> ObjectType:
    """Product2; the WHMCS product id hides behind one of two names, number in one and text in the other (C05)."""
    product_ids = {
        "WH_Product_ID__c": (number("WH_Product_ID__c"),),
        "WHMCS_Product_Id__c": (text("WHMCS_Product_Id__c", 18),),
        "both": (number("WH_Product_ID__c"), text("WHMCS_Product_Id__c", 18)),
    }[dialect.product_id_field]
    return define(
        "Product2",
        "01t",
        text("Name", required=True),
        text("ProductCode"),
        long_text("Description", 4000),
        checkbox("IsActive"),
        Field("Family", "picklist", length=255, picklist=("None", "Internet", "SIM", "VPN")),
        text("StockKeepingUnit", 180),
        text("QuantityUnitOfMeasure", 40),
        checkbox("IsArchived").read_only(),
        *product_ids,
        choice("Billing_Cycle__c", BILLING_CYCLES),
        choice("Item_Class__c", ("Service", "Activation", "Add-on")),
        checkbox("Portal_Visible__c"),
        choice("Portal_Category__c", ("Internet", "SIM", "VPN")),
        long_text("Portal_ConfigOptions_JSON__c"),
        text("Portal_Name_JA__c"),
        long_text("Portal_Description_JA__c", 4000),
        text("Internet_Eligibility__c"),
    )


def pricebook_entry() -> ObjectType:
    """PricebookEntry: one per product and book; the standard one must exist first."""
    return define(
        "PricebookEntry",
        "01u",
        Field("Name", "string", length=255, createable=False, updateable=False, calculated=True),
        lookup("Pricebook2Id", "Pricebook2", children="PricebookEntries", required=True).create_only(),
        lookup("Product2Id", "Product2", children="PricebookEntries", required=True).create_only(),
        money("UnitPrice", required=True),
        checkbox("IsActive"),
        checkbox("UseStandardPrice"),
        Field("ProductCode", "string", length=255, createable=False, updateable=False, calculated=True),
        checkbox("IsArchived").read_only(),
    )


def order(dialect: Dialect) -> ObjectType:
    """Order with its activation fields; the optional ones are there by switch (C17, C31, C37)."""
    optional = (
        choice("Activation_Type__c", ACTIVATION_TYPES),
        moment("Activation_Scheduled_At__c"),
        text("Activation_Error_Code__c", 80),
        checkbox("Address_Changed__c"),
        choice("Priority__c", ("Normal", "High"), default="Normal"),
        Field("Rejection_Reason__c", "textarea", length=255),
    )
    sim = (
        text("SIM_Type__c", 20),
        text("EID__c", 32),
        text("SIM_Card_Number__c", 15),
        checkbox("MNP_Application__c"),
        text("MNP_Type__c", 40),
        checkbox("MNP_One_Stop__c"),
        text("MNP_Reservation_Number__c", 20),
        day("MNP_Expiry_Date__c"),
        Field("MNP_Phone_Number__c", "phone", length=40),
        text("MNP_Account_Number__c", 80),
        text("MNP_Last_Name__c", 80),
        text("MNP_First_Name__c", 80),
        text("MNP_Last_Name_Kana__c", 80),
        text("MNP_First_Name_Kana__c", 80),
        text("MNP_Gender__c", 20),
        day("MNP_Date_Of_Birth__c"),
        text("Trace_Id__c", 80),
    )
    status_code = choice("StatusCode", ("Draft", "Activated")).read_only()
    return define(
        "Order",
        "801",
        lookup("AccountId", "Account", children="Orders", required=True),
        lookup("Pricebook2Id", "Pricebook2", children="Orders"),
        lookup("OpportunityId", "Opportunity", children="Orders"),
        day("EffectiveDate", required=True),
        day("EndDate"),
        choice("Status", dialect.order_statuses, required=True),
        long_text("Description"),
        Field("Type", "picklist", length=255, picklist=("New", "Change")),
        *address("Billing"),
        *address("Shipping"),
        text("Name", 80),
        text("PoNumber", 80),
        day("PoDate"),
        text("OrderReferenceNumber", 80),
        lookup("BillToContactId", "Contact"),
        lookup("ShipToContactId", "Contact"),
        replace(moment("ActivatedDate"), createable=False, updateable=False),
        lookup("ActivatedById", "User").read_only(),
        status_code,
        Field("OrderNumber", "string", length=30, createable=False, updateable=False, auto_number=True),
        Field("TotalAmount", "currency", scale=2, createable=False, updateable=False),
        Field("IsReductionOrder", "boolean", createable=False, updateable=False, default=False),
        lookup("OwnerId", "User"),
        choice("Activation_Status__c", dialect.activation_statuses),
        Field("Activation_Error__c", "textarea", length=255),
        moment("Activation_Error_DateTime__c"),
        number("WHMCS_Order_Id__c"),
        *(optional if dialect.optional_order_fields else ()),
        *(sim if dialect.optional_order_fields else ()),
        key("Portal_Order_Key__c"),
    )


def order_item(dialect: Dialect) -> ObjectType:
    """OrderItem; product and list price come from its price book entry (3.2, C30)."""
    snapshot = (
        text("Billing_Cycle__c", 40),
        long_text("Config_Options__c"),
    )
    return define(
        "OrderItem",
        "802",
        Field("Product2Id", "reference", 18, updateable=False, refer_to=("Product2",), relationship="Product2"),
        Field("OrderItemNumber", "string", length=30, createable=False, updateable=False, auto_number=True),
        lookup("OrderId", "Order", children="OrderItems", required=True).create_only(),
        lookup("PricebookEntryId", "PricebookEntry", children="OrderItems", required=True).create_only(),
        Field("Quantity", "double", scale=2, required=True),
        money("UnitPrice"),
        money("ListPrice").create_only(),
        replace(money("TotalPrice"), createable=False, updateable=False, calculated=True, in_change_events=False),
        Field("AvailableQuantity", "double", scale=2, createable=False, updateable=False),
        day("ServiceDate"),
        day("EndDate"),
        text("Description"),
        *(snapshot if dialect.snapshot_fields else ()),
        key("Portal_Item_Key__c"),
        recycled=False,
    )


def provision_event() -> ObjectType:
    """The platform event of requirements R146-R150."""
    created = tuple(item for item in SYSTEM_FIELDS if item.name in {"CreatedDate", "CreatedById"})
    return ObjectType(
        PROVISION_EVENT,
        "e01",
        (
            *created,
            text("OrderId__c", 18, required=True),
            text("IdemKey__c", 80),
            text("CorrelationId__c", 80),
            text("RequestedBy__c", 80),
            number("Version__c"),
        ),
        deletable=False,
        queryable=False,
        platform_event=True,
    )
