"""Which WHMCS services are an Internet line that is in use (C14). No I/O."""

from collections.abc import Collection, Iterable
from typing import Final

from portal_contracts.billing import Subscription
from portal_contracts.values import comparable_text

IN_USE: Final = frozenset({"active", "pending", "suspended"})


def line_in_use(
    services: Iterable[Subscription], products: Collection[int], groups: Collection[str]
) -> Subscription | None:
    """Give the line among a client's services; by its product, or by its group's comparable name. None without one."""
    for service in services:
        known = service.whmcs_product_id in products or comparable_text(service.group) in groups
        if known and service.state in IN_USE:
            return service
    return None
