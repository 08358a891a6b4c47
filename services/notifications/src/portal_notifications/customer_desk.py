"""Bus in: what customers, staff and the mail provider ask, and the end of a customer's account."""

from dataclasses import dataclass
from typing import Final

from portal_chassis.bus import Bus, Delivery
from portal_chassis.call import Call
from portal_contracts import notifications
from portal_contracts.forgetting import NotificationsForgotten
from portal_contracts.identity_personal_data import CustomerErased
from portal_contracts.message import Acknowledged
from portal_contracts.operators import OperatorOutcome
from portal_contracts.personal_data_exports import ExportMails, MailExport
from portal_notifications.mail_preferences import KeepPreferences
from portal_notifications.ports import MailBook
from portal_notifications.send_mail_again import SendAgain
from portal_notifications.take_mail_events import TakeEvents

MOST_EXPORTED: Final = 1000


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the handlers delegate to."""

    preferences: KeepPreferences
    book: MailBook
    send_again: SendAgain
    take_events: TakeEvents


def register_people(bus: Bus, use: UseCases) -> None:
    """Answer customers, operators and the provider's webhook."""

    @bus.answers(notifications.ReadMailPreferences)
    async def read_preferences(_: notifications.ReadMailPreferences, call: Call) -> notifications.MailPreferences:
        return await use.preferences.read(call.customer())

    @bus.answers(notifications.ChangeMailPreferences)
    async def change_preferences(
        command: notifications.ChangeMailPreferences, call: Call
    ) -> notifications.MailPreferences:
        return await use.preferences.change(command, call.customer())

    @bus.answers(ExportMails)
    async def export_mails(query: ExportMails, _: Call) -> MailExport:  # D17
        wanted = await use.preferences.of_account(query.account_id)
        newest = notifications.ListMails(account_id=query.account_id, limit=MOST_EXPORTED)
        return MailExport(mail_preferences=wanted.preferences, mails=await use.book.find(newest))

    @bus.answers(notifications.ListMails)
    async def list_mails(query: notifications.ListMails, _: Call) -> notifications.MailHistory:
        return notifications.MailHistory(mails=await use.book.find(query))

    @bus.answers(notifications.SendMailAgain)
    async def send_again(command: notifications.SendMailAgain, call: Call) -> OperatorOutcome:
        return await use.send_again(command, call)

    @bus.answers(notifications.TakeMailEvents)
    async def take_events(command: notifications.TakeMailEvents, _: Call) -> Acknowledged:
        return await use.take_events(command)

    @bus.consumes(CustomerErased)
    async def on_customer_erased(event: CustomerErased, delivery: Delivery) -> None:  # D17
        removed = await use.book.forget(delivery.transaction, event.account_id)
        await delivery.transaction.record(NotificationsForgotten(user_id=event.user_id, removed=removed, kept={}))
