"""The ceremonies of a passkey with Chromium's own WebAuthn: what it makes, signs and refuses is real."""

import asyncpg
import pytest

from portal_browser.passkeys import VirtualAuthenticator, stand_between
from portal_local.demo.journey import PASSWORD

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

PAGE = "/auth/passkey"
LOG_IN, ADD, REMOVE = "Log in with a passkey", "Add a passkey", "Remove スマートフォン"
CARELESS = {
    '"userVerification":"required"': '"userVerification":"discouraged"',
    '"residentKey":"required","requireResidentKey":true': '"residentKey":"discouraged","requireResidentKey":false',
}
"""Makes of the portal's wishes those of a page that does not care who holds the device."""
LONG_AGO = (
    "UPDATE session SET authenticated_at = authenticated_at - interval '20 minutes' WHERE token_hash = sha256($1)"
)


async def log_in(there, shopper) -> None:
    await there.asks("/auth/login", {"email": shopper.person.email, "password": PASSWORD})


async def log_in_long_ago(there, shopper, stack) -> None:
    await log_in(there, shopper)
    connection = await asyncpg.connect(stack.database_url("identity"))
    assert await connection.execute(LONG_AGO, (await there.session()).encode()) == "UPDATE 1"
    await connection.close()


async def add_passkey(there) -> None:
    await there.page.get_by_label("Name of the passkey").fill("スマートフォン")
    await there.press(ADD)


async def test_a_customer_makes_a_passkey_logs_in_and_proves_themself_with_it_and_removes_it(
    visit, customer, portal_stack_of_the_run
) -> None:
    async with visit() as there:
        device = await VirtualAuthenticator.plugged_in(there)
        await log_in_long_ago(there, customer, portal_stack_of_the_run)
        await there.open(PAGE)
        await there.page.get_by_text("You have no passkey yet.").wait_for()
        there.refusals_expected = True
        await add_passkey(there)
        await there.reads("ご本人であることを確認してください", "Please confirm that it is you")
        await there.page.get_by_label("Your password").fill(PASSWORD)
        await there.press("Confirm with the password")
        await there.reads("パスキーを登録しました", "The passkey is added")
        assert [one["rpId"] for one in await device.passkeys()] == ["localhost"]
        there.refusals_expected = False

        await there.asks("/auth/logout")
        await there.open(PAGE)
        await there.press(LOG_IN)
        await there.reads("ログインしました", "You are logged in")
        await there.page.get_by_role("button", name=REMOVE).wait_for()

        await there.asks("/auth/logout")
        await log_in_long_ago(there, customer, portal_stack_of_the_run)
        await there.open(PAGE)
        there.refusals_expected = True
        await there.press(REMOVE)
        await there.press("Confirm with a passkey")
        await there.reads("パスキーを削除しました", "The passkey is removed")
        await there.page.get_by_text("You have no passkey yet.").wait_for()

        await there.asks("/auth/logout")
        await there.open(PAGE)
        await there.press(LOG_IN)
        await there.reads("このパスキーは使えません", "Use your password instead")
        assert there.complaints == []


async def test_a_device_that_did_not_look_at_its_user_is_refused(visit, customer) -> None:
    async with visit() as there:
        key = await VirtualAuthenticator.plugged_in(there, looks=False)
        await log_in(there, customer)
        await there.open(PAGE)

        # A browser that was told not to care lets anybody touch the key; the portal looks for itself.
        await stand_between(there.context, there.portal, there.portal, CARELESS)
        there.refusals_expected = True
        await add_passkey(there)
        await there.reads("パスキーを登録できませんでした", "This passkey could not be added")
        assert len(await key.passkeys()) == 1, "it was made, and not taken"
        assert there.complaints == []


async def test_what_a_page_of_another_origin_got_out_of_the_device_is_refused(visit, customer) -> None:
    async with visit() as there:
        device = await VirtualAuthenticator.plugged_in(there)
        await log_in(there, customer)
        await there.open(PAGE)
        await add_passkey(there)
        await there.reads("The passkey is added")
        phisher = "http://localhost:1"  # the same host, so the browser uses the customer's passkey there
        await stand_between(there.context, phisher, there.portal)
        await there.page.goto(phisher + PAGE)
        await add_passkey(there)
        await there.reads("この端末のパスキーは登録済みです", "This device has a passkey here already")
        there.refusals_expected = True
        await there.asks("/auth/logout")
        await there.page.goto(phisher + PAGE)
        await there.press(LOG_IN)
        await there.reads("このパスキーは使えません")
        assert [one["rpId"] for one in await device.passkeys()] == ["localhost"]
        assert "portal_session" not in {cookie["name"] for cookie in await there.context.cookies()}
        await there.open(PAGE)
        await there.press(LOG_IN)
        await there.reads("You are logged in")


async def test_no_passkey_is_made_or_used_at_another_host(visit, customer) -> None:
    async with visit() as there:
        device = await VirtualAuthenticator.plugged_in(there)
        await log_in(there, customer)
        by_number = there.portal.replace("localhost", "127.0.0.1")
        await there.page.goto(by_number + PAGE)
        await there.press(LOG_IN)
        await there.reads("このアドレスではパスキーを使えません", "Open this page at localhost instead")
        assert await device.passkeys() == []
