"""Bus in: each message to its use case."""

from dataclasses import dataclass

from portal_chassis.bus import Bus, Call
from portal_contracts import support, support_files
from portal_contracts.message import Acknowledged
from portal_contracts.personal_data_exports import CaseExport, ExportCases
from portal_support.add_comment import AddCustomerComment
from portal_support.attach_file import AttachCustomerFile
from portal_support.open_case import OpenCustomerCase
from portal_support.open_staff_case import OpenCaseForStaff
from portal_support.read_cases import ReadCustomerCases
from portal_support.read_file import ReadCustomerFile


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """What support does."""

    read: ReadCustomerCases
    open: OpenCustomerCase
    comment: AddCustomerComment
    attach: AttachCustomerFile
    fetch: ReadCustomerFile
    for_staff: OpenCaseForStaff


def register(bus: Bus, use: UseCases) -> None:
    """Answer everything the topology lists for support."""
    _register_for_services(bus, use)

    @bus.answers(support.ListCases)
    async def list_cases(query: support.ListCases, call: Call) -> support.CaseList:
        return await use.read.page(call.customer().account_id, query)

    @bus.answers(support.ReadCase)
    async def read_case(query: support.ReadCase, call: Call) -> support.CaseDetail:
        return await use.read.one(call.customer().account_id, query.case_id)

    @bus.answers(support.OpenCase)
    async def open_case(command: support.OpenCase, call: Call) -> support.CaseDetail:
        return await use.open(call.customer(), command)

    @bus.answers(support.AddComment)
    async def comment(command: support.AddComment, call: Call) -> support.CaseDetail:
        return await use.comment(call.customer().account_id, command)

    @bus.answers(support.ReopenCase)
    async def reopen(command: support.ReopenCase, call: Call) -> support.CaseDetail:
        return await use.comment(call.customer().account_id, command)

    @bus.answers(support_files.AttachFile)
    async def attach(command: support_files.AttachFile, call: Call) -> support.CaseDetail:
        return await use.attach(call.customer().account_id, command)

    @bus.answers(support_files.ReadCaseFile)
    async def read_file(query: support_files.ReadCaseFile, call: Call) -> support_files.CaseFileContent:
        return await use.fetch(call.customer().account_id, query)


def _register_for_services(bus: Bus, use: UseCases) -> None:
    """Answer what other services ask."""

    @bus.answers(ExportCases)
    async def export_cases(query: ExportCases, _: Call) -> CaseExport:
        return await use.read.export(query.account_id)

    @bus.answers(support.OpenStaffCase)
    async def open_staff_case(command: support.OpenStaffCase, _: Call) -> support.StaffCase:
        return await use.for_staff(command)

    @bus.answers(support.CloseStaffCase)
    async def close_staff_case(command: support.CloseStaffCase, _: Call) -> Acknowledged:
        return await use.for_staff.close(command)
