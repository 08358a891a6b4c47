"""Problems as `application/problem+json` (RFC 9457), worded by the catalogue in the reader's language."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from portal_chassis.telemetry import current_ids
from portal_chassis.validation import BODY
from portal_contracts.message import Message
from portal_contracts.problem_entry import Kind
from portal_contracts.problems import CATALOGUE, FieldError, Language, PortalProblem, customer_text
from portal_gateway.reply import NO_STORE, Reply

_KIND_JA: Final[dict[Kind, str]] = {
    "try_later": "しばらくしてからもう一度お試しください",
    "refused": "お手続きを完了できませんでした",
    "misconfigured": "システムエラー",
}
_UNAUTHORIZED: Final = 401
_ANNOUNCED_LANGUAGES: Final = 16
"""Entries of an Accept-Language header that are looked at."""


class FaultyField(Message):
    """One faulty field of the request."""

    field: str = Field(
        description="Where it stands, e.g. `lines[0].sku`, or the name of a header or query parameter",
        examples=["email"],
    )
    pointer: str | None = Field(
        default=None, description="The same as a JSON pointer, when it is in the body", examples=["#/email"]
    )
    code: str = Field(description="A code of the problem catalogue", examples=["FIELD_MISSING"])
    detail: str = Field(description="What to do about it, in the reader's language", examples=["Please fill this in."])


class Problem(Message):
    """What went wrong, for programs (`code`) and people (`detail`)."""

    type: str = Field(description="Where the code is explained", examples=["/problems/BAD_REQUEST"])
    title: str = Field(examples=["Bad request"])
    status: int = Field(examples=[422])
    detail: str = Field(
        description="In English, or in Japanese if Accept-Language prefers it", examples=["Please check ..."]
    )
    code: str = Field(description="A code of the problem catalogue", examples=["BAD_REQUEST"])
    instance: str = Field(description="The path that was asked for", examples=["/auth/signup"])
    trace_id: str | None = Field(default=None, description="Tell it to support; the logs know it")
    retry_after: int | None = Field(default=None, description="Seconds until trying again makes sense")
    errors: Sequence[FaultyField] = ()


def title_of(code: str, language: Language) -> str:
    """Give the short title of a kind of problem."""
    return _KIND_JA[CATALOGUE[code].kind] if language == "ja" else code.replace("_", " ").capitalize()


def problem_reply(
    problem: PortalProblem,
    path: str,
    language: Language,
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    of_body: bool = False,
) -> Reply:
    """Answer with a problem. Facts only fill the texts: what they hold is for operators.

    `of_body`: the request had a body, so that faulty fields are places in it.
    """
    entry = CATALOGUE[problem.code]
    ids = current_ids()
    body = Problem(
        type=f"/problems/{problem.code}",
        title=title_of(problem.code, language),
        status=entry.status,
        detail=customer_text(problem.code, language, problem.facts),
        code=problem.code,
        instance=path,
        trace_id=ids[0] if ids is not None else None,
        retry_after=problem.retry_after,
        errors=[_faulty(fault, language, of_body=of_body) for fault in problem.fields],
    )
    own: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/problem+json"),
        (b"content-language", language.encode()),
        (b"vary", b"accept-language"),
        NO_STORE,
        *headers,
    ]
    if problem.retry_after is not None:
        own.append((b"retry-after", str(problem.retry_after).encode()))
    if entry.status == _UNAUTHORIZED:
        own.append((b"www-authenticate", b'Bearer realm="portal"'))
    return Reply(entry.status, body.model_dump_json(exclude_none=True).encode(), own)


def _faulty(fault: FieldError, language: Language, *, of_body: bool) -> FaultyField:
    detail = customer_text(fault.code, language, fault.facts) if fault.code in CATALOGUE else fault.code
    pointer = _pointer(fault.field) if of_body else None
    return FaultyField(field=fault.field, pointer=pointer, code=fault.code, detail=detail)


def _pointer(field: str) -> str | None:
    """Give a JSON pointer as a URI fragment; none for a header, whose name starts with a capital letter."""
    if field[:1].isupper():
        return None
    return "#" if field == BODY else "#/" + field.replace("[", "/").replace("]", "").replace(".", "/")


def preferred_language(accept: bytes | None) -> Language:
    """Choose Japanese when the header prefers it to English; English when it says nothing of either."""
    if not accept:
        return "en"
    weights = {"en": 0.0, "ja": 0.0}
    for place, part in enumerate(accept.decode("latin-1").split(",")[:_ANNOUNCED_LANGUAGES]):
        tag, _, parameters = part.partition(";")
        language = tag.strip().lower().split("-")[0]
        if language in weights:
            weight = _weight(parameters) - place / 1000  # of equals, the first
            weights[language] = max(weights[language], weight)
    return "ja" if weights["ja"] > weights["en"] else "en"


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
