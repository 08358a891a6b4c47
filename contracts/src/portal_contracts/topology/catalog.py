"""Catalog's place on the bus."""

from typing import Final

from portal_contracts import catalog, catalog_messages, changefeed
from portal_contracts.setup_checks import check_setup
from portal_contracts.topology.service_topology import ServiceTopology

CATALOG: Final = ServiceTopology(
    "catalog",
    serves=(*catalog_messages.SERVED, check_setup("catalog")),
    asks=catalog_messages.ASKED,
    records=(catalog.CatalogChanged,),
    consumes=(changefeed.ProductChanged, changefeed.PriceChanged, changefeed.EventsMissed),
    watches=catalog_messages.WATCHED,
)
