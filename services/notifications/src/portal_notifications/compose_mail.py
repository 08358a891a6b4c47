"""Turns a cause into a mail: asks its owners for address and content, fills the template of the reader's language."""

from dataclasses import dataclass
from typing import Any, Final, Protocol

from portal_contracts.identity import Recipient
from portal_contracts.problems import customer_text
from portal_contracts.values import EmailAddress, Locale, PersonName
from portal_notifications.mail_facts import a_day, a_moment, order_facts
from portal_notifications.mail_kinds import TOPICS, MailState
from portal_notifications.ports import Content, Mail
from portal_notifications.templates_store import Templates, for_header

LONGEST_NAME: Final = 160


class _Link(Protocol):
    """What every minted link and code says about its reader."""

    @property
    def email(self) -> EmailAddress: ...
    @property
    def name(self) -> PersonName: ...
    @property
    def locale(self) -> Locale: ...


@dataclass(frozen=True, slots=True)
class ComposeMail:
    """Composes every template. `copy_to` is support's address, on the welcome mail alone (R032)."""

    content: Content
    templates: Templates
    public_url: str
    copy_to: str | None

    async def __call__(self, mail_id: str, state: MailState) -> Mail:
        """Give the finished mail, and note in `state` whose it is; raises what the content's owners raise."""
        facts: dict[str, Any] = {"portal_url": self.public_url, "what": state.what, "number": state.number}
        order = await self.content.order(state.order_id) if state.order_id is not None else None
        if order is not None and state.account_id is None:
            state.account_id = order.account_id
        recipient = await self._reader(state, facts)
        if order is not None:
            facts |= order_facts(order, recipient.locale)
            facts["order_link"] = f"{self.public_url}/orders/{state.order_id}"
        if state.service is not None:
            facts["service"] = getattr(state.service, recipient.locale)
            facts["order_link"] = f"{self.public_url}/subscriptions/{state.service_id}"
        facts |= _words(state, recipient.locale)
        facts["name"] = spoken(recipient.name)
        facts["may_turn_off"] = state.template in TOPICS
        rendered = self.templates.render(state.template, recipient.locale, facts)
        return Mail(
            mail_id=mail_id,
            to_address=recipient.email,
            to_name=facts["name"],
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            copy_to=self.copy_to if state.template == "welcome" else None,
        )

    async def _reader(self, state: MailState, facts: dict[str, Any]) -> Recipient:
        """Give who reads it; links are minted now, so that none lies anywhere."""
        match state.template:
            case "signup_link":
                signup = await self.content.signup_link(state.signup_id or "")
                facts["link"] = f"{self.public_url}/auth/signup/confirm?token={signup.token}"
                return _addressee(signup)
            case "password_reset_link":
                reset = await self.content.password_reset_link(state.reset_id or "")
                facts["link"] = f"{self.public_url}/auth/password/reset?token={reset.token}"
                return _addressee(reset)
            case "email_change_link":
                change = await self.content.email_change_link(state.change_id or "")
                facts["link"] = f"{self.public_url}/auth/email/confirm?token={change.token}"
                return _addressee(change)
            case "link_code":
                linking = await self.content.link_code(state.link_id or "")
                facts["code"] = linking.code
                return _addressee(linking)
            case "email_changed":
                return await self.content.former_recipient(state.change_id or "")
            case _:
                return await self.content.recipient(state.account_id or "")


def _addressee(link: _Link) -> Recipient:
    return Recipient(email=link.email, name=link.name, locale=link.locale)


def _words(state: MailState, locale: Locale) -> dict[str, str]:
    words: dict[str, str] = {}
    if state.problem is not None:
        words["problem"] = customer_text(state.problem, "ja" if locale == "ja" else "en", state.problem_facts)
    if state.scheduled_at is not None:
        words["starts_at"] = a_moment(state.scheduled_at, locale)
    if state.day is not None:
        words["day"] = a_day(state.day, locale)
    return words


def spoken(name: PersonName) -> str:
    """Write a name in its owner's order: family name first, but for names in Latin letters.

    What no name has is left out, line breaks first of all: the name stands in a mail's header (reliability.md (c) 4).
    """
    parts = [for_header(part) for part in (name.family_name, name.given_name)]
    return " ".join(reversed(parts) if all(part.isascii() for part in parts) else parts)[:LONGEST_NAME]
