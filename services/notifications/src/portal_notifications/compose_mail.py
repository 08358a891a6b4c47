"""Turns a cause into a mail: asks its owners for address and content, fills the template of the reader's language."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from portal_chassis.clocks import TOKYO
from portal_contracts.identity import PasswordResetLink, Recipient, SignupLink
from portal_contracts.orders import OrderMail
from portal_contracts.problems import customer_text
from portal_contracts.values import PersonName
from portal_notifications.ports import Content, Mail
from portal_notifications.templates_store import Templates

if TYPE_CHECKING:
    from portal_notifications.mail_process import MailState

STARTS_AT: Final = {"ja": "%Y年%m月%d日 %H:%M", "en": "%Y-%m-%d %H:%M (Japan time)"}


@dataclass(frozen=True, slots=True)
class ComposeMail:
    """Composes every template. `copy_to` is support's address, on the welcome mail alone (R032)."""

    content: Content
    templates: Templates
    public_url: str
    copy_to: str | None

    async def __call__(self, mail_id: str, state: "MailState") -> Mail:
        """Give the finished mail; raises what the content's owners raise."""
        facts: dict[str, Any] = {"portal_url": self.public_url}
        if state.template == "signup_link":
            link = await self.content.signup_link(state.signup_id or "")
            recipient = _addressee(link)
            facts["link"] = f"{self.public_url}/auth/signup/confirm?token={link.token}"
        elif state.template == "password_reset_link":
            reset = await self.content.password_reset_link(state.reset_id or "")
            recipient = _addressee(reset)
            facts["link"] = f"{self.public_url}/auth/password/reset?token={reset.token}"
        else:
            recipient = await self.content.recipient(state.account_id or "")
        if state.order_id is not None:
            facts |= _order_facts(await self.content.order(state.order_id), recipient.locale)
            facts["order_link"] = f"{self.public_url}/orders/{state.order_id}"
        if state.problem is not None:
            facts["problem"] = customer_text(
                state.problem, "ja" if recipient.locale == "ja" else "en", state.problem_facts
            )
        if state.scheduled_at is not None:
            facts["starts_at"] = state.scheduled_at.astimezone(TOKYO).strftime(STARTS_AT[recipient.locale])
        facts["name"] = _spoken(recipient.name)
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


def _addressee(link: SignupLink | PasswordResetLink) -> Recipient:
    return Recipient(email=link.email, name=link.name, locale=link.locale)


def _order_facts(order: OrderMail, locale: str) -> dict[str, Any]:
    def spoken(text: Any) -> str:
        return str(getattr(text, locale))

    return {
        "order_number": order.order_number,
        "service": spoken(order.name),
        "items": [
            {"name": spoken(item.name), "quantity": item.quantity, "price": f"¥{item.unit_price * item.quantity:,}"}
            for item in order.items
        ],
        "monthly": f"¥{order.monthly:,}",
        "one_time": f"¥{order.one_time:,}",
        "rejection": spoken(order.rejection) if order.rejection else "",
    }


def _spoken(name: PersonName) -> str:
    """Write a name in its owner's order: family name first, but for names in Latin letters."""
    parts = (name.family_name, name.given_name)
    return " ".join(reversed(parts) if all(part.isascii() for part in parts) else parts)
