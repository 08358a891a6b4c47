from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal_gateway.client_address import UNKNOWN, client_address
from portal_gateway.settings import GatewaySettings

PROXIES = GatewaySettings(trusted_proxies="10.0.0.0/8, ::1, fd00::/8").trusted_proxies


def scope(peer, *forwarded):
    return {"client": (peer, 1) if peer else None, "headers": [(b"x-forwarded-for", line) for line in forwarded]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", [b"1.1.1.1"], "203.0.113.9"),  # a stranger's claim
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # the left is the client's own claim
        ("10.0.0.1", [b"1.1.1.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", [b"1.1.1.1", b"203.0.113.9"], "203.0.113.9"),  # several lines are one list
        ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [b"203.0.113.9:51000"], "203.0.113.9"),
        ("10.0.0.1", [b"[2001:db8::9]:443"], "2001:db8::9"),
        ("10.0.0.1", [b"2001:db8::9"], "2001:db8::9"),
        ("::1", [b"203.0.113.9"], "203.0.113.9"),
        ("::ffff:10.0.0.1", [b"::ffff:203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"203.0.113.9, unknown"], "10.0.0.1"),  # an unreadable hop ends the belief
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("10.0.0.1", [b", ,,"], "10.0.0.1"),
        (None, [b"203.0.113.9"], UNKNOWN),
        ("testclient", [], UNKNOWN),
    ],
)
def test_only_what_trusted_hops_say_is_believed(peer, forwarded, expected):
    assert client_address(scope(peer, *forwarded), PROXIES) == expected


def test_without_trusted_proxies_nobody_is_believed():
    assert client_address(scope("10.0.0.1", b"203.0.113.9"), ()) == "10.0.0.1"


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_no_header_breaks_it(lines):
    ip_address(client_address(scope("10.0.0.1", *lines), PROXIES))
