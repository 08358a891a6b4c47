"""Bus in: each message to its use case."""

from portal_chassis.bus import Bus, Call
from portal_chassis.clocks import BusinessClock
from portal_contracts import support
from portal_contracts.personal_data_exports import CaseExport, ExportCases
from portal_support.add_comment import AddCustomerComment
from portal_support.open_case import OpenCustomerCase
from portal_support.open_staff_case import OpenCaseForStaff
from portal_support.ports import Cases
from portal_support.read_cases import ReadCustomerCases


def register(bus: Bus, cases: Cases, clock: BusinessClock) -> None:
    """Answer everything the topology lists for support."""
    read = ReadCustomerCases(cases)
    open_for_customer = OpenCustomerCase(cases)
    add_comment = AddCustomerComment(cases, clock)
    open_for_staff = OpenCaseForStaff(cases)

    @bus.answers(support.ListCases)
    async def list_cases(_: support.ListCases, call: Call) -> support.CaseList:
        return await read.all(call.customer().account_id)

    @bus.answers(support.ReadCase)
    async def read_case(query: support.ReadCase, call: Call) -> support.CaseDetail:
        return await read.one(call.customer().account_id, query.case_id)

    @bus.answers(ExportCases)
    async def export_cases(query: ExportCases, _: Call) -> CaseExport:
        return await read.export(query.account_id)

    @bus.answers(support.OpenCase)
    async def open_case(command: support.OpenCase, call: Call) -> support.CaseDetail:
        caller = call.customer()
        return await open_for_customer(caller.user_id, caller.account_id, command)

    @bus.answers(support.AddComment)
    async def comment(command: support.AddComment, call: Call) -> support.CaseDetail:
        return await add_comment(call.customer().account_id, command)

    @bus.answers(support.OpenStaffCase)
    async def open_staff_case(command: support.OpenStaffCase, _: Call) -> support.StaffCase:
        return await open_for_staff(command)
