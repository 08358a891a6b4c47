"""What the API says about itself is complete, true and self-contained."""

import base64
import hashlib
import re

import pytest

from portal_contracts.message import Message
from portal_contracts.problems import CATALOGUE
from portal_gateway.open_api import problems_of
from portal_gateway.routes import OPERATIONS


def of(document, operation):
    return document["paths"][operation.path][operation.method.lower()]


def references(part):
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def texts(part):
    if isinstance(part, dict):
        yield from (text for name in ("description", "summary") if isinstance(text := part.get(name), str))
        for inner in part.values():
            yield from texts(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from texts(inner)


async def test_the_document_is_served_and_may_be_kept(visitor, document):
    answer = await visitor.get("/openapi.json")
    assert answer.json() == document
    assert (await visitor.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})).status_code == 304
    assert document["openapi"].startswith("3.1")


def test_every_reference_leads_somewhere_and_nothing_is_unused(document):
    schemas = document["components"]["schemas"]
    used = {reference.rsplit("/", 1)[1] for reference in references(document)}
    assert used == set(schemas)


def test_operations_have_names_of_their_own(document):
    names = [of(document, operation)["operationId"] for operation in OPERATIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_documents_its_body_replies_and_problems(document, operation):
    written = of(document, operation)
    assert written["summary"]
    assert set(written["responses"]) >= {str(status) for status in operation.replies}
    for entry in problems_of(operation):
        problem = written["responses"][str(entry.status)]["content"]["application/problem+json"]
        assert problem["examples"][entry.code]["value"]["status"] == entry.status
    assert ("requestBody" in written) == (operation.body is not None or operation.upload is not None)
    if operation.body is not None:
        example = written["requestBody"]["content"]["application/json"]["example"]
        assert isinstance(operation.body.model_validate(example), Message)
    assert bool(written["security"]) == (operation.needs_session or operation.signed)
    assert set(written["tags"]) <= {tag["name"] for tag in document["tags"]}
    placeholders = set(re.findall(r"{(\w+)}", operation.path))
    assert placeholders == {one["name"] for one in written.get("parameters", ()) if one["in"] == "path"}


def test_the_gateways_own_fields_are_in_no_body(document):
    for operation in OPERATIONS:
        if operation.body is not None:
            name = of(document, operation)["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            fields = document["components"]["schemas"][name.rsplit("/", 1)[1]]["properties"]
            assert not {"requestId", "clientAddress", "userAgent", "idempotencyKey"} & set(fields)


def test_no_text_holds_numbers_only_we_can_look_up(document):
    assert not [text for text in texts(document) if re.search(r"\([RCD]\d\d", text)]


async def test_every_problem_code_is_explained_and_nothing_staff_are_told(visitor):
    index = await visitor.get("/problems")
    assert {problem["code"] for problem in index.json()["problems"]} == set(CATALOGUE)
    one = (await visitor.get("/problems/MARKER_UNMAPPED")).json()
    assert one["status"] == CATALOGUE["MARKER_UNMAPPED"].status
    assert set(one["text"]) == {"en", "ja"}
    assert CATALOGUE["MARKER_UNMAPPED"].staff not in index.text


async def test_the_index_leads_to_everything(visitor):
    index = (await visitor.get("/")).json()
    assert index["documentation"].endswith("/docs")
    assert set(index["links"].values()) == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize(
    "path", ["/docs", "/auth/signup/confirm", "/auth/password/reset", "/auth/email/confirm", "/auth/passkey"]
)
async def test_a_page_runs_and_loads_nothing_but_what_stands_in_it(visitor, path):
    page = await visitor.get(path)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for tag, name in (("style", "style-src"), ("script", "script-src")):
        for text in re.findall(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{name} 'sha256-{digest}'" in policy
    assert not re.search(r'(src|href)="(https?:)?//', page.text)
    assert " style=" not in page.text
    assert " onclick=" not in page.text


async def test_the_page_for_people_shows_every_operation_and_schema(visitor, document):
    page = (await visitor.get("/docs")).text
    for operation in OPERATIONS:
        assert f"<code>{operation.path}</code>" in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert anchors <= set(re.findall(r'id="([^"]+)"', page))
    assert "<!--" not in page


async def test_every_answer_protects_the_browser(visitor):
    for path in ("/", "/docs", "/catalog", "/me", "/nowhere", "/openapi.json", "/auth/signup/confirm"):
        headers = (await visitor.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers.get_list("content-security-policy") == [headers["content-security-policy"]], path
        assert "strict-transport-security" not in headers, "plain HTTP on loopback"
        assert "server" not in headers
