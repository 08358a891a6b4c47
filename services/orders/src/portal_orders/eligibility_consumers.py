"""Bus in for eligibility: requests to their use cases, changes of accounts to a process that looks."""

from dataclasses import dataclass

from portal_chassis.bus import Bus, Call, Delivery
from portal_chassis.process import ProcessEngine
from portal_contracts import eligibility
from portal_contracts.changefeed import AccountChanged
from portal_contracts.values import long_salesforce_id
from portal_orders.check_eligibility import AskForCheck, DoubtResult, ShowEligibility
from portal_orders.check_out import Buyer
from portal_orders.eligibility_ports import AccountEligibility
from portal_orders.eligibility_process import LOOK, LookState


@dataclass(frozen=True, slots=True)
class EligibilityUse:
    """What the handlers delegate to."""

    show: ShowEligibility
    ask: AskForCheck
    doubt: DoubtResult


def register(bus: Bus, use: EligibilityUse, accounts: AccountEligibility, processes: ProcessEngine) -> None:
    """Answer and take what the topology lists about eligibility."""

    @bus.answers(eligibility.ReadEligibility)
    async def read_eligibility(_: eligibility.ReadEligibility, call: Call) -> eligibility.Eligibility:
        return await use.show(long_salesforce_id(call.customer().account_id))

    @bus.answers(eligibility.RequestEligibility)
    async def request_eligibility(command: eligibility.RequestEligibility, call: Call) -> eligibility.Eligibility:
        caller = call.customer()
        return await use.ask(command, Buyer(long_salesforce_id(caller.account_id), caller.whmcs_client_id))

    @bus.answers(eligibility.DisputeEligibility)
    async def dispute_eligibility(command: eligibility.DisputeEligibility, call: Call) -> eligibility.Eligibility:
        return await use.doubt(command, long_salesforce_id(call.customer().account_id))

    @bus.consumes(AccountChanged)
    async def on_account_changed(event: AccountChanged, delivery: Delivery) -> None:
        if not event.by_us and event.change != "deleted" and accounts.concerns(event.fields):
            state = LookState(account_id=event.record_id)
            await processes.start(delivery.transaction, LOOK, f"{event.record_id}:{delivery.message_id}", state)
