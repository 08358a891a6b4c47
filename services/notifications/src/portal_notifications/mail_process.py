"""One mail as a durable process: sent at most once for its cause and template, with a visible end when unclear."""

from datetime import timedelta
from typing import Final

from portal_chassis.process import Done, Fail, Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.problems import Misconfigured, Refused
from portal_notifications.compose_mail import ComposeMail
from portal_notifications.mail_kinds import TOPICS, MailState
from portal_notifications.ports import Handed, Mail, Mailer, Preferences, Sending

KIND: Final = "mail"
CALL: Final = "hand_over"
PAUSE: Final = timedelta(seconds=10)
"""Wait after the provider could not take a mail, unless it named a time."""


class MailProcess:
    """Sends one mail. Re-sending after a lost answer is never done by itself (reference sendgrid.md 4)."""

    def __init__(self, compose: ComposeMail, mailer: Mailer, preferences: Preferences) -> None:
        self._compose = compose
        self._mailer = mailer
        self._preferences = preferences

    def definition(self) -> ProcessDefinition[MailState]:
        """Give the process as a list of steps."""
        return ProcessDefinition(KIND, MailState, (Step("send", self.send),), proof=None)  # gone after its own time

    async def send(self, run: Run[MailState]) -> Outcome:
        """Compose with fresh content and hand over; an earlier try whose end is unknown closes the mail as unclear."""
        earlier = await run.journal(CALL)
        if any(entry.evidence.get("sending") == Sending.SENT.value for entry in earlier):
            return Done()
        if any(entry.state in {"started", "unknown"} for entry in earlier):
            return self._unclear(run)
        try:
            mail = await self._compose(run.key, run.state)
        except Refused as gone:
            return Fail(gone.code)  # sign-up or reset is over, or there is no such customer: nobody waits for this mail
        if await self._not_wanted(run.state):
            run.state.turned_off = True
            return Done()
        return await self._send(run, mail)

    async def _send(self, run: Run[MailState], mail: Mail) -> Outcome:
        async with run.outside(CALL, fingerprint=run.key) as intent:
            handed, wrong = await self._hand_over(mail)
            intent.external_id = handed.provider_id
            intent.evidence["sending"] = handed.sending.value
        if wrong is not None:
            raise wrong
        if handed.sending is Sending.NOT_NOW:
            return Wait(after=timedelta(seconds=handed.wait) if handed.wait else PAUSE, because="mail provider is away")
        return self._unclear(run) if handed.sending is Sending.UNCLEAR else Done()

    async def _not_wanted(self, state: MailState) -> bool:
        topic = TOPICS.get(state.template)
        return topic is not None and topic in await self._preferences.turned_off(state.account_id or "")

    async def _hand_over(self, mail: Mail) -> tuple[Handed, Misconfigured | None]:
        """Hand over; our wrong set-up is a certain "not taken" in the journal before it is raised."""
        try:
            return await self._mailer.hand_over(mail), None
        except Misconfigured as wrong:
            return Handed(Sending.NOT_NOW), wrong

    @staticmethod
    def _unclear(run: Run[MailState]) -> Fail:
        return Fail("MAIL_UNCLEAR", {"mail": run.key})
