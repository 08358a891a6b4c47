"""What orders needs of the org (R231-R232, R272-R274, R305-R310): checked by the doctor."""

from typing import Final

from portal_orders.salesforce_records import CYCLES
from portal_salesforce.profile import STAGE_CANCELLED, STAGE_CANCELLING
from portal_salesforce.setup_needs import (
    DAY,
    FLAG,
    MOMENT,
    NUMBER_OR_TEXT,
    PICK,
    TEXT,
    TEXT_OR_PICK,
    FieldNeed,
    ObjectNeed,
)

COMMODITIES: Final = ("Personal SonixNet Home Internet", "Corporate SonixNet Home Internet", "SIM", "VPN")
SOURCES: Final = ("Portal - Internet Eligibility Request", "Portal - Order Placement", "Sales - Manual")

NEEDS: Final = (
    ObjectNeed(
        "Order",
        "CRU",
        (
            FieldNeed("Status", PICK, "cu", picklist="order.status"),
            FieldNeed("OpportunityId", writes="c"),
            FieldNeed("Pricebook2Id", writes="c"),
            FieldNeed("EffectiveDate", writes="c"),
            FieldNeed("Description", writes="cu"),
            FieldNeed("order.key", TEXT, "c", unique=True),
            FieldNeed("order.activationStatus", PICK, "cu", picklist="order.activation"),
            FieldNeed("order.activationError", TEXT, "u"),
            FieldNeed("order.activationErrorAt", MOMENT, "u"),
            FieldNeed("order.whmcsOrderId", NUMBER_OR_TEXT, "u"),
            FieldNeed("order.activationType", TEXT_OR_PICK, "c", texts=("Immediate", "Scheduled")),
            FieldNeed("order.scheduledAt", MOMENT, "c"),
            FieldNeed("order.errorCode", TEXT, "u", without="error codes of their own: they stand in the error text"),
            FieldNeed(
                "order.addressChanged",
                FLAG,
                "c",
                without="a mark: a changed address ends the description (C09)",
            ),
            FieldNeed("order.traceId", TEXT, "c", without="the checkout's trace on the order"),
            FieldNeed("order.simType", TEXT_OR_PICK, "c", texts=("eSIM", "Physical SIM")),
            FieldNeed("order.eid", TEXT, "c"),
            FieldNeed("order.simCardNumber", TEXT),
            FieldNeed("order.priority", TEXT_OR_PICK, without="staff's mark of priority orders (C31)"),
            FieldNeed(
                "order.rejectionReason",
                (*TEXT, *PICK),
                without="staff's reason in a field of its own: it stands behind `Rejected:` in the description (C36)",
            ),
            FieldNeed("order.mnpApplication", FLAG, "c"),
            FieldNeed("order.mnpType", TEXT_OR_PICK, without="the kind of porting"),
            FieldNeed("order.mnpOneStop", FLAG, "c", without="numbers without a reservation (D09)"),
            FieldNeed("order.mnpReservationNumber", TEXT, "cu"),
            FieldNeed("order.mnpExpiryDate", DAY, "cu"),
            FieldNeed("order.mnpPhoneNumber", ("phone", "string"), "cu"),
            FieldNeed("order.mnpAccountNumber", TEXT, without="the account number at the other operator"),
            FieldNeed("order.mnpLastName", TEXT, "cu"),
            FieldNeed("order.mnpFirstName", TEXT, "cu"),
            FieldNeed("order.mnpLastNameKana", TEXT, "cu"),
            FieldNeed("order.mnpFirstNameKana", TEXT, "cu"),
            FieldNeed("order.mnpGender", TEXT_OR_PICK, "cu", texts=("M", "W", "C")),
            FieldNeed("order.mnpDateOfBirth", DAY, "cu"),
        ),
    ),
    ObjectNeed(
        "OrderItem",
        "CRU",
        (
            FieldNeed("PricebookEntryId", writes="c"),
            FieldNeed("Quantity", writes="c"),
            FieldNeed("UnitPrice", writes="c"),
            FieldNeed("orderItem.key", TEXT, "c", unique=True),
            FieldNeed(
                "orderItem.billingCycle",
                TEXT_OR_PICK,
                "c",
                texts=tuple(CYCLES.values()),
                without="the cycle on the line",
            ),
            FieldNeed("orderItem.configOptions", TEXT, "c", without="the chosen options on the line"),
            FieldNeed("orderItem.serviceId", NUMBER_OR_TEXT, "u", without="the WHMCS service on the line"),
        ),
    ),
    ObjectNeed(
        "Opportunity",
        "CRU",
        (
            FieldNeed("StageName", PICK, "cu", texts=(STAGE_CANCELLING, STAGE_CANCELLED), picklist="opportunity.stage"),
            FieldNeed("CloseDate", writes="c"),
            FieldNeed("opportunity.key", TEXT, "c", unique=True),
            FieldNeed("opportunity.commodityType", TEXT_OR_PICK, "c", texts=COMMODITIES),
            FieldNeed("opportunity.portalSource", TEXT_OR_PICK, "c", texts=SOURCES),
            FieldNeed("opportunity.applicationStage", TEXT_OR_PICK, "c"),
            FieldNeed("opportunity.cancellationNotice", TEXT_OR_PICK, "u"),
            FieldNeed("opportunity.scheduledCancellation", MOMENT, "u"),
            FieldNeed("opportunity.lineReturn", TEXT_OR_PICK, "u"),
            FieldNeed("opportunity.serviceId", NUMBER_OR_TEXT, "u"),
        ),
    ),
    ObjectNeed(
        "Account",
        "",
        (
            FieldNeed("account.eligibility", TEXT_OR_PICK),
            FieldNeed("account.eligibilityStatus", TEXT_OR_PICK, "u", texts=("Pending", "Checked")),
            FieldNeed("account.eligibilityRequestedAt", MOMENT, "u"),
            FieldNeed("account.eligibilityCheckedAt", MOMENT),
        ),
    ),
)
