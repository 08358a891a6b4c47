"""Every rule of reference/sendgrid.md section 2 refuses what breaks it, with the field named."""

import pytest

TO = [{"email": "a@example.com"}]


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"personalizations": []}, "personalizations", "You must have at least one personalization."),
        ({"personalizations": None}, "personalizations", "You must have at least one personalization."),
        ({"personalizations": [{}]}, "personalizations.0.to", "The to array is required"),
        (
            {"personalizations": [{"to": [{"email": "nobody"}]}]},
            "personalizations.0.to.0.email",
            "Does not contain a valid address.",
        ),
        (
            {"personalizations": [{"to": TO, "cc": [{"email": "A@example.com"}]}]},
            "personalizations",
            (
                "Each unique email address in the personalizations array should only be included once. "
                "You have included A@example.com more than once."
            ),
        ),
        (
            {"personalizations": [{"to": [{"email": "a@example.com", "name": "Doe, Jane"}]}]},
            "personalizations.0.to.0.name",
            "The name must not contain",
        ),
        (
            {"personalizations": [{"to": TO, "subject": ""}]},
            "personalizations.0.subject",
            "String length must be greater than or equal to 1",
        ),
        (
            {"personalizations": [{"to": TO, "send_at": "soon"}]},
            "personalizations.0.send_at",
            "Invalid type. Expected: integer, given: string.",
        ),
        ({"personalizations": ["x"]}, "personalizations.0", "Invalid type. Expected: object, given: string."),
        ({"from": None}, "from", "The from object must be provided for every email send."),
        ({"from": {"email": "x"}}, "from.email", "The from email does not contain a valid address."),
        ({"subject": None}, "subject", "The subject is required."),
        ({"content": None}, "content", "Unless a valid template_id is provided, the content parameter is required."),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value", "String length must be"),
        (
            {"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]},
            "content",
            "If present, text/plain and text/html may only be provided once.",
        ),
        ({"reply_to": {"email": "a@example.com"}, "reply_to_list": TO}, "reply_to", "The reply_to and reply_to_list"),
        ({"reply_to_list": [*TO, *TO]}, "reply_to_list", "Each object in the reply_to_list must be unique."),
        ({"template_id": "abc"}, "template_id", "The template_id must be a valid GUID"),
        ({"custom_args": "x"}, "custom_args", "Invalid type. Expected: object, given: string."),
        ({"custom_args": {"n": 1}}, "custom_args.n", "Invalid type. Expected: string, given: integer."),
        ({"custom_args": {"n": "x" * 10_000}}, "custom_args", "The custom_args may not exceed 10000 bytes."),
        ({"categories": [str(n) for n in range(11)]}, "categories", "You may not have more than 10 categories"),
        ({"categories": ["a", "a"]}, "categories", "The categories must be unique."),
        ({"categories": ["x" * 256]}, "categories.0", "A category is a string of at most 255 characters."),
        ({"headers": {"Reply-To": "a@example.com"}}, "headers.Reply-To", "The header Reply-To is reserved"),
        ({"send_at": 1773111600 + 72 * 3600 + 1}, "send_at", "Scheduling more than 72 hours in advance is forbidden."),
        (
            {"attachments": [{"filename": "a"}]},
            "attachments.0.content",
            "The attachment content parameter is required.",
        ),
        (
            {"attachments": [{"filename": "a", "content": "?"}]},
            "attachments.0.content",
            "The attachment content must be base64 encoded.",
        ),
        (
            {"attachments": [{"filename": "a", "content": "QQ==", "disposition": "outline"}]},
            "attachments.0.disposition",
            "The attachment disposition",
        ),
        (
            {"mail_settings": {"sandbox_mode": {"enable": "true"}}},
            "mail_settings.sandbox_mode.enable",
            "The sandbox mode enable param should be a boolean value.",
        ),
        (
            {
                "mail_settings": {
                    "bypass_list_management": {"enable": True},
                    "bypass_spam_management": {"enable": True},
                }
            },
            "mail_settings",
            "bypass_list_management cannot be combined",
        ),
        ({"asm": {}}, "asm.group_id", "The group_id is required."),
        ({"cc": TO}, "cc", "Additional property cc is not allowed"),
        ({"subject": True}, "subject", "Invalid type. Expected: string, given: boolean."),
    ],
)
async def test_a_broken_rule_is_named(sendgrid, changes, field, message):
    found = await sendgrid.errors(**changes)
    assert (field, message) in [(path, text[: len(message)]) for path, text in found]
    assert await sendgrid.messages() == []


async def test_all_mistakes_are_told_at_once_with_help(sendgrid):
    answer = await sendgrid.send({"personalizations": [{"to": TO}]})
    errors = answer.json()["errors"]
    assert [error["field"] for error in errors] == ["from", "content", "subject"]
    assert errors[0]["help"].endswith("errors.html#message.from")


async def test_numbers_of_recipients_and_personalizations_are_limited(sendgrid):
    many = [{"email": f"p{n}@example.com"} for n in range(1001)]
    ((_, text),) = await sendgrid.errors(personalizations=[{"to": many}])
    assert text == "There is a limit of 1000 total recipients (to + cc + bcc) per request."
    found = await sendgrid.errors(personalizations=[{"to": [one]} for one in many])
    assert "You have provided 1001 personalizations." in found[0][1]


async def test_substitutions_do_not_go_with_dynamic_templates(sendgrid):
    template = {"template_id": "d-0123456789abcdef0123456789abcdef"}
    found = await sendgrid.errors(personalizations=[{"to": TO, "substitutions": {"-a-": "b"}}], **template)
    assert found[0][0] == "personalizations.0.substitutions"


async def test_a_full_mail_passes(sendgrid):
    answer = await sendgrid.send(
        reply_to={"email": "support@example.jp", "name": "Support"},
        categories=["portal", "password-reset"],
        headers={"X-Portal-Message": "message-1"},
        attachments=[{"content": "QQ==", "type": "text/plain", "filename": "a.txt", "disposition": "inline"}],
        tracking_settings={"click_tracking": {"enable": False, "enable_text": False}},
        mail_settings={"bypass_list_management": {"enable": True}},
        asm={"group_id": 1, "groups_to_display": [1]},
        send_at=1773111600 + 3600,
        batch_id="batch",
        ip_pool_name="pool",
    )
    assert answer.status_code == 202
    (kept,) = await sendgrid.messages()
    assert kept["attachments"] == [{"filename": "a.txt", "type": "text/plain", "size": 1}]
    assert kept["sendAt"] == 1773115200
