"""The rules of `POST /v3/mail/send` (reference/sendgrid.md section 2), told in SendGrid's words."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from portal_sandbox.sendgrid import problems
from portal_sandbox.sendgrid.mail import Address, Mail, Recipients
from portal_sandbox.sendgrid.problems import Problems
from portal_sandbox.sendgrid.reading import Part

_MOST = 1000
_LONGEST_DELAY_SECONDS = 72 * 3600
_MOST_ARGUMENT_BYTES = 10_000
_MOST_CATEGORIES = 10
_LONGEST_CATEGORY = 255
_TEMPLATE = re.compile(r"d-[0-9a-f]{32}")
_RESERVED_HEADERS = frozenset(
    {
        "x-sg-id",
        "x-sg-eid",
        "received",
        "dkim-signature",
        "content-type",
        "content-transfer-encoding",
        "to",
        "from",
        "subject",
        "reply-to",
        "cc",
        "bcc",
    }
)
_TOP = frozenset(
    {
        "personalizations",
        "from",
        "reply_to",
        "reply_to_list",
        "subject",
        "content",
        "attachments",
        "template_id",
        "headers",
        "categories",
        "custom_args",
        "send_at",
        "batch_id",
        "asm",
        "ip_pool_name",
        "mail_settings",
        "tracking_settings",
    }
)
_PERSONALIZATION = frozenset(
    {
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "headers",
        "substitutions",
        "dynamic_template_data",
        "custom_args",
        "send_at",
    }
)
_ADDRESS = frozenset({"email", "name"})
_CONTENT = frozenset({"type", "value"})
_ATTACHMENT = frozenset({"content", "type", "filename", "disposition", "content_id"})
_BYPASSES = (
    "bypass_list_management",
    "bypass_spam_management",
    "bypass_bounce_management",
    "bypass_unsubscribe_management",
)
_MAIL_SETTINGS = frozenset({*_BYPASSES, "footer", "sandbox_mode", "spam_check"})
_TRACKING = frozenset({"click_tracking", "open_tracking", "subscription_tracking", "ganalytics"})


def read_mail(body: Mapping[str, Any], now: float) -> tuple[Mail, Problems]:
    """The mail as far as it can be read, and everything that is wrong with it. `now` in seconds since the epoch."""
    found = Problems()
    top = Part(body, "", found, _TOP)
    sender = _sender(top)
    template_id = _template(top)
    content = _content(top, has_template=template_id is not None)
    personalizations = _personalizations(top, now, template_id)
    _subject(top, personalizations, has_template=template_id is not None)
    _reply_to(top)
    _check_send_at(top, now)
    _check_headers(top)
    _check_categories(top)
    mail = Mail(
        sender=sender,
        subject=top.text("subject") or "",
        content=content,
        template_id=template_id or "",
        categories=tuple(item for item in top.items("categories") or () if isinstance(item, str)),
        custom_args=_arguments(top),
        headers=top.strings("headers"),
        attachments=_attachments(top),
        personalizations=tuple(personalizations),
        send_at=top.number("send_at"),
        sandbox=_mail_settings(top),
    )
    _check_rest(top)
    return mail, found


def _sender(top: Part) -> Address:
    part = top.part("from", _ADDRESS)
    if part is None:
        top.complain(problems.NO_FROM, "from")
        return Address("")
    return Address(part.address(problems.FROM_NO_ADDRESS) or "", part.text("name") or "")


def _template(top: Part) -> str | None:
    template_id = top.text("template_id")
    if template_id is not None and not _TEMPLATE.fullmatch(template_id):
        top.complain(f"The template_id must be a valid GUID, you provided '{template_id}'.", "template_id")
    return template_id


def _content(top: Part, *, has_template: bool) -> Mapping[str, str]:
    parts = top.parts("content", _CONTENT)
    if not parts and not has_template:
        top.complain(problems.NO_CONTENT, "content")
    content: dict[str, str] = {}
    for part in parts:
        kind, value = part.text("type", least=1), part.text("value", least=1)
        for name in ("type", "value"):
            if part.values.get(name) is None:
                part.complain(f"The content {name} is required.", name)
        if kind is not None and (kind in content or (kind == "text/plain" and content)):
            top.complain(problems.CONTENT_ORDER, "content")
        content[kind or ""] = value or ""
    return content


def _personalizations(top: Part, now: float, template_id: str | None) -> list[Recipients]:
    items = top.items("personalizations")
    if not items:
        top.complain(problems.NO_PERSONALIZATION, "personalizations")
        return []
    if len(items) > _MOST:
        top.complain(problems.too_many_personalizations(len(items)), "personalizations")
    parts = top.parts("personalizations", _PERSONALIZATION)
    read = [_recipients(part, now, template_id) for part in parts]
    if sum(len(one.to) + len(one.cc) + len(one.bcc) for one in read) > _MOST:
        top.complain(problems.TOO_MANY_RECIPIENTS, "personalizations")
    return read


def _recipients(part: Part, now: float, template_id: str | None) -> Recipients:
    if not part.items("to"):
        part.complain(problems.NO_TO, "to")
    lists = {name: _addresses(part, name) for name in ("to", "cc", "bcc")}
    seen: set[str] = set()
    for address in (address for group in lists.values() for address in group):
        if address.email.lower() in seen:
            part.problems.add(problems.repeated_address(address.email), "personalizations")
        seen.add(address.email.lower())
    sender = part.part("from", _ADDRESS)
    if part.strings("substitutions") and template_id is not None and template_id.startswith("d-"):
        part.complain("Substitutions may not be used with dynamic templating", "substitutions")
    _check_send_at(part, now)
    _check_headers(part)
    return Recipients(
        to=lists["to"],
        cc=lists["cc"],
        bcc=lists["bcc"],
        sender=None if sender is None else Address(sender.address() or "", sender.text("name") or ""),
        subject=part.text("subject", least=1) or "",
        custom_args=_arguments(part),
        headers=part.strings("headers"),
        template_data=part.object("dynamic_template_data") or {},
        send_at=part.number("send_at"),
    )


def _addresses(part: Part, name: str) -> tuple[Address, ...]:
    found = []
    for one in part.parts(name, _ADDRESS):
        email, shown = one.address(), one.text("name") or ""
        if ";" in shown or "," in shown:
            one.complain(problems.NAME_CHARACTERS, "name")
        if email is not None:
            found.append(Address(email, shown))
    return tuple(found)


def _subject(top: Part, personalizations: list[Recipients], *, has_template: bool) -> None:
    subject = top.text("subject")
    everywhere = bool(personalizations) and all(one.subject for one in personalizations)
    if not subject and not has_template and not everywhere:
        top.complain(problems.NO_SUBJECT, "subject")


def _reply_to(top: Part) -> None:
    one = top.part("reply_to", _ADDRESS)
    if one is not None:
        one.address()
    several = top.items("reply_to_list")
    if several is None:
        return
    if one is not None:
        top.complain(problems.REPLY_TO_TWICE, "reply_to")
    if len(several) > _MOST:
        top.complain("The reply_to_list is limited to 1000 recipients.", "reply_to_list")
    addresses = [part.address() for part in top.parts("reply_to_list", _ADDRESS)]
    if len(set(addresses)) < len(addresses):
        top.complain("Each object in the reply_to_list must be unique.", "reply_to_list")


def _check_send_at(part: Part, now: float) -> None:
    send_at = part.number("send_at")
    if send_at is not None and send_at > now + _LONGEST_DELAY_SECONDS:
        part.complain("Scheduling more than 72 hours in advance is forbidden.", "send_at")


def _check_headers(part: Part) -> None:
    for name in part.strings("headers"):
        if name.lower() in _RESERVED_HEADERS:
            part.complain(f"The header {name} is reserved and may not be used.", f"headers.{name}")


def _arguments(part: Part) -> dict[str, str]:
    arguments = part.strings("custom_args")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in arguments.items())
    if size > _MOST_ARGUMENT_BYTES:
        part.complain("The custom_args may not exceed 10000 bytes.", "custom_args")
    return arguments


def _check_categories(top: Part) -> None:
    categories = top.items("categories") or []
    if len(categories) > _MOST_CATEGORIES:
        top.complain("You may not have more than 10 categories per request.", "categories")
    if len({str(one) for one in categories}) < len(categories):
        top.complain("The categories must be unique.", "categories")
    for position, category in enumerate(categories):
        if not isinstance(category, str) or len(category) > _LONGEST_CATEGORY:
            top.complain("A category is a string of at most 255 characters.", f"categories.{position}")


def _attachments(top: Part) -> tuple[Mapping[str, object], ...]:
    found: list[Mapping[str, object]] = []
    for part in top.parts("attachments", _ATTACHMENT):
        content = part.text("content", least=1)
        filename = part.text("filename", least=1)
        for name in ("content", "filename"):
            if not part.values.get(name):
                part.complain(f"The attachment {name} parameter is required.", name)
        if (part.text("disposition") or "attachment") not in ("attachment", "inline"):
            part.complain("The attachment disposition must be attachment or inline.", "disposition")
        try:
            size = len(base64.b64decode(content or "", validate=True))
        except binascii.Error:
            part.complain("The attachment content must be base64 encoded.", "content")
            size = 0
        found.append({"filename": filename, "type": part.text("type") or "", "size": size})
    return tuple(found)


def _mail_settings(top: Part) -> bool:
    """Whether the mail is only to be validated."""
    settings = top.part("mail_settings", _MAIL_SETTINGS)
    if settings is None:
        return False
    on = []
    for name in sorted(_MAIL_SETTINGS):
        group = settings.object(name) or {}
        enable = group.get("enable")
        if enable is not None and not isinstance(enable, bool):
            text = problems.SANDBOX_NOT_BOOLEAN if name == "sandbox_mode" else f"The {name} enable must be a boolean."
            settings.complain(text, f"{name}.enable")
        elif enable:
            on.append(name)
    if "bypass_list_management" in on and len(set(on) & set(_BYPASSES)) > 1:
        settings.complain("bypass_list_management cannot be combined with any other bypass option.")
    return "sandbox_mode" in on


def _check_rest(top: Part) -> None:
    tracking = top.part("tracking_settings", _TRACKING)
    for name in sorted(_TRACKING) if tracking is not None else ():
        group = tracking.object(name) if tracking is not None else None
        if group is not None and not isinstance(group.get("enable", False), bool):
            top.complain(f"The {name} enable must be a boolean.", f"tracking_settings.{name}.enable")
    unsubscribe = top.part("asm", {"group_id", "groups_to_display"})
    if unsubscribe is not None and unsubscribe.number("group_id") is None:
        unsubscribe.complain("The group_id is required.", "group_id")
    top.text("batch_id")
    top.text("ip_pool_name")
