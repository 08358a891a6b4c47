from typing import Final

from portal_contracts import catalog
from portal_gateway.micro_cache import CachePolicy
from portal_gateway.operation import Operation

FRESH: Final = CachePolicy("public", seconds=30, invalidated_by=(catalog.CatalogChanged,))
"""Catalog announces every change; the age is for when nobody hears it."""

OPERATIONS: Final = (
    Operation(method="GET", path="/catalog", message=catalog.ListCatalog, cache=FRESH, replies={200: "The catalog"}),
    Operation(
        method="GET",
        path="/catalog/{sku}",
        message=catalog.ReadProduct,
        cache=FRESH,
        replies={200: "The product"},
        problems=("NOT_FOUND",),
    ),
)
