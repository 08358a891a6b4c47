"""What catalog answers and follows, grouped for the topology."""

from typing import Any, Final

from portal_contracts import billing, catalog, catalog_personal, catalog_upkeep, changefeed, customer_news, orders
from portal_contracts.internet_standing import FindInternetStanding
from portal_contracts.message import Event, Request

Requests = tuple[type[Request[Any]], ...]

ASKED_THROUGH_THE_GATEWAY: Final[Requests] = (
    catalog.ListCatalog,
    catalog.ReadProduct,
    catalog_personal.ListPersonalCatalog,
)
ASKED_BY_OPERATORS: Final[Requests] = (catalog_upkeep.ClearCatalog,)
SERVED: Final[Requests] = (*ASKED_THROUGH_THE_GATEWAY, *ASKED_BY_OPERATORS, catalog.FindProducts)
ASKED: Final[Requests] = (billing.ListBillingProducts, FindInternetStanding)
WATCHED: Final[tuple[type[Event], ...]] = (
    catalog.CatalogChanged,
    changefeed.AccountChanged,
    customer_news.EligibilityChanged,
    orders.OrderPlaced,
)
"""What ends copies: of the catalog, and of whether an account may order Internet."""
