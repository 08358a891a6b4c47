"""What identity needs of the org (R017, R027-R030, R197-R202, R272-R274, R305, R307): checked by the doctor."""

from typing import Final

from portal_salesforce.setup_needs import DAY, MOMENT, TEXT, TEXT_OR_PICK, FieldNeed, ObjectNeed

ADDRESS: Final = ("BillingPostalCode", "BillingState", "BillingCity", "BillingStreet", "BillingCountry")

NEEDS: Final = (
    ObjectNeed(
        "Account",
        "CRU",
        (
            FieldNeed("Name", writes="c"),
            *(FieldNeed(name, writes="cu") for name in ("Phone", *ADDRESS)),
            FieldNeed("account.customerNumber", TEXT, "c", unique=True),
            FieldNeed("account.whmcsClientId", TEXT, "u"),
            FieldNeed("account.portalStatus", TEXT_OR_PICK, "u", texts=("Active", "Inactive")),
            FieldNeed(
                "account.registrationSource", TEXT_OR_PICK, "u", texts=("Legacy", "Portal Signup", "Portal Checkout")
            ),
            FieldNeed("account.verificationStatus", TEXT_OR_PICK, "u", texts=("Pending", "Verified", "Rejected")),
            FieldNeed("account.verificationSubmittedAt", MOMENT, "u"),
            FieldNeed("account.verificationVerifiedAt", MOMENT, "u"),
            FieldNeed("account.verificationNote", TEXT, "u"),
            FieldNeed("account.verificationRejection", TEXT, "u"),
        ),
    ),
    ObjectNeed(
        "Contact",
        "CRU",
        (
            FieldNeed("AccountId", writes="c"),
            FieldNeed("LastName", writes="cu"),
            FieldNeed("FirstName", writes="cu"),
            FieldNeed("Email", writes="cu"),
            FieldNeed("Phone", writes="cu"),
            FieldNeed("contact.dateOfBirth", DAY, "cu"),
            FieldNeed("contact.nationality", TEXT, "cu"),
            FieldNeed("contact.gender", TEXT_OR_PICK, "cu", texts=("Male", "Female", "Other")),
            FieldNeed("contact.key", TEXT, "c", unique=True, without="contacts that are safe to create twice"),
        ),
    ),
    ObjectNeed(
        "ContentVersion",
        "",  # no permission set has object rights on files: who may not create them cannot write their content
        (
            FieldNeed("Title"),
            FieldNeed("PathOnClient"),
            FieldNeed("VersionData", writes="c"),
            FieldNeed("FirstPublishLocationId"),
        ),
    ),
)
