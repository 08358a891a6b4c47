"""What support needs of the org (R219-R223, R272, C23, C41): cases, their comments and files, and whose things are."""

from typing import Final

from portal_salesforce.setup_needs import NUMBER_OR_TEXT, PARENT, PICK, TEXT, FieldNeed, ObjectNeed
from portal_support.salesforce import ORIGIN, STATUS, TYPES

NEEDS: Final = (
    ObjectNeed(
        "Case",
        "CRU",
        (
            FieldNeed("Subject", writes="c"),
            FieldNeed("Description", writes="c"),
            FieldNeed("AccountId", writes="c"),
            FieldNeed("Status", PICK, "u", picklist=STATUS),
            FieldNeed("ClosedDate"),
            FieldNeed("Type", PICK, "c", texts=tuple(TYPES.values())),
            FieldNeed("case.origin", PICK, "c", texts=(ORIGIN,), without="the origin of cases (C23)"),
            FieldNeed("case.key", TEXT, "c", unique=True),
            FieldNeed("case.opportunity", PARENT, "c", without="the opportunity of a case on it"),
        ),
    ),
    ObjectNeed(
        "CaseComment",
        "",  # comments go by the rights on their case
        (
            FieldNeed("ParentId"),
            FieldNeed("CommentBody", writes="c"),
            FieldNeed("IsPublished"),
        ),
    ),
    ObjectNeed(
        "ContentVersion",
        "",  # files go by the rights on what they are attached to
        (
            FieldNeed("Title"),
            FieldNeed("PathOnClient"),
            FieldNeed("VersionData", writes="c"),
            FieldNeed("FirstPublishLocationId"),
        ),
    ),
    ObjectNeed("Order", "", (FieldNeed("OrderNumber"), FieldNeed("OpportunityId"))),
    ObjectNeed(
        "Opportunity",
        "",
        (FieldNeed("opportunity.serviceId", NUMBER_OR_TEXT, without="the opportunity of a service on its case"),),
    ),
)
