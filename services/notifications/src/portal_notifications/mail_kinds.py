"""Every mail the portal sends: what it is for, and which of them a customer may turn off."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, Literal

from pydantic import BaseModel

from portal_contracts.catalog import LocalizedText
from portal_contracts.notifications import MailTopic

Template = Literal[
    "signup_link",
    "link_code",
    "password_reset_link",
    "email_change_link",
    "password_changed",
    "email_changed",
    "security_notice",
    "deletion_requested",
    "welcome",
    "linked",
    "order_received",
    "order_approved",
    "order_rejected",
    "order_cancelled",
    "action_needed",
    "preflight_failed",
    "order_activated",
    "cancellation",
    "case_updated",
    "eligibility_changed",
]

TOPICS: Final[Mapping[Template, MailTopic]] = {
    "order_approved": "order_progress",
    "case_updated": "case_updates",
    "eligibility_changed": "eligibility",
}
"""The mails that may be turned off: they repeat what the portal shows. Others are about security or the contract."""


class MailState(BaseModel):
    """What a mail is about: ids and facts; addresses and texts are fetched when it is sent."""

    template: Template
    signup_id: str | None = None
    reset_id: str | None = None
    change_id: str | None = None
    link_id: str | None = None
    account_id: str | None = None
    order_id: str | None = None
    service_id: int | None = None
    service: LocalizedText | None = None
    """A service no order of the portal's knows: bought before the portal."""
    problem: str | None = None
    problem_facts: Mapping[str, str | int] = {}
    scheduled_at: datetime | None = None
    what: str | None = None
    """Which of several things a template tells: a security change, a stage, a result, a product category."""
    number: str | None = None
    day: date | None = None
    turned_off: bool = False
    """The customer did not want it when it was due."""
