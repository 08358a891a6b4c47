"""Whose request it is on the network (D18): the peer, or what trusted proxies say of it."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from portal_gateway.settings import Network

UNKNOWN: Final = "unknown"
_HOPS: Final = 32
"""Entries of X-Forwarded-For that are looked at, from the right."""

Address = IPv4Address | IPv6Address


def client_address(scope: Any, trusted: Sequence[Network]) -> str:
    """Give the client's IP address.

    Read from the right, X-Forwarded-For is believed as long as the hop that wrote it is trusted; what stands further
    left is the client's own claim. IPv4 in IPv6 form is given as IPv4.
    """
    peer = scope.get("client")
    address = _parsed(peer[0]) if peer else None
    if address is None:
        return UNKNOWN
    if not trusted or not _is_trusted(address, trusted):
        return str(address)
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    for hop in reversed(forwarded.decode("latin-1").split(",")[-_HOPS:]):
        claimed = _parsed(hop.strip())
        if claimed is None:
            break
        address = claimed
        if not _is_trusted(claimed, trusted):
            break
    return str(address)


def _is_trusted(address: Address, trusted: Iterable[Network]) -> bool:
    return any(address in network for network in trusted)


def _parsed(text: str) -> Address | None:
    """Read `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1` or `[2001:db8::1]:443`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address
