"""Bus in: what customers, operators, orders and identity ask about lines in service. One short function per message."""

from dataclasses import dataclass

from portal_chassis.bus import Bus
from portal_chassis.call import Call
from portal_contracts import sim_lines
from portal_contracts.operators import OperatorOutcome
from portal_contracts.personal_data_exports import ExportLines as ExportOwnLines
from portal_contracts.personal_data_exports import LineExport
from portal_contracts.provisioning import EsimCode, RevealEsimCode
from portal_contracts.values import long_salesforce_id
from portal_fulfillment.adopt_line import AdoptOldLine
from portal_fulfillment.change_line import ChangeLine
from portal_fulfillment.close_line_change import CloseStandingChange
from portal_fulfillment.close_line_ending import CloseStandingEnding
from portal_fulfillment.end_line import EndOwnedLine
from portal_fulfillment.export_lines import ExportLines
from portal_fulfillment.reveal_esim_code import ShowEsimCode
from portal_fulfillment.show_line import ShowLine


@dataclass(frozen=True, slots=True)
class LineUseCases:
    """What the handlers delegate to."""

    show: ShowLine
    change: ChangeLine
    close: CloseStandingChange
    close_ending: CloseStandingEnding
    adopt: AdoptOldLine
    end: EndOwnedLine
    show_esim_code: ShowEsimCode
    export: ExportLines


def register_lines(bus: Bus, use: LineUseCases) -> None:
    """Answer customers, operators, orders and identity."""
    _register_reads(bus, use)
    _register_changes(bus, use.change)
    _register_operators(bus, use)

    @bus.answers(sim_lines.FindServiceLine)
    async def find_line(query: sim_lines.FindServiceLine, _: Call) -> sim_lines.ServiceLine:
        return await use.show.facts(query)

    @bus.answers(sim_lines.EndLine)
    async def end_line(command: sim_lines.EndLine, call: Call) -> sim_lines.LineEnding:
        return await use.end(command, call.deadline)

    @bus.answers(ExportOwnLines)
    async def export_lines(query: ExportOwnLines, _: Call) -> LineExport:
        return await use.export(query.account_id)


def _register_reads(bus: Bus, use: LineUseCases) -> None:
    @bus.answers(sim_lines.ReadSimLine)
    async def read_line(query: sim_lines.ReadSimLine, call: Call) -> sim_lines.SimLine:
        return await use.show.line(query.service_id, _account(call))

    @bus.answers(sim_lines.ReadSimUsage)
    async def read_usage(query: sim_lines.ReadSimUsage, call: Call) -> sim_lines.SimUsage:
        return await use.show.usage(query.service_id, _account(call))

    @bus.answers(sim_lines.ListLineChanges)
    async def list_changes(query: sim_lines.ListLineChanges, call: Call) -> sim_lines.LineChangeList:
        return await use.show.history(query.service_id, _account(call))

    @bus.answers(sim_lines.ReadLineChange)
    async def read_change(query: sim_lines.ReadLineChange, call: Call) -> sim_lines.LineChange:
        return await use.show.change(query.change_id, _account(call))

    @bus.answers(sim_lines.RevealLineCode)
    async def reveal_code(command: sim_lines.RevealLineCode, call: Call) -> EsimCode:
        order_id = await use.show.order_of(command.service_id, _account(call))
        of_order = RevealEsimCode(request_id=command.request_id, order_id=order_id)
        return await use.show_esim_code(of_order, call.customer())


def _register_changes(bus: Bus, change: ChangeLine) -> None:
    @bus.answers(sim_lines.TopUpSim)
    async def top_up(command: sim_lines.TopUpSim, call: Call) -> sim_lines.LineChange:
        return await change.top_up(command, call.customer(), call.deadline)

    @bus.answers(sim_lines.ReissueEsim)
    async def reissue(command: sim_lines.ReissueEsim, call: Call) -> sim_lines.LineChange:
        return await change.reissue(command, call.customer(), call.deadline)

    @bus.answers(sim_lines.ChangeLineVoiceOptions)
    async def change_options(command: sim_lines.ChangeLineVoiceOptions, call: Call) -> sim_lines.LineChange:
        return await change.change_options(command, call.customer(), call.deadline)

    @bus.answers(sim_lines.ChangeLineNetwork)
    async def change_network(command: sim_lines.ChangeLineNetwork, call: Call) -> sim_lines.LineChange:
        return await change.change_network(command, call.customer(), call.deadline)


def _register_operators(bus: Bus, use: LineUseCases) -> None:
    @bus.answers(sim_lines.ListStandingLineChanges)
    async def list_standing(query: sim_lines.ListStandingLineChanges, _: Call) -> sim_lines.StandingLineChangeList:
        return await use.close.list(query)

    @bus.answers(sim_lines.CloseLineChange)
    async def close_change(command: sim_lines.CloseLineChange, call: Call) -> OperatorOutcome:
        return await use.close.close(command, call)

    @bus.answers(sim_lines.AdoptLine)
    async def adopt_line(command: sim_lines.AdoptLine, call: Call) -> OperatorOutcome:
        return await use.adopt(command, call)

    @bus.answers(sim_lines.CloseLineEnding)
    async def close_ending(command: sim_lines.CloseLineEnding, call: Call) -> OperatorOutcome:
        return await use.close_ending(command, call)


def _account(call: Call) -> str:
    return long_salesforce_id(call.customer().account_id)
