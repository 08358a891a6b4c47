"""Who is signed in: minted once, refreshed ahead, forgotten when revoked (architecture §7, §9)."""

import asyncio
import hashlib

import httpx
import pytest

from portal_contracts import identity, orders
from portal_contracts.identity import MintActor, SessionRevoked
from portal_contracts.problems import Refused, TryLater

FRESH = hashlib.sha256(b"fresh-session-token-0001").hexdigest()


async def test_a_session_is_exchanged_once_and_its_actor_travels_on(portal, browser):
    for _ in range(3):
        assert (await browser.get("/me")).status_code == 200
    assert portal.identity.asked == 1
    tokens = {ask.actor for ask in portal.bus.asked if isinstance(ask.message, identity.ReadMe)}
    assert len(tokens) == 1
    assert portal.verifier.verify(tokens.pop()).user_id == "user-hanako"


async def test_a_crowd_with_one_session_causes_one_exchange(portal, browser):
    portal.identity.hold = asyncio.Event()
    crowd = [asyncio.create_task(browser.get("/me")) for _ in range(20)]
    while not portal.identity.asked:
        await asyncio.sleep(0)
    portal.identity.hold.set()
    assert {(await one).status_code for one in crowd} == {200}
    assert portal.identity.asked == 1


async def test_the_exchange_is_renewed_beside_a_request_before_it_ends(portal, browser):
    await browser.get("/me")
    portal.clock.moved += 80  # of 120 s: renewed ahead, the request does not wait for it
    portal.identity.hold = asyncio.Event()
    assert (await browser.get("/me")).status_code == 200
    portal.identity.hold.set()
    while portal.gateway.sessions._minting:
        await asyncio.sleep(0)
    assert portal.identity.asked == 2
    await browser.get("/me")
    assert portal.identity.asked == 2


async def test_an_actor_about_to_end_is_not_used_any_more(portal, browser):
    await browser.get("/me")
    portal.clock.moved += 115
    portal.identity.sessions.clear()
    answer = await browser.get("/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "SESSION_EXPIRED")


async def test_a_renewal_that_fails_for_now_leaves_the_session_in_use(portal, browser):
    await browser.get("/me")
    portal.bus.reply(MintActor, TryLater("SERVICE_UNAVAILABLE"))
    portal.clock.moved += 80
    assert (await browser.get("/me")).status_code == 200
    while portal.gateway.sessions._minting:
        await asyncio.sleep(0)
    assert (await browser.get("/me")).status_code == 200


async def test_a_revoked_session_is_refused_at_once(portal, browser):
    await browser.get("/me")
    portal.identity.sessions.clear()
    assert (await browser.get("/me")).status_code == 200, "known until somebody says otherwise"
    await portal.bus.hint(SessionRevoked(session_id="session-hanako"))
    answer = await browser.get("/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "SESSION_EXPIRED")


async def test_another_session_of_the_same_customer_goes_on(portal):
    async with portal.browser("hanako") as first, portal.browser("taro") as second:
        await first.get("/me")
        await second.get("/me")
        await portal.bus.hint(SessionRevoked(session_id="session-hanako"))
        await second.get("/me")
        assert portal.identity.asked == 2


async def test_a_revocation_while_the_exchange_is_on_its_way_wins(portal, browser):
    portal.identity.hold = asyncio.Event()
    request = asyncio.create_task(browser.get("/me"))
    while not portal.identity.asked:
        await asyncio.sleep(0)
    await portal.bus.hint(SessionRevoked(session_id="session-hanako"))
    portal.identity.hold.set()
    await request
    portal.identity.sessions.clear()
    assert (await browser.get("/me")).status_code == 401, "nothing was kept"


async def test_after_a_lost_connection_every_session_is_asked_for_again(portal, browser):
    await browser.get("/me")
    await portal.bus.reconnect()  # revocations may have been missed
    await browser.get("/me")
    assert portal.identity.asked == 2


async def test_identity_that_does_not_answer_means_try_later_and_public_pages_go_on(portal, browser):
    portal.bus.reply(MintActor, TryLater("SERVICE_UNAVAILABLE"))
    answer = await browser.get("/orders")
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert "retry-after" in answer.headers
    assert (await browser.get("/catalog")).status_code == 200


async def test_a_public_page_does_not_wait_for_a_session_and_ignores_a_dead_one(portal, visitor):
    visitor.cookies.set("portal_session", "a-token-that-nobody-knows")
    portal.identity.hold = asyncio.Event()
    assert (await visitor.get("/catalog")).status_code == 200
    portal.identity.hold.set()
    while portal.gateway.sessions._minting:
        await asyncio.sleep(0)
    for _ in range(5):
        assert (await visitor.get("/catalog")).status_code == 200
    assert portal.identity.asked == 1, "a dead token is not asked about with every page"


@pytest.mark.parametrize(
    "token", ["short", "a" * 257, "with space in the middle", "ünicode-token-of-length", "';--" * 8]
)
async def test_a_token_no_session_can_have_is_refused_without_asking(portal, visitor, token):
    cookie = f"portal_session={token}".encode()
    answer = await visitor.get("/me", headers=[(b"cookie", cookie)])
    assert (answer.status_code, answer.json()["code"]) == (401, "SESSION_EXPIRED")
    assert portal.identity.asked == 0


async def test_the_session_is_found_among_other_cookies(portal, visitor):
    token = portal.identity.open()
    for cookie in (
        f"portal_session={token}",
        f"a=b; portal_session={token}; c=d",
        f"xportal_session=wrong; portal_session={token}",
        f"portal_session={token}; portal_session=a-planted-second-token",
    ):
        assert (await visitor.get("/me", headers={"cookie": cookie})).status_code == 200, cookie
    assert (await visitor.get("/me", headers={"cookie": f"xportal_session={token}"})).status_code == 401


async def test_a_program_may_send_its_session_as_a_bearer_token(portal, visitor):
    token = portal.identity.open()
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert (await visitor.get("/me", headers={"Authorization": f"{scheme} {token}"})).status_code == 200
    assert (await visitor.get("/me", headers={"Authorization": f"Basic {token}"})).status_code == 401
    assert (await visitor.get("/me", headers={"Authorization": "Bearer "})).status_code == 401


async def test_as_many_sessions_as_fit_are_remembered(portal):
    portal.gateway.sessions._at_most = 3
    for name in ("a", "b", "c", "d"):
        async with portal.browser(name) as client:
            await client.get("/me")
    assert len(portal.gateway.sessions._known) == len(portal.gateway.sessions._keys) == 3


async def test_logging_in_sets_the_cookies_and_tells_no_token(portal, visitor):
    portal.bus.reply(
        identity.LogIn,
        identity.OpenedSession(
            session_token="fresh-session-token-0001",
            csrf_token="fresh-csrf-token-0000001",
            user_id="user-1",
            expires_at=portal.clock.now().replace(microsecond=0),
        ),
    )
    answer = await visitor.post(
        "/auth/login",
        json={
            "email": "hanako@example.jp",
            "password": "secret",
            "requestId": "mine-00000",
            "clientAddress": "1.2.3.4",
        },
        headers={"User-Agent": "Browser\t1"},
    )
    assert answer.status_code == 200
    assert set(answer.json()) == {"userId", "expiresAt"}
    session, csrf, device = answer.headers.get_list("set-cookie")
    assert session.startswith("portal_session=fresh-session-token-0001; Max-Age=")
    assert session.endswith("; HttpOnly; Path=/; SameSite=Lax")
    assert csrf.startswith("portal_csrf=fresh-csrf-token-0000001; Max-Age=")
    assert "HttpOnly" not in csrf
    assert device == f"portal_device={FRESH}; Max-Age=7776000; HttpOnly; Path=/; SameSite=Lax"
    asked = portal.asked(identity.LogIn)[0]
    assert (asked.client_address, asked.user_agent) == ("192.0.2.7", "Browser1")
    assert asked.request_id != "mine-00000"


async def test_over_https_the_cookies_are_bound_to_the_host(new_portal):
    portal = new_portal(cookie_secure=True)
    async with portal.visitor() as client:
        answer = await client.post("/auth/login", json={"email": "hanako@example.jp", "password": "secret"})
    for cookie, name in zip(answer.headers.get_list("set-cookie"), ("session", "csrf", "device"), strict=True):
        assert cookie.startswith(f"__Host-portal_{name}=")
        assert cookie.endswith("; Path=/; SameSite=Lax; Secure")
    assert "max-age=" in answer.headers["strict-transport-security"]


async def test_logging_in_ends_the_session_that_came_along(portal, browser):  # no session is planted
    await browser.post("/auth/login", json={"email": "hanako@example.jp", "password": "secret"})
    ended = [ask for ask in portal.bus.asked if isinstance(ask.message, identity.LogOut)]
    assert len(ended) == 1
    assert ended[0].actor is not None
    portal.identity.sessions.clear()
    answer = await browser.post("/auth/login", json={"email": "hanako@example.jp", "password": "secret"})
    assert answer.status_code == 200, "an old dead session is no obstacle"


@pytest.mark.parametrize(
    ("cookie", "told"), [(f"portal_device={'a' * 64}", "a" * 64), ("portal_device=x", None), ("", None)]
)
async def test_a_browser_that_is_known_says_so_and_nobody_elses_word_counts(portal, visitor, cookie, told):
    form = {"email": "hanako@example.jp", "password": "secret", "device": "b" * 64}
    assert (await visitor.post("/auth/login", json=form, headers={"Cookie": cookie})).status_code == 200
    (asked,) = portal.asked(identity.LogIn)
    assert asked.device == told


async def test_a_refused_login_sets_nothing(portal, browser):
    portal.bus.reply(identity.LogIn, Refused("CREDENTIALS_WRONG"))
    answer = await browser.post("/auth/login", json={"email": "hanako@example.jp", "password": "wrong"})
    assert (answer.status_code, answer.json()["code"]) == (401, "CREDENTIALS_WRONG")
    assert "set-cookie" not in answer.headers
    assert portal.asked(identity.LogOut) == []


async def test_logging_out_ends_the_session_here_at_once(portal, browser):
    answer = await browser.post("/auth/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    deleted = answer.headers.get_list("set-cookie")
    assert [cookie.split("; ")[:2] for cookie in deleted] == [
        ["portal_session=", "Max-Age=0"],
        ["portal_csrf=", "Max-Age=0"],
    ]
    portal.identity.sessions.clear()
    token = "session-token-of-hanako"
    again = await browser.get("/me", headers={"Cookie": f"portal_session={token}"})
    assert again.status_code == 401


async def test_me_tells_the_csrf_token(browser):
    assert (await browser.get("/me")).headers["x-csrf-token"] == "csrf-for-session-token-of-hanako"


async def test_nobody_sees_what_is_another_customers(portal):  # R236
    def whose(_):
        who = portal.verifier.verify(portal.bus.asked[-1].actor).user_id
        return orders.Checkout(checkout_id=who, state="placed")

    portal.bus.reply(orders.ReadCheckout, whose)
    async with portal.browser("hanako") as hanako, portal.browser("taro") as taro:

        async def look(client: httpx.AsyncClient, who: str) -> None:
            for _ in range(20):
                assert (await client.get("/checkouts/c-1")).json()["checkoutId"] == who

        await asyncio.gather(look(hanako, "user-hanako"), look(taro, "user-taro"))
