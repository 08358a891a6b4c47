"""Where signed calls may come from: the peer that trusted hops name, and nothing a caller says of itself (R267)."""

import pytest

CALLERS = "203.0.113.0/24, 2001:db8:5f::/48"
PROXIES = "10.0.0.0/8, fd00::/8"
SALESFORCE, STRANGER, PROXY = "203.0.113.9", "198.51.100.7", "10.0.0.1"


def forwarded(*lines, name="X-Forwarded-For"):
    return [(name, line) for line in lines]


@pytest.mark.parametrize(
    ("peer", "lines", "allowed"),
    [
        (SALESFORCE, [], True),
        (STRANGER, [], False),
        (STRANGER, forwarded(SALESFORCE), False),  # nobody trusted said so
        (SALESFORCE, forwarded(STRANGER), True),  # nor here
        (PROXY, forwarded(SALESFORCE), True),
        (PROXY, forwarded(STRANGER), False),
        (PROXY, forwarded(f"{SALESFORCE}, {STRANGER}"), False),  # the left-most is the caller's own claim
        (PROXY, forwarded(f"{STRANGER}, {SALESFORCE}"), True),
        (PROXY, forwarded(SALESFORCE, STRANGER), False),  # several lines are one list
        (PROXY, forwarded(STRANGER, SALESFORCE), True),
        (PROXY, forwarded(f"{SALESFORCE}, 10.0.0.2"), True),  # two hops
        (PROXY, forwarded(f"{SALESFORCE}, {STRANGER}, 10.0.0.2"), False),
        (PROXY, forwarded(f"{SALESFORCE}, 172.16.0.2"), False),  # a hop nobody trusts
        (PROXY, [], False),  # a proxy that says nothing is not the caller
        (PROXY, forwarded(""), False),
        (PROXY, forwarded("unknown"), False),
        (PROXY, forwarded(f"{SALESFORCE}, garbage"), False),
        (PROXY, forwarded(f"{SALESFORCE},"), False),
        (PROXY, forwarded(f"for={SALESFORCE}", name="Forwarded"), False),  # not what our proxies write
        (PROXY, [*forwarded(STRANGER), *forwarded(f"for={SALESFORCE}", name="Forwarded")], False),
        (PROXY, forwarded(SALESFORCE, name="X-Real-IP"), False),
        (PROXY, forwarded(f"{SALESFORCE}:51000"), True),
        (PROXY, forwarded(f"{STRANGER}:51000"), False),
        (PROXY, forwarded("[2001:db8:5f::1]:443"), True),
        (PROXY, forwarded("2001:db8:5e::1"), False),
        (PROXY, forwarded(f"::ffff:{SALESFORCE}"), True),
        (PROXY, forwarded(f"::ffff:{STRANGER}"), False),
        (f"::ffff:{SALESFORCE}", [], True),
        (f"::ffff:{STRANGER}", [], False),
        ("::ffff:10.0.0.1", forwarded(SALESFORCE), True),
        ("2001:db8:5f::7", [], True),
        ("fd00::1", forwarded("2001:db8:5f::7"), True),
        ("fe80::1%eth0", [], False),
        (PROXY, forwarded("0xcb.0x0.0x71.0x9"), False),
        (PROXY, forwarded("3405803785"), False),
        (PROXY, forwarded(", ".join([SALESFORCE] * 10 + ["10.0.0.2"] * 40)), False),  # more hops than anybody has
        ("testclient", [], False),
        ("", forwarded(SALESFORCE), False),
    ],
)
async def test_only_the_peer_that_trusted_hops_name_counts(signing, signed, peer, lines, allowed):
    gate = signing(signed_callers=CALLERS, trusted_proxies=PROXIES)
    answer = await signed(peer=peer, sent={"more": lines}).send(gate)
    assert (answer.status, answer.code) == ((202, None) if allowed else (403, "CALLER_NOT_ALLOWED"))
    assert len(gate.bus.asked) == allowed


async def test_without_trusted_proxies_only_the_connection_itself_counts(signing, signed):
    gate = signing(signed_callers=CALLERS)
    assert (await signed(peer=PROXY, sent={"more": forwarded(SALESFORCE)}).send(gate)).status == 403
    assert (await signed(peer=SALESFORCE, sent={"more": forwarded(STRANGER)}).send(gate)).status == 202


async def test_everybody_may_be_allowed_when_it_is_said(signing, signed):
    gate = signing(signed_callers="0.0.0.0/0, ::/0")
    for peer in (STRANGER, "2001:db8::1"):
        assert (await signed(peer=peer).send(gate)).status == 202


@pytest.mark.parametrize("networks", ["203.0.113.0/33", "salesforce.com", "203.0.113.*"])
def test_a_network_that_is_none_is_refused_at_the_start(signing, networks):
    with pytest.raises(ValueError, match="network"):
        signing(signed_callers=networks)
