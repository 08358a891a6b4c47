"""What is on sale: for everybody, for the one who is signed in, and having it read anew."""

from typing import Final

from portal_contracts import catalog
from portal_contracts.catalog_personal import ListPersonalCatalog
from portal_contracts.catalog_upkeep import ClearCatalog
from portal_gateway.micro_cache import CachePolicy
from portal_gateway.operation import Operation, send_command, without
from portal_gateway.routes.operator_access import TAG

FRESH: Final = CachePolicy("public", seconds=30, invalidated_by=(catalog.CatalogChanged,))
"""Catalog announces every change; the age is for when nobody hears it."""

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/catalog",
        message=catalog.ListCatalog,
        call_group="catalog",
        cache=FRESH,
        replies={200: "The catalog"},
    ),
    Operation(
        method="GET",
        path="/catalog/personalized",
        message=ListPersonalCatalog,
        replies={200: "The catalog for the caller: each group may carry a notice, each product `notForYou`"},
    ),
    Operation(
        method="GET",
        path="/catalog/{sku}",
        message=catalog.ReadProduct,
        call_group="catalog",
        cache=FRESH,
        replies={200: "The product"},
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="POST",
        path="/operator/catalog/clear",
        message=ClearCatalog,
        answer=send_command,
        body=without(ClearCatalog, "request_id"),
        replies={200: "What was done, or would be"},
        idempotency_key=True,
        problems=("IDEMPOTENCY_KEY_REUSED", "IN_PROGRESS"),
        tag=TAG,
    ),
)
