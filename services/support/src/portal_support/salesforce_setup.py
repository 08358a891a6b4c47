"""What support needs of the org (R219-R223, R272, C23): cases and their comments."""

from typing import Final

from portal_salesforce.setup_needs import PICK, TEXT, FieldNeed, ObjectNeed
from portal_support.salesforce import ORIGIN, TYPES

NEEDS: Final = (
    ObjectNeed(
        "Case",
        "CRU",
        (
            FieldNeed("Subject", writes="c"),
            FieldNeed("Description", writes="c"),
            FieldNeed("AccountId", writes="c"),
            FieldNeed("Status", PICK),
            FieldNeed("Type", PICK, "c", texts=tuple(TYPES.values())),
            FieldNeed("case.origin", PICK, "c", texts=(ORIGIN,), without="the origin of cases (C23)"),
            FieldNeed("case.key", TEXT, "c", unique=True),
            FieldNeed("case.opportunity", without="the opportunity of a cancellation on its case"),
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
)
