from datetime import timedelta

from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_contracts.problems import Misconfigured
from portal_notifications.bus_content import BusContent
from portal_notifications.check_setup import CheckSetup
from portal_notifications.check_smtp import CheckSmtp
from portal_notifications.compose_mail import ComposeMail
from portal_notifications.consumers import register
from portal_notifications.customer_desk import UseCases, register_people
from portal_notifications.mail_preferences import KeepPreferences
from portal_notifications.mail_process import MailProcess
from portal_notifications.ports import Mailer
from portal_notifications.send_mail_again import SendAgain
from portal_notifications.sendgrid import SendGrid
from portal_notifications.sendgrid_events import EventKeys
from portal_notifications.settings import MailSettings
from portal_notifications.smtp import Smtp
from portal_notifications.store import PostgresMailBook, PostgresPreferences
from portal_notifications.take_mail_events import TakeEvents
from portal_notifications.templates_store import Templates


def support_copy(settings: MailSettings, environment: str) -> str | None:
    """Give the address that gets a copy of each welcome mail (R032); Misconfigured in production without one."""
    if environment == "production" and not settings.mail_support_cc:
        raise Misconfigured("INTERNAL_ERROR", facts={"setting": "MAIL_SUPPORT_CC", "reason": "missing"})
    return settings.mail_support_cc


async def wire(service: Service) -> None:
    """Join notifications' parts."""
    settings = MailSettings()
    mailer: Mailer = SendGrid(settings) if settings.mail_transport == "sendgrid" else Smtp(settings)
    service.on_stop(mailer.close)
    copy_to = support_copy(settings, service.settings.environment)
    compose = ComposeMail(BusContent(service.bus), Templates(), service.settings.public_url.rstrip("/"), copy_to)
    preferences, book = PostgresPreferences(service.database), PostgresMailBook(service.database)
    service.processes.register(MailProcess(compose, mailer, preferences).definition())
    register(service.bus, service.processes)
    by_api = settings.mail_transport == "sendgrid"
    serve_setup(service, CheckSetup(settings).look if by_api else CheckSmtp(settings).look)
    use_cases = UseCases(
        preferences=KeepPreferences(preferences, book),
        book=book,
        send_again=SendAgain(service.operator_desk, book, service.processes),
        take_events=TakeEvents(EventKeys(settings.event_keys), book, service.machine),
    )
    register_people(service.bus, use_cases)
    kept = timedelta(days=settings.portal_retention_mail_days)
    service.pruning.add("mails", lambda transaction: book.sweep(transaction, service.clock.now() - kept))
