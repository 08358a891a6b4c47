"""What can go wrong, in three kinds for three reactions (architecture §4).

`TryLater`: they could not answer, so wait. `Refused`: they understood and said no, so tell the user what to fix.
`Misconfigured`: our set-up, so stop and alert. The code decides everything else through `CATALOGUE`.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal

from pydantic import Field

from portal_contracts.message import Message
from portal_contracts.problem_catalogue import ENTRIES, Kind, ProblemEntry

CATALOGUE: Final[Mapping[str, ProblemEntry]] = {entry.code: entry for entry in ENTRIES}

Language = Literal["en", "ja"]
Fact = str | int


class FieldError(Message):
    """One field of the input and what is wrong with it."""

    field: str = Field(description="Where it stands in the request, e.g. `address.postcode`")
    code: str = Field(description="A code of the problem catalogue")
    facts: Mapping[str, Fact] = Field(default_factory=dict)


class ProblemReply(Message):
    """A problem on the wire: the answer to an `ask` whose header says so."""

    code: str
    facts: Mapping[str, Fact] = Field(
        default_factory=dict, description="Ids and limits that fill the texts; no personal data"
    )
    fields: Sequence[FieldError] = ()
    retry_after: int | None = Field(default=None, description="Seconds until trying again makes sense")


class PortalProblem(Exception):  # noqa: N818 - the three kinds read as what happened, not as errors of ours
    """A problem with a code of the catalogue. Raise one of the three kinds, never this class."""

    kind: ClassVar[Kind]

    def __init__(
        self,
        code: str,
        *,
        facts: Mapping[str, Fact] | None = None,
        fields: Sequence[FieldError] = (),
        retry_after: int | None = None,
    ) -> None:
        """Raise KeyError when the code is not in the catalogue and ValueError when it is of another kind."""
        entry = CATALOGUE[code]
        if entry.kind != self.kind:
            raise ValueError(f"{code} is of the kind {entry.kind}, not {self.kind}")
        super().__init__(code)
        self.code = code
        self.facts = dict(facts or {})
        self.fields = tuple(fields)
        self.retry_after = retry_after if retry_after is not None else entry.retry_after

    def __str__(self) -> str:
        """Name the code and its facts: safe for logs, since facts hold no personal data."""
        facts = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.code}({facts})" if facts else self.code


class TryLater(PortalProblem):
    """They could not answer: wait and ask again; an HTTP caller gets Retry-After."""

    kind = "try_later"


class Refused(PortalProblem):
    """They understood and said no: tell the user what to fix."""

    kind = "refused"


class Misconfigured(PortalProblem):
    """Our set-up is wrong: stop, alert, and tell the user nothing but that it is our fault."""

    kind = "misconfigured"


_KINDS: Final[Mapping[Kind, type[PortalProblem]]] = {kind.kind: kind for kind in (TryLater, Refused, Misconfigured)}


def to_reply(problem: PortalProblem) -> ProblemReply:
    """Give the wire form of a problem."""
    return ProblemReply(code=problem.code, facts=problem.facts, fields=problem.fields, retry_after=problem.retry_after)


def from_reply(reply: ProblemReply) -> PortalProblem:
    """Give the exception of a wire problem; a code newer than ours becomes INTERNAL_ERROR."""
    entry = CATALOGUE.get(reply.code)
    if entry is None:
        return Misconfigured("INTERNAL_ERROR", facts={"code": reply.code})
    return _KINDS[entry.kind](reply.code, facts=reply.facts, fields=reply.fields, retry_after=reply.retry_after)


def customer_text(code: str, language: Language, facts: Mapping[str, Fact] | None = None) -> str:
    """Give what a customer reads about a problem, with its facts filled in; unknown facts stay out of the text."""
    entry = CATALOGUE[code]
    text = entry.text_ja if language == "ja" else entry.text_en
    return text.format_map(_Facts(facts or {}))


class _Facts(dict[str, Fact]):
    """Facts for a text; a missing one leaves a dash instead of failing the whole answer."""

    def __missing__(self, name: str) -> str:
        return "–"


def staff_text(code: str, facts: Mapping[str, Fact] | None = None) -> str:
    """Give `CODE: message` as it stands in Salesforce's Activation_Error__c (C37), at most 255 characters."""
    return f"{code}: {CATALOGUE[code].staff.format_map(_Facts(facts or {}))}"[:255]
