"""The runbook's pages of problem codes: facts from the catalogue, and beside them what people wrote (R254, C37)."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from portal_contracts.operators import ROLES
from portal_contracts.problem_entry import Kind, ProblemEntry

HEADINGS: Final = ("What it means", "How customers feel it", "First look", "Mend", "When to wake whom")
"""What somebody who was woken asks, in this order; every page has all five, written by a person."""
FACTS: Final = "facts"
OWNERS: Final[Mapping[str, str]] = {
    "customer": "the customer",
    "staff": "staff",
    "us": "operators",
    "vendor": "the vendor",
}
_BY_ITSELF: Final[Mapping[Kind, str]] = {
    "try_later": "It passes: processes ask again by themselves, a page says 503 and when to come back.",
    "refused": "It waits for whoever must act; a process that stands on it looks again every quarter of an hour.",
    "misconfigured": "It alerts and waits for our set-up to be mended; nothing is lost meanwhile.",
}


def index_of_problems(entries: Iterable[ProblemEntry]) -> str:
    """Write the list of all codes with their pages."""
    lines = [
        "# Problem codes",
        "",
        "Generated from `portal_contracts.problem_catalogue` by `make documents`; a page for each code.",
        "`try_later` mends itself, `refused` needs whoever owns it, `misconfigured` stops and alerts.",
        "",
        "| code | kind | HTTP | must act | for staff |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| [`{entry.code}`](problems/{entry.code.lower()}.md) | {entry.kind} | {entry.status} | {OWNERS[entry.owner]} "
        f"| {entry.staff} |"
        for entry in entries
    ]
    return "\n".join(lines) + "\n"


def facts_of(entry: ProblemEntry) -> str:
    """Write what the catalogue knows of one code."""
    again = f", to be asked again after {entry.retry_after} s" if entry.retry_after is not None else ""
    return "\n".join(
        (
            f"`{entry.code}` · {entry.kind} · HTTP {entry.status}{again} · must act: {OWNERS[entry.owner]}",
            "",
            f"- staff read: {entry.staff}",
            f"- customers read: {entry.text_en} / {entry.text_ja}",
            f"- by itself: {_BY_ITSELF[entry.kind]}",
        )
    )


def new_page(entry: ProblemEntry, begin: str, end: str) -> str:
    """Make the page of a new code, with a place for the facts and empty headings for people to fill."""
    headings = "\n".join(f"\n## {heading}\n" for heading in HEADINGS)
    return f"# {entry.code}\n\n{begin}\n{end}\n{headings}"


def page_of(path: Path, entry: ProblemEntry, begin: str, end: str) -> str:
    """Give a code's page as it stands, or a new one."""
    return path.read_text(encoding="utf-8") if path.exists() else new_page(entry, begin, end)


def roles_of_operators() -> str:
    """Write what each role of operators may do (R276), for the access matrix."""
    lines = ["| role | may |", "| --- | --- |"]
    lines += [f"| `{role}` | {' · '.join(sorted(granted))} |" for role, granted in ROLES.items()]
    return "\n".join(lines)
