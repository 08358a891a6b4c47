"""Fills the org from the shared dataset; ids depend on business keys only, so they are the same everywhere."""

from datetime import timedelta
from typing import Any

from portal_sandbox.core import Dataset
from portal_sandbox.core.dataset import Account, Product
from portal_sandbox.salesforce import ids
from portal_sandbox.salesforce.dialect import OPPORTUNITY_STAGES, PORTAL_SOURCES
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.transaction import Transaction
from portal_sandbox.salesforce.wire_times import to_wire

HISTORY = timedelta(days=200)
REQUESTED_BEFORE = timedelta(days=1)
VERIFICATION_STATUSES = {"Submitted": "Pending", "Verified": "Verified", "Rejected": "Rejected"}
CONTACT_ADDRESSES = {"matching": "{email}", "other_email": "other.{email}", "no_email": None}


def seed(org: Org) -> None:
    """Writes organization, users, price books, products and accounts."""
    with org.seeding() as transaction:
        transaction.now -= HISTORY
        _organization(org, transaction)
        for product in org.core.dataset.products:
            _product(transaction, product)
        _accounts(transaction, org.core.dataset)


def account_id(number: str) -> str:
    """The seeded Account's id for a Customer Number."""
    return ids.seeded("001", number)


def product_id(sku: str) -> str:
    """The seeded Product2's id for a SKU."""
    return ids.seeded("01t", sku)


def entry_id(sku: str, *, standard: bool = False) -> str:
    """The seeded PricebookEntry's id for a SKU in the portal's price book, or in the standard one."""
    return ids.seeded("01u", f"standard:{sku}" if standard else f"portal:{sku}")


def _create(transaction: Transaction, entity: str, values: dict[str, Any]) -> None:
    transaction.create(transaction.schema.objects[entity], values, system=True)


def _organization(org: Org, transaction: Transaction) -> None:
    _create(
        transaction,
        "Organization",
        {
            "Id": ids.ORGANIZATION_ID,
            "Name": "SonixNet",
            "InstanceName": "SBX0",
            "IsSandbox": True,
            "OrganizationType": "Enterprise Edition",
            "TimeZoneSidKey": "Asia/Tokyo",
        },
    )
    users = (
        (ids.PORTAL_USER_ID, org.core.settings.salesforce_username, "Portal Integration"),
        (ids.STAFF_USER_ID, org.core.settings.salesforce_staff_username, "Staff"),
        (ids.AUTOMATED_PROCESS_USER_ID, "automatedprocess@sandbox.invalid", "Automated Process"),
    )
    for user_id, username, name in users:
        values = {"Id": user_id, "Username": username, "Name": name, "LastName": name, "Email": username}
        _create(transaction, "User", {**values, "IsActive": True})
    for book_id, name in ((ids.STANDARD_PRICEBOOK_ID, "Standard Price Book"), (ids.PORTAL_PRICEBOOK_ID, "Portal")):
        standard = book_id == ids.STANDARD_PRICEBOOK_ID
        _create(transaction, "Pricebook2", {"Id": book_id, "Name": name, "IsActive": True, "IsStandard": standard})


def _product(transaction: Transaction, product: Product) -> None:
    _create(
        transaction,
        "Product2",
        {
            "Id": product_id(product.sku),
            "Name": product.name,
            "ProductCode": product.sku,
            "StockKeepingUnit": product.sku,
            "Description": product.description,
            "IsActive": True,
            "Family": product.category,
            "Billing_Cycle__c": product.billing_cycle,
            "Item_Class__c": product.item_class,
            "Portal_Visible__c": product.portal_visible,
            "Portal_Category__c": product.category,
            "Portal_ConfigOptions_JSON__c": product.config_options,
            "Portal_Name_JA__c": product.name_ja,
            "Portal_Description_JA__c": product.description_ja,
            "Internet_Eligibility__c": product.eligibility,
            "WH_Product_ID__c": product.pid,
            "WHMCS_Product_Id__c": str(product.pid),
        },
    )
    if not product.in_pricebook:
        return
    for book_id, standard in ((ids.STANDARD_PRICEBOOK_ID, True), (ids.PORTAL_PRICEBOOK_ID, False)):
        _create(
            transaction,
            "PricebookEntry",
            {
                "Id": entry_id(product.sku, standard=standard),
                "Pricebook2Id": book_id,
                "Product2Id": product_id(product.sku),
                "UnitPrice": product.price,
                "IsActive": True,
            },
        )


def _accounts(transaction: Transaction, dataset: Dataset) -> None:
    for account in dataset.accounts:
        _account(transaction, account)
        template = CONTACT_ADDRESSES.get(account.contact)
        if account.contact in CONTACT_ADDRESSES:
            _contact(transaction, account, template.format(email=account.email) if template else None)
        if account.eligibility == "Pending":
            _eligibility_request(transaction, account)


def _account(transaction: Transaction, account: Account) -> None:
    recently = to_wire(transaction.now + HISTORY - REQUESTED_BEFORE)
    checked = account.eligibility in ("Checked", "Not Eligible")
    status = "Checked" if checked else account.eligibility
    verification = VERIFICATION_STATUSES.get(account.verification)
    _create(
        transaction,
        "Account",
        {
            "Id": account_id(account.number),
            "Name": account.name,
            "Type": "Customer",
            "Phone": account.phone,
            "SF_Account_No__c": account.number,
            "WH_Account__c": str(account.wh_account) if account.wh_account else None,
            "Portal_Status__c": account.portal_status,
            "Portal_Registration_Source__c": "Legacy" if account.portal_status else None,
            **_address("Billing", account),
            "Internet_Eligibility__c": account.eligible_for or ("Not Eligible" if checked else None),
            "Internet_Eligibility_Status__c": status,
            "Internet_Eligibility_Request_Date_Time__c": recently if status else None,
            "Internet_Eligibility_Checked_Date_Time__c": recently if checked else None,
            "Id_Verification_Status__c": verification,
            "Id_Verification_Submitted_Date_Time__c": recently if verification else None,
            "Id_Verification_Verified_Date_Time__c": recently if verification == "Verified" else None,
            "Id_Verification_Rejection_Message__c": account.verification_note if verification == "Rejected" else None,
        },
    )


def _contact(transaction: Transaction, account: Account, email: str | None) -> None:
    _create(
        transaction,
        "Contact",
        {
            "Id": ids.seeded("003", account.number),
            "LastName": account.last_name,
            "FirstName": account.first_name,
            "AccountId": account_id(account.number),
            "Email": email,
            "Phone": account.phone,
            **_address("Mailing", account),
        },
    )


def _eligibility_request(transaction: Transaction, account: Account) -> None:
    requested = transaction.now + HISTORY - REQUESTED_BEFORE
    opportunity_id = ids.seeded("006", account.number)
    _create(
        transaction,
        "Opportunity",
        {
            "Id": opportunity_id,
            "Name": f"{account.name} - Internet",
            "AccountId": account_id(account.number),
            "StageName": OPPORTUNITY_STAGES[0],
            "CloseDate": (requested + timedelta(days=30)).date().isoformat(),
            transaction.schema.dialect.commodity_field: "Personal SonixNet Home Internet",
            "Portal_Source__c": PORTAL_SOURCES[0],
        },
    )
    _create(
        transaction,
        "Case",
        {
            "Id": ids.seeded("500", account.number),
            "Subject": "Internet eligibility check",
            "Description": "Please check which Internet plans are available at the address on file.",
            "Type": "Eligibility Check",
            "Origin": "Portal Website",
            "AccountId": account_id(account.number),
            "OpportunityId__c": opportunity_id,
        },
    )


def _address(prefix: str, account: Account) -> dict[str, str]:
    address = account.address
    street = "\n".join(part for part in (address.address1, address.address2) if part)
    return {
        f"{prefix}Street": street,
        f"{prefix}City": address.city,
        f"{prefix}State": address.state,
        f"{prefix}PostalCode": address.postcode,
        f"{prefix}Country": address.country,
    }
