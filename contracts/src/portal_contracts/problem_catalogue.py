"""The one list of problem codes. problem+json, the Salesforce error field, mails and the console are made from it."""

from typing import Final

from portal_contracts.problem_entry import Kind, ProblemEntry
from portal_contracts.problems_of_accounts import PROBLEMS_OF_ACCOUNTS
from portal_contracts.problems_of_catalog import PROBLEMS_OF_CATALOG
from portal_contracts.problems_of_operations import PROBLEMS_OF_OPERATIONS
from portal_contracts.problems_of_orders import PROBLEMS_OF_ORDERS
from portal_contracts.problems_of_requests import PROBLEMS_OF_REQUESTS
from portal_contracts.problems_of_services import PROBLEMS_OF_SERVICES
from portal_contracts.problems_of_support import PROBLEMS_OF_SUPPORT

__all__ = ["ENTRIES", "Kind", "ProblemEntry"]

ENTRIES: Final[tuple[ProblemEntry, ...]] = (
    *PROBLEMS_OF_REQUESTS,
    *PROBLEMS_OF_ACCOUNTS,
    *PROBLEMS_OF_CATALOG,
    *PROBLEMS_OF_ORDERS,
    *PROBLEMS_OF_SUPPORT,
    *PROBLEMS_OF_OPERATIONS,
    *PROBLEMS_OF_SERVICES,
)
