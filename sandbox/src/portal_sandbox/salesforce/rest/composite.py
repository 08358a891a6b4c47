"""POST /composite and /composite/batch."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from portal_sandbox.salesforce.errors import SalesforceError, bad_request
from portal_sandbox.salesforce.rest.calls import Call, Reply, parse_call
from portal_sandbox.salesforce.rest.references import substitute
from portal_sandbox.salesforce.transaction import Transaction

MAX_SUBREQUESTS = 25
MAX_QUERIES = 5
HALTED = "The transaction was rolled back since another operation in the same transaction failed."
_REFERENCE_ID = re.compile(r"[A-Za-z0-9_]+")

Dispatch = Callable[[Transaction, Call], Reply]
Execute = Callable[[Callable[[Transaction], Reply]], Awaitable[Reply]]


class _RolledBackError(Exception):
    """Undoes an allOrNone composite; carries what to answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("composite rolled back")
        self.reply = reply


class Composite:
    """Runs sub-requests: in one transaction with allOrNone, else each in its own."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    async def composite(self, call: Call, execute: Execute) -> Reply:
        """POST /composite: 200 whatever the sub-requests did."""
        body = call.values()
        requests = _checked(body.get("compositeRequest"))
        if body.get("allOrNone") is True:
            try:
                return await execute(lambda transaction: self._together(transaction, requests, call))
            except _RolledBackError as rolled_back:
                return rolled_back.reply
        results: dict[str, Any] = {}
        entries = []
        for request in requests:
            reply = await execute(lambda transaction, request=request: self._one(transaction, request, results, call))  # type: ignore[misc]  # mypy cannot infer a lambda's default
            if reply.succeeded:
                results[request["referenceId"]] = reply.body
            entries.append(_entry(request, reply))
        return Reply(200, {"compositeResponse": entries})

    async def batch(self, call: Call, execute: Execute) -> Reply:
        """POST /composite/batch: independent requests."""
        body = call.values()
        requests = body.get("batchRequests")
        if not isinstance(requests, list) or not 0 < len(requests) <= MAX_SUBREQUESTS:
            raise bad_request("INVALID_BATCH_REQUEST", f"between 1 and {MAX_SUBREQUESTS} batchRequests are needed")
        halt = body.get("haltOnError") is True
        results: list[dict[str, Any]] = []
        for request in requests:
            if halt and any(not Reply(result["statusCode"]).succeeded for result in results):
                halted = {"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}
                results.append({"statusCode": 412, "result": [halted]})
                continue
            url = "/services/data/" + str(request.get("url", "")).removeprefix("/services/data/").lstrip("/")
            named = {**request, "url": url, "referenceId": "", "body": request.get("richInput")}
            reply = await execute(lambda transaction, named=named: self._one(transaction, named, {}, call))  # type: ignore[misc]  # the same
            results.append({"statusCode": reply.status, "result": reply.body})
        failed = any(not Reply(result["statusCode"]).succeeded for result in results)
        return Reply(200, {"hasErrors": failed, "results": results})

    def _together(self, transaction: Transaction, requests: list[dict[str, Any]], call: Call) -> Reply:
        results: dict[str, Any] = {}
        entries: list[dict[str, Any]] = []
        for position, request in enumerate(requests):
            reply = self._one(transaction, request, results, call)
            entries.append(_entry(request, reply))
            if not reply.succeeded:
                halted = SalesforceError(400, "PROCESSING_HALTED", HALTED)
                answer = [_entry(other, Reply(400, halted.body())) for other in requests]
                answer[position] = entries[-1]
                raise _RolledBackError(Reply(200, {"compositeResponse": answer}))
            results[request["referenceId"]] = reply.body
        return Reply(200, {"compositeResponse": entries})

    def _one(self, transaction: Transaction, request: dict[str, Any], results: dict[str, Any], outer: Call) -> Reply:
        try:
            with transaction.attempt():
                headers = {**outer.headers, **_lowered(request.get("httpHeaders"))}
                url = str(substitute(request["url"], results))
                body = substitute(request.get("body"), results)
                return self._dispatch(transaction, parse_call(str(request["method"]), url, body, headers))
        except SalesforceError as error:
            return Reply(error.status, error.body())


def _checked(requests: object) -> list[dict[str, Any]]:
    if not isinstance(requests, list) or not requests:
        raise bad_request("JSON_PARSER_ERROR", "compositeRequest: a list of sub-requests was expected")
    if len(requests) > MAX_SUBREQUESTS:
        raise bad_request("LIMIT_EXCEEDED", f"Composite requests are limited to {MAX_SUBREQUESTS} sub-requests")
    seen: set[str] = set()
    queries = 0
    for request in requests:
        for name in ("method", "url", "referenceId"):
            if not isinstance(request, dict) or not isinstance(request.get(name), str):
                raise bad_request("MISSING_ARGUMENT", f"Missing required property in sub-request: {name}")
        reference = request["referenceId"]
        if not _REFERENCE_ID.fullmatch(reference) or reference in seen:
            raise bad_request("INVALID_INPUT", f"Invalid or duplicate referenceId: {reference}")
        seen.add(reference)
        queries += "/query" in request["url"] or "/composite/sobjects" in request["url"]
    if queries > MAX_QUERIES:
        raise bad_request("LIMIT_EXCEEDED", f"At most {MAX_QUERIES} query or collection sub-requests are allowed")
    return requests


def _entry(request: dict[str, Any], reply: Reply) -> dict[str, Any]:
    return {
        "body": reply.body,
        "httpHeaders": {name: value for name, value in reply.headers.items() if name == "Location"},
        "httpStatusCode": reply.status,
        "referenceId": request["referenceId"],
    }


def _lowered(headers: object) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
