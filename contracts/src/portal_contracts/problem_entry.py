"""What the problem catalogue holds of one code, and the makers of its three kinds."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["try_later", "refused", "misconfigured"]
Owner = Literal["customer", "staff", "us", "vendor"]


@dataclass(frozen=True, slots=True)
class ProblemEntry:
    """One code: what everybody is told and who must act. The code's lower-case form names its page in the runbook."""

    code: str
    kind: Kind
    status: int
    owner: Owner
    text_en: str
    text_ja: str
    staff: str
    retry_after: int | None = None

    @property
    def runbook(self) -> str:
        """Where the runbook explains what to do."""
        return f"docs/runbook/problems/{self.code.lower()}.md"


def later(
    code: str, owner: Owner, text_en: str, text_ja: str, staff: str, *, after: int = 5, status: int = 503
) -> ProblemEntry:
    """Make a problem of waiting: `after` is how many seconds later asking again makes sense."""
    return ProblemEntry(code, "try_later", status, owner, text_en, text_ja, staff, after)


def refused(
    code: str, status: int, text_en: str, text_ja: str, staff: str, *, owner: Owner = "customer"
) -> ProblemEntry:
    """Make a refusal, told to whoever owns it."""
    return ProblemEntry(code, "refused", status, owner, text_en, text_ja, staff)


def ours(code: str, staff: str) -> ProblemEntry:
    """Make a fault of our own set-up, of which a customer hears nothing but that it is ours."""
    return ProblemEntry(
        code,
        "misconfigured",
        500,
        "us",
        "Something is wrong on our side. We have been told and are looking into it.",
        "システムに問題が発生しました。担当者が確認しております。",
        staff,
    )
