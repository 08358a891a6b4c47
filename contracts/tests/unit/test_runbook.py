"""The runbook is whole and speaks of things that exist: pages, sections, commands, figures and links (R254, C37)."""

import ast
import re
from pathlib import Path

import pytest

from portal_contracts.operators import ROLES
from portal_contracts.problems import CATALOGUE
from portal_contracts.runbook_pages import HEADINGS

ROOT = Path(__file__).parents[3]
RUNBOOK = ROOT / "docs" / "runbook"
PROBLEM_PAGES = sorted((RUNBOOK / "problems").glob("*.md"))
ALERT_PAGES = sorted((RUNBOOK / "alerts").glob("*.md"))
FOREIGN = [ROOT / "deploy" / system / "README.md" for system in ("salesforce", "whmcs")]
DOCUMENTS = sorted([*(ROOT / "docs").glob("*.md"), *RUNBOOK.rglob("*.md"), *FOREIGN])
MADE = re.compile(r"\b(counter|gauge|histogram)\(\s*\"(portal_[a-z_]+)\"")
SETTING = re.compile(r"\b(?:PORTAL|SF|WHMCS|FREEBIT|SENDGRID|MAIL)_[A-Z_]+\b")
SERIES_ENDINGS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
SHORTEST_SECTION = 7
"""Characters of a section: `Nobody.` is an answer, an empty one is not."""


def sections_of(page: Path) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {heading: text.strip() for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def sources() -> list[str]:
    found = [*ROOT.glob("*/src/**/*.py"), *ROOT.glob("*/*/src/**/*.py")]
    return [source.read_text(encoding="utf-8") for source in found]


def commands() -> set[str]:
    """Every command and group of `portal-operator`, read from its source: no service may import another's."""
    found: set[str] = set()
    for source in (ROOT / "operators" / "src" / "portal_operator").glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith((".command", ".group")):
                        given = [one.value for one in mark.args if isinstance(one, ast.Constant)]
                        found.add(str(given[0]) if given else node.name.replace("_", "-"))
    return found


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_problem_code_has_its_page(code: str) -> None:
    page = ROOT / CATALOGUE[code].runbook
    assert page.exists(), "run `make documents`"
    assert page.read_text(encoding="utf-8").startswith(f"# {code}\n")


def test_no_page_is_left_of_a_code_that_is_gone() -> None:
    assert {page.stem for page in PROBLEM_PAGES} == {code.lower() for code in CATALOGUE}


@pytest.mark.parametrize("page", [*PROBLEM_PAGES, *ALERT_PAGES], ids=named)
def test_a_page_answers_all_five_questions(page: Path) -> None:
    sections = sections_of(page)
    assert tuple(sections) == HEADINGS
    empty = [heading for heading, text in sections.items() if len(text) < SHORTEST_SECTION]
    assert empty == [], "a person has to write these"


def test_every_command_in_the_documents_exists() -> None:
    known = commands()
    text = {named(page): page.read_text(encoding="utf-8") for page in DOCUMENTS}
    asked = {
        (page, word) for page, words in text.items() for word in re.findall(r"portal-operator ([a-z][a-z-]+)", words)
    }
    assert {(page, word) for page, word in asked if word not in known} == set()


def test_every_figure_and_table_in_the_documents_is_made_somewhere() -> None:
    made = {
        f"{name}{ending}"
        for source in sources()
        for kind, name in MADE.findall(source)
        for ending in SERIES_ENDINGS[kind]
    }
    packages = {path.name for path in [*ROOT.glob("*/src/portal_*"), *ROOT.glob("*/*/src/portal_*")]}
    tables = {
        name
        for migration in [*ROOT.glob("*/src/*/migrations/*.sql"), *ROOT.glob("*/*/src/*/migrations/*.sql")]
        for name in re.findall(r"\bportal_[a-z_]+", migration.read_text(encoding="utf-8"))
    }
    asked = {
        (named(page), name)
        for page in DOCUMENTS
        for code in re.findall(r"```.*?```|`[^`\n]+`", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for name in re.findall(r"\bportal_[a-z_]+\b(?!\.php)", code)
    }
    assert {(page, name) for page, name in asked if name not in made | packages | tables} == set()


def test_every_setting_in_the_documents_is_somebodys() -> None:
    kept = [*ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md"), *ROOT.glob("deploy/*/*.y*ml")]
    known = {
        name
        for text in [*sources(), *(path.read_text(encoding="utf-8") for path in kept if path not in DOCUMENTS)]
        for name in re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", text)
    }
    asked = {
        (named(page), name)
        for page in DOCUMENTS
        for name in re.findall(
            r"\b(?:PORTAL|SF|WHMCS|FREEBIT|SENDGRID|MAIL)_[A-Z_]+\b", page.read_text(encoding="utf-8")
        )
        if name not in CATALOGUE
    }
    # A field of a settings class is written without its prefix; one setting is the hook file's, in WHMCS's environment.
    fields = set(re.findall(r"^    ([a-z_]+): ", "\n".join(sources()), flags=re.MULTILINE))
    found = {one for one in asked if one[1] not in known and one[1].split("_", 1)[1].lower() not in fields}
    assert found == {("deploy/whmcs/README.md", "PORTAL_EVENTS_SETTINGS")}


def test_the_access_matrix_names_every_role_of_operators() -> None:  # R276
    text = (RUNBOOK / "access.md").read_text(encoding="utf-8")
    assert [role for role in ROLES if f"| `{role}` |" not in text] == []


def test_the_overview_has_a_swim_lane_of_all_four_in_both_languages() -> None:  # R304
    text = (ROOT / "docs" / "overview.md").read_text(encoding="utf-8")
    lanes = [
        re.findall(r"participant (\w) as", drawing) for drawing in re.findall(r"```mermaid.*?```", text, re.DOTALL)
    ]
    assert lanes == [["C", "P", "S", "W", "F"]] * 2
    assert "| | Customer | Portal | Salesforce | WHMCS |" in text
    assert "| | お客様 | ポータル | Salesforce | WHMCS |" in text


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCUMENTS, ids=named)
def test_every_link_of_a_document_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target
