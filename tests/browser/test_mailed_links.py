"""The pages behind mailed links, used as a customer does: a link, keys, an answer that says what is next."""

import re

import pytest

from portal_browser.visits import ENGLISH, PHONE
from portal_local.demo.customer import eventually
from portal_local.demo.journey import ADDRESS, PASSWORD

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

NEW = "another-obviously-fake-passphrase"
LINK = re.compile(r"https?://\S+?(/auth/\S+\?token=\S+)")


async def mailed_link(shopper, kind: str, address: str) -> str:
    async def look() -> str | None:
        found = [LINK.search(mail["text"]) for mail in await shopper.customer.mails(address)]
        return next((one.group(1) for one in found if one and kind in one.group(1)), None)

    return await eventually(look, f"the mail with the link to {kind}")


async def test_a_sign_up_is_confirmed_with_the_keyboard_and_the_link_works_once(visit, people) -> None:  # R030, C39
    somebody = await people.unknown()
    person = somebody.person
    form = {
        "email": person.email,
        "confirmEmail": person.email,
        "password": PASSWORD,
        "confirmPassword": PASSWORD,
        "customerNumber": person.customer_number,
        "name": {"familyName": "見本", "givenName": "花子"},
        "address": ADDRESS,
        "locale": "ja",
    }
    async with visit(ENGLISH, PHONE) as there:
        await there.asks("/auth/signup", form)
        link = await mailed_link(somebody, "/auth/signup/confirm", person.email)
        await there.open(link)
        there.refusals_expected = True
        await there.page.get_by_label("Password").fill("not-the-password-of-the-form")
        await there.page.keyboard.press("Enter")
        await there.reads("お申し込み", "enter the password you chose")
        await there.page.get_by_label("Password").fill(PASSWORD)
        await there.page.keyboard.press("Enter")
        await there.reads("確認が完了しました", "You can log in now")
        assert not await there.page.get_by_role("button").count()
        await there.asks("/auth/login", {"email": person.email, "password": PASSWORD})
        assert there.complaints == []


async def test_a_password_is_set_anew_and_a_refusal_says_what_to_change(visit, customer) -> None:  # R046, R047
    email = customer.person.email
    async with visit() as there:
        await there.asks("/auth/password/request-reset", {"email": email})
        link = await mailed_link(customer, "/auth/password/reset", email)
        await there.open(link)
        there.refusals_expected = True

        async def enter(password: str, again: str) -> None:
            await there.page.get_by_label("New password").fill(password)
            await there.page.get_by_label("Once more").fill(again)
            await there.page.keyboard.press("Enter")

        await enter(NEW, f"{NEW}!")
        await there.reads("パスワードが一致しません", "The two passwords differ.")
        await enter("short", "short")
        await there.reads("15文字以上", "Use at least 15 characters")
        there.refusals_expected = False
        await enter(NEW, NEW)
        await there.reads("パスワードを設定しました", "You can log in with it now")
        await there.asks("/auth/login", {"email": email, "password": NEW})
        there.refusals_expected = True
        await there.open(link)
        await enter(NEW, NEW)
        await there.reads("もう一度パスワードの再設定をお試しください", "Please ask for a new one")
        assert not await there.page.get_by_role("button").count(), "no password helps here"
        assert there.complaints == []


async def test_an_address_is_changed_by_the_button_behind_its_link(visit, customer) -> None:
    wanted = f"new-{customer.person.email}"
    async with visit() as there:
        await there.asks("/auth/login", {"email": customer.person.email, "password": PASSWORD})
        await there.asks("/me/email", {"email": wanted, "confirmEmail": wanted})
        link = await mailed_link(customer, "/auth/email/confirm", wanted)
        await there.open(link)
        await there.press("Confirm")
        await there.reads("変更が完了しました", "Log in with the new address")
        await there.asks("/auth/login", {"email": wanted, "password": PASSWORD})
        there.refusals_expected = True
        await there.open(link)
        await there.press("Confirm")
        await there.reads("このリンクは無効です", "change your e-mail address again")
        assert there.complaints == []


@pytest.mark.parametrize("page", ["/auth/signup/confirm", "/auth/password/reset", "/auth/email/confirm"])
async def test_a_link_that_was_cut_off_says_so_and_asks_for_nothing(visit, page: str) -> None:
    async with visit() as there:
        await there.open(page)
        await there.reads("メールのリンクをもう一度開いてください", "Please open the link in the mail again")
        assert not await there.page.get_by_role("button").count()
        there.refusals_expected = True
        await there.open(f"{page}?token=cut")
        for password in await there.page.locator("input").all():
            await password.fill(NEW)
        await there.page.get_by_role("button").press("Enter")
        await there.reads("メールのリンクをもう一度開いてください", "Please open the link in the mail again")
        assert not await there.page.get_by_role("button").count()
        assert there.complaints == []
