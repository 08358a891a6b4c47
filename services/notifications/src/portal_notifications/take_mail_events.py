"""The mail provider reports what became of mails."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from portal_chassis.clocks import MachineClock
from portal_chassis.metrics import counter
from portal_contracts.message import Acknowledged
from portal_contracts.notifications import TakeMailEvents
from portal_contracts.problems import Refused
from portal_notifications.ports import MailBook
from portal_notifications.sendgrid_events import EventKeys, read_events

MAIL_EVENTS: Final = counter("portal_mail_events", "Events the mail provider posted, by what they report", "report")
POSTINGS: Final = counter("portal_mail_event_postings", "Postings of the mail provider by outcome", "outcome")


@dataclass(frozen=True, slots=True)
class TakeEvents:
    """Keeps each event once. They change what staff and customers see of a mail, and nothing else."""

    keys: EventKeys
    book: MailBook
    machine: MachineClock

    async def __call__(self, command: TakeMailEvents) -> Acknowledged:
        """Refused NOT_FOUND, SIGNATURE_INVALID, SIGNED_CALL_EXPIRED or BAD_REQUEST; TryLater DATABASE_UNAVAILABLE."""
        if not self.keys:
            raise Refused("NOT_FOUND")
        try:
            self.keys.check(command, self.machine.now())
            events = read_events(command.body)
        except Refused as problem:
            POSTINGS.labels(problem.code.lower()).inc()
            raise
        new = await self.book.note(events) if events else 0
        POSTINGS.labels("new" if new else "nothing_new").inc()
        if new:
            for report, times in Counter(event.report for event in events).items():
                MAIL_EVENTS.labels(report).inc(times)
        return Acknowledged()
