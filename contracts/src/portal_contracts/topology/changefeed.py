"""Changefeed's place on the bus."""

from typing import Final

from portal_contracts import changefeed
from portal_contracts.setup_checks import check_setup
from portal_contracts.topology.service_topology import ServiceTopology

CHANGEFEED: Final = ServiceTopology(
    "changefeed",
    serves=(check_setup("changefeed"),),
    records=(
        changefeed.OrderChanged,
        changefeed.OrderItemChanged,
        changefeed.ProductChanged,
        changefeed.PriceChanged,
        changefeed.AccountChanged,
        changefeed.ProvisionEventReceived,
        changefeed.EventsMissed,
    ),
)
