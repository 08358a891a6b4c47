"""A forgotten password and a changed one (R046, R047): who is told what, and what the page behind the link does."""

import pytest

from portal_contracts import identity_passwords as passwords
from portal_contracts.problems import FieldError, Refused

TOKEN = "example-token-0000000000000000"
PASSWORDS = {"password": "a-new-and-fake-passphrase", "confirmPassword": "a-new-and-fake-passphrase"}


async def test_asking_for_a_reset_tells_identity_the_clients_address(portal, visitor):  # D18
    answer = await visitor.post(
        "/auth/password/request-reset",
        json={"email": "hanako@example.jp"},
        headers={"Idempotency-Key": "request-0001", "Host": "evil.example"},
    )
    assert (answer.status_code, answer.json()) == (202, {"message": "text"})
    assert "evil.example" not in answer.text
    asked = portal.asked(passwords.RequestPasswordReset)[0]
    assert (asked.email, asked.client_address, asked.request_id) == ("hanako@example.jp", "192.0.2.7", "request-0001")


async def test_setting_a_password_by_link_needs_no_session_and_opens_none(portal, visitor):  # R047
    answer = await visitor.post("/auth/password/reset", json={"token": TOKEN, **PASSWORDS})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "set-cookie" not in answer.headers
    asked = portal.asked(passwords.ResetPassword)[0]
    assert (asked.form.token, asked.client_address) == (TOKEN, "192.0.2.7")


async def test_a_used_or_old_link_is_told_in_both_languages(portal, visitor):
    portal.bus.reply(passwords.ResetPassword, Refused("PASSWORD_LINK_INVALID"))
    for language, words in (("en", "used up or too old"), ("ja", "このリンクは無効です")):
        answer = await visitor.post(
            "/auth/password/reset", json={"token": TOKEN, **PASSWORDS}, headers={"Accept-Language": language}
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "PASSWORD_LINK_INVALID")
        assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "more"),
    [("/auth/password/reset", {"token": TOKEN}), ("/auth/password", {"currentPassword": "an-old-and-fake-passphrase"})],
)
async def test_two_different_passwords_are_named_before_anybody_is_asked(portal, browser, path, more):
    answer = await browser.post(path, json={**more, **PASSWORDS, "confirmPassword": "another-fake-passphrase"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["confirmPassword"]
    assert "passphrase" not in answer.text, "no password is repeated"
    assert portal.asked(passwords.ResetPassword) == portal.asked(passwords.ChangePassword) == []


async def test_a_wrong_current_password_is_shown_at_its_field(portal, browser):
    code = "CURRENT_PASSWORD_WRONG"
    portal.bus.reply(passwords.ChangePassword, Refused(code, fields=[FieldError(field="currentPassword", code=code)]))
    answer = await browser.post("/auth/password", json={"currentPassword": "wrong", **PASSWORDS})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == "#/currentPassword"


async def test_opening_the_mailed_link_changes_nothing(portal, visitor):  # mail scanners open links
    for path in ("/auth/password/reset", f"/auth/password/reset?token={TOKEN}"):
        answer = await visitor.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert TOKEN not in answer.text
        assert '<span>設定する</span> <span lang="en">Set password</span>' in answer.text
        assert (await visitor.head(path)).status_code == 200
    assert portal.bus.asked == []
