"""Who serves, asks, records, consumes and watches what: a module for each service, joined here.

Bus permissions, streams, durables, AsyncAPI and the README's picture come from here; the chassis refuses at start
whatever is not listed.
"""

from collections.abc import Mapping
from typing import Final

from portal_contracts.topology.billing import BILLING
from portal_contracts.topology.catalog import CATALOG
from portal_contracts.topology.changefeed import CHANGEFEED
from portal_contracts.topology.fulfillment import FULFILLMENT
from portal_contracts.topology.gateway import GATEWAY
from portal_contracts.topology.identity import IDENTITY
from portal_contracts.topology.notifications import NOTIFICATIONS
from portal_contracts.topology.operator import OPERATOR
from portal_contracts.topology.orders import ORDERS
from portal_contracts.topology.service_topology import (
    Events,
    Requests,
    ServiceTopology,
    durable_name,
    owner_of,
    stream_of,
)
from portal_contracts.topology.support import SUPPORT

__all__ = ["OPERATOR", "SERVICES", "Events", "Requests", "ServiceTopology", "durable_name", "owner_of", "stream_of"]

SERVICES: Final[Mapping[str, ServiceTopology]] = {
    service.name: service
    for service in (GATEWAY, IDENTITY, CATALOG, ORDERS, BILLING, FULFILLMENT, SUPPORT, NOTIFICATIONS, CHANGEFEED)
}
