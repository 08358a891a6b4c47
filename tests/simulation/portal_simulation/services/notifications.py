"""Notifications: the real mail process and SendGrid adapter."""

from functools import cache

from portal_notifications.bus_content import BusContent
from portal_notifications.compose_mail import ComposeMail
from portal_notifications.consumers import register
from portal_notifications.mail_process import MailProcess
from portal_notifications.sendgrid import SendGrid
from portal_notifications.settings import MailSettings
from portal_notifications.templates_store import Templates
from portal_notifications.testing import InMemoryPreferences
from portal_simulation.services.parts import Parts


async def wire(parts: Parts) -> None:
    """Join everything for one worker."""
    mailer = SendGrid(_settings(), transport=parts.transport("sendgrid"))
    content = BusContent(parts.bus)  # type: ignore[arg-type]  # it is asked as the bus is
    compose = ComposeMail(content, _templates(), "https://portal.invalid", None)
    parts.processes.register(MailProcess(compose, mailer, InMemoryPreferences()).definition())
    register(parts.bus, parts.processes)  # type: ignore[arg-type]  # the same


@cache
def _templates() -> Templates:
    return Templates()


@cache
def _settings() -> MailSettings:
    return MailSettings.model_validate(
        {
            "sendgrid_base_url": "http://sendgrid.sandbox.invalid",
            "sendgrid_api_key": "SG.sandbox-key",
            "mail_from": "portal@sandbox.invalid",
        }
    )
