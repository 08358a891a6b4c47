"""Accepting mails: answers, what is kept, the account's own objections (reference/sendgrid.md section 3)."""

import pytest


async def test_a_mail_is_accepted_with_an_id_and_an_empty_body(sendgrid):
    answer = await sendgrid.send()
    assert (answer.status_code, answer.content) == (202, b"")
    assert len(answer.headers["x-message-id"]) == 22


async def test_an_accepted_mail_is_kept_as_it_was(sendgrid):
    answer = await sendgrid.send(categories=["portal"])
    (kept,) = await sendgrid.messages(to="HANAKO@example.jp", subject="再設定")
    assert kept["messageId"] == answer.headers["x-message-id"]
    assert kept["to"] == [{"email": "hanako@example.jp", "name": "山田 花子"}]
    assert kept["from"] == {"email": "no-reply@example.jp", "name": "ソニックネット"}
    assert kept["text"].startswith("こちら")
    assert kept["customArgs"] == {"portal_message_id": "message-1", "kind": "password_reset"}
    assert kept["acceptedAt"] == "2026-03-10T03:00:00.000+00:00"


async def test_the_ledger_counts_by_the_portals_own_message_id(sendgrid):
    await sendgrid.send()
    await sendgrid.send()
    entries = sendgrid.core.ledger.entries(kind="sendgrid.mail.accepted", key="message-1")
    assert [entry.detail["to"] for entry in entries] == ["hanako@example.jp"] * 2


async def test_every_personalization_is_a_message_of_its_own(sendgrid):
    people = [{"to": [{"email": f"p{n}@example.com"}], "custom_args": {"n": str(n)}} for n in range(3)]
    people[1]["cc"] = [{"email": "support@example.jp"}]
    people[1]["subject"] = "another"
    await sendgrid.send(personalizations=people, custom_args={"env": "test", "n": "overridden"})
    assert [kept["customArgs"] for kept in await sendgrid.messages()] == [
        {"env": "test", "n": str(n)} for n in range(3)
    ]
    (copied,) = await sendgrid.messages(to="support@example.jp")
    assert copied["subject"] == "another"
    assert [kept["id"] for kept in await sendgrid.messages(after=copied["id"])] == [copied["id"] + 1]


async def test_a_template_mail_needs_neither_subject_nor_content(sendgrid):
    people = [{"to": [{"email": "a@example.com"}], "dynamic_template_data": {"first_name": "Hanako"}}]
    answer = await sendgrid.send(
        personalizations=people, subject=None, content=None, template_id="d-0123456789abcdef0123456789abcdef"
    )
    assert answer.status_code == 202
    assert (await sendgrid.messages())[0]["dynamicTemplateData"] == {"first_name": "Hanako"}


async def test_sandbox_mode_validates_only(sendgrid):
    settings = {"sandbox_mode": {"enable": True}}
    answer = await sendgrid.send(mail_settings=settings)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "x-message-id" not in answer.headers
    assert await sendgrid.messages() == []
    assert (await sendgrid.send(mail_settings=settings, subject="")).status_code == 400


@pytest.mark.parametrize("key", ["SG.wrong", ""])
async def test_a_wrong_key_is_401(sendgrid, key):
    answer = await sendgrid.send(key=key)
    assert answer.status_code == 401
    assert answer.json()["errors"][0] == {
        "message": "The provided authorization grant is invalid, expired, or revoked",
        "field": None,
        "help": None,
    }


async def test_an_unverified_sender_is_403(sendgrid):
    answer = await sendgrid.send(**{"from": {"email": "me@elsewhere.example"}})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (403, "from")
    assert (await sendgrid.send(**{"from": {"email": "me@mail.example.jp"}})).status_code == 202
    sendgrid.switch(verifiedDomains="*")
    assert (await sendgrid.send(**{"from": {"email": "me@elsewhere.example"}})).status_code == 202


async def test_the_account_can_be_out_of_credits_or_permission(sendgrid):
    sendgrid.switch(creditsUsedUp=True)
    answer = await sendgrid.send()
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (401, "Maximum credits exceeded")
    sendgrid.switch(keyMayNotSend=True)
    assert (await sendgrid.send()).status_code == 403


async def test_too_many_requests_are_429_with_the_window_end(sendgrid):
    # Two real minutes may meet in this test: then the count starts again, so one more than twice the limit is sent.
    sendgrid.switch(mailsAMinute=2)
    answers = [await sendgrid.send() for _ in range(5)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert int(refused.headers["x-ratelimit-reset"]) % 60 == 0
    assert refused.json()["errors"][0]["message"] == "too many requests"


async def test_rate_limit_headers_on_success_are_a_switch(sendgrid):
    assert "x-ratelimit-limit" not in (await sendgrid.send()).headers
    sendgrid.switch(rateLimitHeaders=True)
    assert (await sendgrid.send()).headers["x-ratelimit-limit"] == "600"


async def test_wrong_forms_are_415_400_404_and_405(sendgrid):
    authorized = {"Authorization": "Bearer SG.sandbox-key"}
    form = await sendgrid.http.post("/v3/mail/send", data={"a": "b"}, headers=authorized)
    assert form.status_code == 415
    for content in ("{", "[]"):
        headers = {**authorized, "content-type": "application/json"}
        answer = await sendgrid.http.post("/v3/mail/send", content=content, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["message"]) == (400, "Bad Request")
    assert (await sendgrid.http.post("/v3/mail/sent", headers=authorized)).json()["errors"][0]["message"] == "not found"
    assert (await sendgrid.http.get("/v3/mail/send", headers=authorized)).status_code == 405


async def test_a_mail_of_thirty_megabytes_is_413(sendgrid):
    attachment = {"content": "A" * (30 * 1024 * 1024), "filename": "large.bin"}
    assert (await sendgrid.send(attachments=[attachment])).status_code == 413


async def test_scopes_tell_what_the_key_may_do(sendgrid):
    authorized = {"Authorization": "Bearer SG.sandbox-key"}
    assert (await sendgrid.http.get("/v3/scopes", headers=authorized)).json() == {"scopes": ["mail.send"]}
    assert (await sendgrid.http.get("/v3/scopes")).status_code == 401


async def test_faults_are_armed_for_mail_send(sendgrid):
    sendgrid.core.faults.arm(
        {"vendor": "sendgrid", "call": "mail/send", "kind": "status", "params": {"status": 503, "effect": True}}
    )
    assert (await sendgrid.send()).status_code == 503
    assert len(await sendgrid.messages()) == 1
    assert (await sendgrid.send()).status_code == 202
