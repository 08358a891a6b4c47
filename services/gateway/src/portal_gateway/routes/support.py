"""Cases, live from Salesforce and never kept (R220)."""

from typing import Final

from portal_contracts import support
from portal_gateway.exchange import Exchange
from portal_gateway.operation import Operation, without
from portal_gateway.reply import Reply, message_reply

OpenCaseBody: Final = without(support.OpenCase, "request_id")
CommentBody: Final = without(support.AddComment, "request_id", "case_id")


async def open_case(exchange: Exchange) -> Reply:
    """Open a case; repeating it with one Idempotency-Key opens no second one."""
    body = await exchange.body(OpenCaseBody)
    case = await exchange.ask(support.OpenCase(**dict(body), request_id=exchange.request_id()))
    return message_reply(case, 201, (b"location", f"/support/cases/{case.case_id}".encode()))


async def add_comment(exchange: Exchange) -> Reply:
    """Add a comment to the case in the path."""
    body = await exchange.body(CommentBody)
    case: support.CaseDetail = await exchange.ask(exchange.completed(**dict(body), request_id=exchange.request_id()))
    return message_reply(case, 201)


OPERATIONS: Final = (
    Operation(method="GET", path="/support/cases", message=support.ListCases, replies={200: "The cases, newest first"}),
    Operation(
        method="POST",
        path="/support/cases",
        message=support.OpenCase,
        answer=open_case,
        body=OpenCaseBody,
        replies={201: "Opened"},
        idempotency_key=True,
        problems=("IDEMPOTENCY_KEY_REUSED",),
        reply_headers={"Location": "The case"},
    ),
    Operation(
        method="POST",
        path="/support/cases/{caseId}/comments",
        message=support.AddComment,
        answer=add_comment,
        body=CommentBody,
        replies={201: "Added: the case with its published comments"},
        idempotency_key=True,
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="GET",
        path="/support/cases/{caseId}",
        message=support.ReadCase,
        replies={200: "The case with its published comments"},
        problems=("NOT_FOUND",),
    ),
)
