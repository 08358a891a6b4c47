"""An operator has a mail sent once more: the only way a mail is ever sent twice."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from portal_chassis.call import Call
from portal_chassis.operator_actions import OperatorDesk, Plan
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.notifications import MailStanding, SendMailAgain
from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import Refused
from portal_notifications.mail_kinds import MailState
from portal_notifications.mail_process import KIND
from portal_notifications.ports import MailBook

REPEATABLE: Final[frozenset[MailStanding]] = frozenset({"unclear", "bounced", "dropped", "not_sent"})


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Starts another mail with the cause of the first; the first stays as it is in the history."""

    desk: OperatorDesk
    book: MailBook
    processes: ProcessEngine

    async def __call__(self, command: SendMailAgain, call: Call) -> OperatorOutcome:
        """Refused NOT_FOUND or MAIL_NOT_REPEATABLE."""
        return await self.desk.carry_out(command, call, partial(self._plan, command), target=command.mail_id)

    async def _plan(self, command: SendMailAgain, _: Transaction) -> Plan:
        mail = await self.book.read(command.mail_id)
        view = await self.processes.read(KIND, command.mail_id)
        if mail is None or view is None:
            raise Refused("NOT_FOUND")
        if mail.standing not in REPEATABLE:
            raise Refused("MAIL_NOT_REPEATABLE", facts={"standing": mail.standing})
        state = MailState.model_validate(view.state)

        async def effect(transaction: Transaction) -> None:
            await self.processes.start(transaction, KIND, f"{command.mail_id}:again:{command.request_id}", state)

        return Plan((f"The mail {mail.template} is composed anew and sent once more.",), effect)
