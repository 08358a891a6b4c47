from dataclasses import dataclass

from portal_contracts.problems import Refused
from portal_contracts.support_files import MOST_BYTES, CaseFileContent, ReadCaseFile
from portal_support.attachment import media_type, safe_name
from portal_support.ports import CaseFiles


@dataclass(frozen=True, slots=True)
class ReadCustomerFile:
    """Fetch a file of the caller's case, live; its type is what its content says (C41)."""

    files: CaseFiles

    async def __call__(self, account_id: str, query: ReadCaseFile) -> CaseFileContent:
        """Refused NOT_FOUND for what the caller may not see as for none; CASE_FILE_TOO_LARGE over 5 MB."""
        found = await self.files.read(query.case_id, account_id, query.file_id, MOST_BYTES)
        if found is None:
            raise Refused("NOT_FOUND")
        if found.content is None:
            raise Refused("CASE_FILE_TOO_LARGE", facts={"megabytes": MOST_BYTES // 1024 // 1024})
        name, kind = safe_name(found.name), media_type(found.content)
        # The model reads base64, as from the wire; the bytes are there already.
        return CaseFileContent.model_construct(name=name, media_type=kind, content=found.content)
