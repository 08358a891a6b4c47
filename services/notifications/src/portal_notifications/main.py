from portal_chassis.service import Service
from portal_notifications.bus_content import BusContent
from portal_notifications.compose_mail import ComposeMail
from portal_notifications.consumers import register
from portal_notifications.mail_process import MailProcess
from portal_notifications.sendgrid import SendGrid
from portal_notifications.settings import MailSettings
from portal_notifications.templates_store import Templates


async def wire(service: Service) -> None:
    """Join notifications' parts."""
    settings = MailSettings()
    mailer = SendGrid(settings)
    service.on_stop(mailer.close)
    compose = ComposeMail(
        BusContent(service.bus), Templates(), service.settings.public_url.rstrip("/"), settings.mail_support_cc
    )
    service.processes.register(MailProcess(compose, mailer).definition())
    register(service.bus, service.processes)
