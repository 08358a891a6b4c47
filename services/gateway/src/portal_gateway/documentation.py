"""What the API says about itself: an index, the OpenAPI document, a page for people, and the problem catalogue."""

import json
from typing import Any, Final

from portal_contracts.problems import CATALOGUE
from portal_gateway.documentation_page import documentation_page
from portal_gateway.problem_json import title_of
from portal_gateway.static_page import StaticPage

DESCRIBING: Final = ("/", "/openapi.json", "/docs")
"""Paths of the pages that are made of the OpenAPI document."""


def documentation_pages(document: dict[str, Any]) -> dict[str, StaticPage]:
    """Give the pages that are made of the OpenAPI document by path."""
    public_url = document["servers"][0]["url"]
    index = {"name": "Customer portal", "documentation": f"{public_url}/docs", "links": _links(document)}
    return dict(zip(DESCRIBING, (_json(index), _json(document), documentation_page(document)), strict=True))


def problem_pages() -> dict[str, StaticPage]:
    """Give the catalogue of problems, and each of them, by path."""
    problems = {code: _problem(code) for code in CATALOGUE}
    pages = {f"/problems/{code}": _json(problem) for code, problem in problems.items()}
    return {"/problems": _json({"problems": list(problems.values())}), **pages}


def _problem(code: str) -> dict[str, Any]:
    """Give what a client may know of a code; what staff are told stays inside."""
    entry = CATALOGUE[code]
    return {
        "type": f"/problems/{code}",
        "code": code,
        "title": title_of(code, "en"),
        "status": entry.status,
        "text": {"en": entry.text_en, "ja": entry.text_ja},
        "whoActs": entry.owner,
        "retryAfter": entry.retry_after,
    }


def _links(document: dict[str, Any]) -> dict[str, str]:
    return {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def _json(value: Any) -> StaticPage:
    return StaticPage(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), "application/json")
