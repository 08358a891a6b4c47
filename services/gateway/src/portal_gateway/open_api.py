"""OpenAPI 3.1 from the table of operations and the contracts' models: examples, problems and security included.

`python -m portal_gateway.open_api <public URL> [secure]` prints the document.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from portal_contracts.examples import example_of
from portal_contracts.message import Message
from portal_contracts.problem_entry import ProblemEntry
from portal_contracts.problems import CATALOGUE
from portal_gateway.cookies import Cookies
from portal_gateway.exchange import ANSWERING_ALIKE
from portal_gateway.operation import FILE, SERVICE, Operation
from portal_gateway.problem_json import Problem, title_of
from portal_gateway.signed_call_headers import FORMS, IDEMPOTENCY_KEY, KEY_ID, NONCE, SIGNATURE, TIMESTAMP

_ANY: Final = ("SERVICE_UNAVAILABLE", "OVERLOADED", "INTERNAL_ERROR")
_SIGNED_IN: Final = ("SESSION_REQUIRED", "SESSION_EXPIRED", "FORBIDDEN")
_WRITING: Final = ("CSRF_REFUSED",)
_WITH_BODY: Final = ("BAD_REQUEST", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
_VENDORS: Final[dict[str, tuple[str, ...]]] = {
    "billing": ("WHMCS_UNAVAILABLE",),
    "orders": ("SALESFORCE_UNAVAILABLE", "WHMCS_UNAVAILABLE"),
    "support": ("SALESFORCE_UNAVAILABLE",),
}
_OPERATORS: Final = ("OPERATOR_FORBIDDEN",)
_TAGS: Final[dict[str, str]] = {
    "identity": "Sign-up, log-in and who one is",
    "catalog": "Products and prices",
    "orders": "Checkout, orders and their timelines",
    "billing": "What WHMCS keeps: payment methods, invoices, subscriptions",
    "services": "Services: joined from their owners, cancelled, moved to another plan",
    "sim": "SIM lines: how they stand, and what their owners change about them",
    "support": "Cases",
    "notifications": "Mails: which ones one wants, and what became of them",
    "operator": "Operators: what is under way, and their hands on it",
}
_DESCRIPTION: Final = """\
The portal's API for browsers and programs. Every error is `application/problem+json` (RFC 9457) with a stable `code`,
in English or, when `Accept-Language` prefers it, in Japanese; a missing header means English.

**Signing in.** `POST /auth/login` sets two cookies: the session, and the CSRF token for pages to read. A state change
with the session's cookie needs that token in `X-CSRF-Token` and must come from the portal's own origin. Programs send
an API token, made with `POST /me/api-tokens`, or a session's token as `Authorization: Bearer` and need no CSRF token.

**Proof.** Some operations want a proof that is at most a quarter of an hour old and answer `STEP_UP_REQUIRED` without
one: `POST /auth/step-up` takes password and code, or a passkey; the session goes on with other tokens. API tokens
cannot do what needs a proof, nor anything about the account's own security.

**Operators** sign in with `POST /operator/session` and a one-time code; their session does not work for what is
customers', nor the other way round. What an operator may do follows from roles. A command only says what it would do
unless its body has `"dryRun": false`, and leaves a row in the list of actions either way.

**Signed calls** come from Salesforce and need no session. `X-Signature` is `v1=` and the lower-case hexadecimal
HMAC-SHA256, under the key that `X-Key-Id` names, of these lines joined by one line feed: `v1`, the method, the path as
sent, the query as sent without its question mark, `X-Timestamp`, `X-Nonce`, `Idempotency-Key`, `X-Key-Id`, and the
lower-case hexadecimal SHA-256 of the body as sent. A call is good for 300 seconds and for one use; a repeat with the
same `Idempotency-Key` is signed anew and gets the first answer.

**Waiting.** 503 and 429 carry `Retry-After`. What needs no session is counted by the caller's network: an IPv4 address,
or the /64 of an IPv6 address. Send a state change again with the same `Idempotency-Key`:
it happens once.
"""

_OUR_REFERENCES: Final = re.compile(r"\s*\((?:[RCD]\d\d|§)[^)]*\)")

_SIGNED_HEADERS: Final[Mapping[str, str]] = {
    IDEMPOTENCY_KEY: "Names the wish: repeats of it get the first answer",
    TIMESTAMP: "When it is signed, in whole seconds since 1970 (Unix time)",
    NONCE: "Random, new for every call",
    KEY_ID: "Which key it is signed with",
}
_SIGNING: Final[list[dict[str, Any]]] = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "description": meaning,
        "schema": {"type": "string", "pattern": f"^{FORMS[name].pattern.decode()}$"},
    }
    for name, meaning in _SIGNED_HEADERS.items()
]
"""The headers of a signed call beside its signature."""

Mode = Literal["validation", "serialization"]


def open_api(operations: Sequence[Operation], public_url: str, *, secure: bool) -> dict[str, Any]:
    """Build the whole document."""
    wanted: dict[tuple[type[BaseModel], Mode], None] = {(Problem, "serialization"): None}
    for operation in operations:
        wanted[(operation.reply_model, "serialization")] = None
        if operation.body is not None:
            wanted[(operation.body, "validation")] = None
        if operation.message.model_fields:
            wanted[(operation.message, "validation")] = None
    references, definitions = models_json_schema(list(wanted), ref_template="#/components/schemas/{model}")
    _make_public(definitions)
    writer = _Writer(references, definitions["$defs"])
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = writer.operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Customer portal", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": public_url}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _used(definitions["$defs"], paths),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": Cookies(secure=secure).session},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API token or the session's token"},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": SIGNATURE,
                    "description": "`v1=` and the MAC; up to eight of them, separated by commas",
                },
            },
        },
    }


def problems_of(operation: Operation) -> list[ProblemEntry]:
    """Give every problem an operation may answer, its own first."""
    codes = [*operation.problems]
    codes += _SIGNED_IN if operation.needs_session else ()
    codes += ("STEP_UP_REQUIRED",) if operation.step_up else ()
    codes += ("SCOPE_MISSING",) if operation.api_scope is not None else ()
    codes += _OPERATORS if operation.permission is not None else ()
    codes += _WRITING if operation.changes and not operation.signed else ()
    codes += _WITH_BODY if operation.body is not None else ()
    codes += ("BAD_REQUEST",) if operation.query_parameters or operation.idempotency_key else ()
    codes += ("PAYLOAD_TOO_LARGE",) if operation.upload is not None else ()
    codes += operation.vendors or _VENDORS.get(operation.owner, ())
    codes += ("RATE_LIMITED",) if operation.call_group is not None else ()
    codes += _ANY
    return [CATALOGUE[code] for code in dict.fromkeys(codes)]


class _Writer:
    """Writes operations, pointing at the schemas made once for all."""

    def __init__(self, references: Any, definitions: dict[str, Any]) -> None:
        self._references = references
        self._definitions = definitions

    def operation(self, operation: Operation) -> dict[str, Any]:
        """Describe one operation."""
        lines = _public(operation.message.__doc__ or "").splitlines()
        written: dict[str, Any] = {
            "operationId": _operation_id(operation),
            "tags": [operation.tag or operation.owner],
            "summary": operation.summary or lines[0],
            "responses": self._responses(operation),
        }
        more = [line.strip() for line in lines[1:]] if not operation.summary else []
        if operation.permission is not None:
            more.append(f"Needs the permission `{operation.permission}`.")
        if operation.step_up:
            more.append("Needs a proof that is not old: see `POST /auth/step-up`.")
        if operation.api_scope is not None:
            more.append(f"Open to API tokens with the scope `{operation.api_scope}`.")
        if description := "\n".join(more).strip():
            written["description"] = description
        if parameters := self._parameters(operation):
            written["parameters"] = parameters
        if operation.body is not None:
            content = {"schema": self._reference(operation.body, "validation"), "example": _example(operation.body)}
            written["requestBody"] = {"required": not operation.signed, "content": {"application/json": content}}
        if operation.upload is not None:
            text = f"The file as it is: a JPEG, PNG or PDF of at most {operation.upload // 1024 // 1024} MB"
            binary: dict[str, Any] = {FILE: {"schema": {"type": "string", "format": "binary"}}}
            written["requestBody"] = {"required": True, "description": text, "content": binary}
        written["security"] = _security(operation)
        return written

    def _responses(self, operation: Operation) -> dict[str, Any]:
        responses: dict[str, Any] = {
            str(status): self._success(operation, status, text) for status, text in operation.replies.items()
        }
        if operation.cache is not None:
            responses["304"] = {"description": "If-None-Match named what is current"}
        by_status: dict[int, list[ProblemEntry]] = {}
        for entry in problems_of(operation):
            by_status.setdefault(entry.status, []).append(entry)
        for status, entries in sorted(by_status.items()):
            responses[str(status)] = self._problem(operation, entries)
        return responses

    def _success(self, operation: Operation, status: int, text: str) -> dict[str, Any]:
        response: dict[str, Any] = {"description": text}
        if status != 204:  # noqa: PLR2004 - no content
            schema = self._reference(operation.reply_model, "serialization")
            content: dict[str, Any] = {"schema": schema}
            if operation.media_type == "application/json":
                content["example"] = _example(operation.reply_model)
            elif operation.media_type == FILE:
                content = {"schema": {"type": "string", "format": "binary"}}
            else:
                content = {"schema": {"type": "string", "description": "Server-sent events"}, "itemSchema": schema}
            response["content"] = {operation.media_type: content}
        headers = dict(operation.reply_headers)
        if operation.cache is not None:
            headers["ETag"] = "Of exactly these bytes; send it back in If-None-Match"
        if headers:
            response["headers"] = {
                name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in headers.items()
            }
        return response

    def _problem(self, operation: Operation, entries: Iterable[ProblemEntry]) -> dict[str, Any]:
        entries = list(entries)
        response: dict[str, Any] = {
            "description": "; ".join(f"`{entry.code}`: {entry.text_en}" for entry in entries),
            "content": {
                "application/problem+json": {
                    "schema": self._reference(Problem, "serialization"),
                    "examples": {entry.code: {"value": _problem_example(operation, entry)} for entry in entries},
                }
            },
        }
        if any(entry.retry_after is not None for entry in entries):
            response["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
        return response

    def _parameters(self, operation: Operation) -> list[dict[str, Any]]:
        properties: dict[str, Any] = {}
        if operation.message.model_fields:
            name = self._reference(operation.message, "validation")["$ref"].rsplit("/", 1)[1]
            properties = self._definitions[name]["properties"]
        path_parameters = operation.path_parameters
        written: list[dict[str, Any]] = []
        if operation.of_service is not None:
            schema: dict[str, Any] = {"type": "string", "enum": list(ANSWERING_ALIKE)}
            written.append({"name": SERVICE, "in": "path", "required": True, "schema": schema})
        written += [
            {"name": name, "in": "path", "required": True, **_parameter(properties[name])} for name in path_parameters
        ]
        written += [
            {"name": name, "in": "query", **_parameter(properties[name])} for name in operation.query_parameters
        ]
        if operation.idempotency_key:
            schema = {"type": "string", "minLength": 8, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"}
            text = "Makes a repeat harmless: the same key happens once"
            written.append({"name": "Idempotency-Key", "in": "header", "description": text, "schema": schema})
        if operation.media_type == "text/event-stream":
            text = "Go on after this sequence number; browsers send it by themselves"
            schema = {"type": "integer", "minimum": 0}
            written.append({"name": "Last-Event-ID", "in": "header", "description": text, "schema": schema})
        return [*written, *_SIGNING] if operation.signed else written

    def _reference(self, model: type[BaseModel], mode: Mode) -> dict[str, Any]:
        reference: dict[str, Any] = self._references[(model, mode)]
        return reference


def _make_public(part: Any) -> None:
    """Leave our references out of every description below."""
    if isinstance(part, dict):
        if isinstance(text := part.get("description"), str):
            part["description"] = _public(text)
        for inner in part.values():
            _make_public(inner)
    elif isinstance(part, list):
        for inner in part:
            _make_public(inner)


def _public(text: str) -> str:
    """Leave out what only we can look up: numbers of requirements and sections."""
    return _OUR_REFERENCES.sub("", text).strip()


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.signed:
        return [{"signature": []}]
    if not operation.needs_session:
        return []
    by_cookie: dict[str, list[str]] = {"session": [], "csrf": []} if operation.changes else {"session": []}
    return [by_cookie, {"bearer": []}]


def _operation_id(operation: Operation) -> str:
    name = operation.message.__name__
    return operation.operation_id or name[0].lower() + name[1:]


def _parameter(schema: dict[str, Any]) -> dict[str, Any]:
    schema = {key: value for key, value in schema.items() if key != "title"}
    parameter: dict[str, Any] = {"schema": schema}
    if description := schema.pop("description", None):
        parameter["description"] = description
    return parameter


def _example(model: type[BaseModel]) -> dict[str, Any]:
    return example_of(model)


def _problem_example(operation: Operation, entry: ProblemEntry) -> dict[str, Any]:
    example: Message = Problem(
        type=f"/problems/{entry.code}",
        title=title_of(entry.code, "en"),
        status=entry.status,
        detail=entry.text_en,
        code=entry.code,
        instance=operation.path,
        retry_after=entry.retry_after,
    )
    return example.model_dump(mode="json", exclude_none=True)


def _used(definitions: dict[str, Any], paths: Any) -> dict[str, Any]:
    """Leave out schemas that only served to describe parameters."""
    used: dict[str, Any] = {}
    waiting = sorted(_references(paths))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = definitions[name]
            waiting += _references(definitions[name])
    return dict(sorted(used.items()))


def _references(part: Any) -> set[str]:
    if isinstance(part, dict):
        found = {part["$ref"].rsplit("/", 1)[1]} if isinstance(part.get("$ref"), str) else set()
        return found.union(*(_references(inner) for inner in part.values()))
    if isinstance(part, list):
        return set().union(*(_references(inner) for inner in part))
    return set()


if __name__ == "__main__":
    from portal_gateway.routes import OPERATIONS

    json.dump(open_api(OPERATIONS, sys.argv[1], secure="secure" in sys.argv[2:]), sys.stdout, ensure_ascii=False)
