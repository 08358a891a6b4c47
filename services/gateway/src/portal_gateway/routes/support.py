"""Cases, live from Salesforce and never kept (R220); their files pass through and stay nowhere (C41)."""

import re
from base64 import b64encode
from typing import Final
from urllib.parse import quote

from portal_contracts import support, support_files
from portal_gateway.exchange import Exchange
from portal_gateway.operation import FILE, Operation, without
from portal_gateway.reply import NO_STORE, Headers, Reply, message_reply
from portal_gateway.security_headers import CONTENT_SECURITY_POLICY

OpenCaseBody: Final = without(support.OpenCase, "request_id")
CommentBody: Final = without(support.AddComment, "request_id", "case_id")
ReopenBody: Final = without(support.ReopenCase, "request_id", "case_id")
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]")
_SHOWN_NOWHERE: Final[Headers] = [
    NO_STORE,
    (CONTENT_SECURITY_POLICY, b"default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'"),
    (b"x-download-options", b"noopen"),
]
"""A file from a stranger is saved, never opened within the portal's origin."""


async def open_case(exchange: Exchange) -> Reply:
    """Open a case; repeating it with one Idempotency-Key opens no second one."""
    body = await exchange.body(OpenCaseBody)
    case = await exchange.ask(support.OpenCase(**dict(body), request_id=exchange.request_id()))
    return message_reply(case, 201, (b"location", f"/support/cases/{case.case_id}".encode()))


async def add_words(exchange: Exchange) -> Reply:
    """Add a comment to the case in the path, or open it again with one."""
    operation = exchange.operation
    body = await exchange.body(ReopenBody if operation.body is ReopenBody else CommentBody)
    case: support.CaseDetail = await exchange.ask(exchange.completed(**dict(body), request_id=exchange.request_id()))
    return message_reply(case, operation.status)


async def attach_file(exchange: Exchange) -> Reply:
    """Pass a file's bytes on: at most 5 MB, refused before more is read (C41)."""
    content = await exchange.raw_body(support_files.MOST_BYTES)
    given = {**exchange.query(), "content": b64encode(content), "request_id": exchange.request_id()}
    case: support.CaseDetail = await exchange.ask(exchange.completed(**given))
    return message_reply(case, 201)


async def read_file(exchange: Exchange) -> Reply:
    """Give a file to save; its type is what support saw in it and nothing a browser may guess about."""
    found: support_files.CaseFileContent = await exchange.ask(exchange.completed())
    plain = _NOT_PLAIN.sub("_", found.name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}"
    headers = [(b"content-type", found.media_type.encode()), (b"content-disposition", disposition.encode())]
    return Reply(200, found.content, [*headers, *_SHOWN_NOWHERE])


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/support/cases",
        message=support.ListCases,
        replies={200: "The cases, newest first"},
        problems=("BAD_REQUEST",),
    ),
    Operation(
        method="POST",
        path="/support/cases",
        message=support.OpenCase,
        answer=open_case,
        body=OpenCaseBody,
        replies={201: "Opened"},
        idempotency_key=True,
        problems=("IDEMPOTENCY_KEY_REUSED", "NOT_FOUND", "CASE_NOT_TAKEN", "IN_PROGRESS"),
        vendors=("SALESFORCE_UNAVAILABLE", "WHMCS_UNAVAILABLE"),
        reply_headers={"Location": "The case"},
    ),
    Operation(
        method="POST",
        path="/support/cases/{caseId}/comments",
        message=support.AddComment,
        answer=add_words,
        body=CommentBody,
        replies={201: "Added: the case with its published comments"},
        idempotency_key=True,
        problems=("NOT_FOUND", "IDEMPOTENCY_KEY_REUSED", "CASE_NOT_TAKEN", "IN_PROGRESS"),
    ),
    Operation(
        method="POST",
        path="/support/cases/{caseId}/reopen",
        message=support.ReopenCase,
        answer=add_words,
        body=ReopenBody,
        replies={200: "Open: the case with its published comments"},
        idempotency_key=True,
        problems=("NOT_FOUND", "IDEMPOTENCY_KEY_REUSED", "CASE_NOT_TAKEN", "IN_PROGRESS"),
    ),
    Operation(
        method="POST",
        path="/support/cases/{caseId}/files",
        message=support_files.AttachFile,
        answer=attach_file,
        upload=support_files.MOST_BYTES,
        replies={201: "Kept: the case with its files"},
        problems=(
            "NOT_FOUND",
            "DOCUMENT_REFUSED",
            "CASE_FILES_FULL",
            "FILE_INFECTED",
            "CASE_NOT_TAKEN",
            "IN_PROGRESS",
            "VIRUS_SCANNER_UNAVAILABLE",
        ),
    ),
    Operation(
        method="GET",
        path="/support/cases/{caseId}/files/{fileId}",
        message=support_files.ReadCaseFile,
        answer=read_file,
        media_type=FILE,
        replies={200: "The file, of the type its content has: image/jpeg, image/png, application/pdf or only bytes"},
        problems=("NOT_FOUND", "CASE_FILE_TOO_LARGE"),
        reply_headers={"Content-Disposition": "`attachment` and the name to save it under"},
    ),
    Operation(
        method="GET",
        path="/support/cases/{caseId}",
        message=support.ReadCase,
        replies={200: "The case with its published comments and files"},
        problems=("NOT_FOUND",),
    ),
)
