from dataclasses import dataclass

from portal_clamd import Scanner
from portal_contracts.problems import Refused
from portal_contracts.support import CaseDetail
from portal_contracts.support_files import MOST_FILES, AttachFile
from portal_support.attachment import file_kind, file_path, safe_name
from portal_support.ports import CaseFiles, WriteKey
from portal_support.read_cases import ReadCustomerCases
from portal_support.write_once import WriteOnce


@dataclass(frozen=True, slots=True)
class AttachCustomerFile:
    """Keep a file with the caller's case, in Salesforce and nowhere else (C41); the same content is kept once."""

    cases: ReadCustomerCases
    files: CaseFiles
    once: WriteOnce
    scanner: Scanner

    async def __call__(self, account_id: str, command: AttachFile) -> CaseDetail:
        """Give the case with the file; Refused as `AttachFile` lists. A scanner that is away lets nothing pass."""
        kind = file_kind(command.content)
        case = await self.cases.one(account_id, command.case_id)
        await self.scanner.check(command.content)
        path = file_path(command.case_id, command.content, kind)

        async def make() -> str:
            if sum(file.by == "customer" for file in case.files) >= MOST_FILES:
                raise Refused("CASE_FILES_FULL", facts={"limit": MOST_FILES})
            return await self.files.keep(command.case_id, safe_name(command.file_name, kind), path, command.content)

        key = WriteKey("file", account_id, path, path.encode())
        await self.once(key, make, lambda _: self.files.find(path))
        return await self.cases.one(account_id, command.case_id)
