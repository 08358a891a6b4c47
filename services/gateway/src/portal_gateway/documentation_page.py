"""The OpenAPI document as one page for people: written once, without scripts and without other hosts."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

from portal_gateway import pages
from portal_gateway.static_page import StaticPage, html_page

_PROBLEM: Final = "application/problem+json"


def documentation_page(document: Mapping[str, Any]) -> StaticPage:
    """Write the page."""
    folder = files(pages)
    template, style = [(folder / name).read_text("utf-8") for name in ("documentation.html", "documentation.css")]
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    sections = [_section(tag, operations) for tag in document["tags"]]
    page = (
        template.replace("<!--INTRODUCTION-->", _introduction(document["info"]["description"]))
        .replace("<!--CONTENTS-->", "".join(_contents(tag, operations) for tag in document["tags"]))
        .replace("<!--OPERATIONS-->", "".join(sections))
        .replace("<!--SCHEMAS-->", "".join(_schema(*item) for item in document["components"]["schemas"].items()))
    )
    return html_page(page, style=style)


Operations = Iterable[tuple[str, str, Mapping[str, Any]]]


def _introduction(text: str) -> str:
    return "".join(f"<p>{_marked(paragraph)}</p>" for paragraph in text.split("\n\n"))


def _contents(tag: Mapping[str, str], operations: Operations) -> str:
    items = "".join(
        f'<li><a href="#{operation["operationId"]}"><b>{method.upper()}</b> {escape(path)}</a></li>'
        for method, path, operation in operations
        if tag["name"] in operation["tags"]
    )
    return f"<h2>{escape(tag['name'])}</h2><ul>{items}</ul>"


def _section(tag: Mapping[str, str], operations: Operations) -> str:
    cards = "".join(_operation(*row) for row in operations if tag["name"] in row[2]["tags"])
    return f"<h2>{escape(tag['description'])}</h2>{cards}"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    heading = f'<span class="{method}">{method.upper()}</span> <code>{escape(path)}</code>'
    parts = [
        f'<section id="{operation["operationId"]}"><h3>{heading}</h3>',
        f"<p>{_marked(operation['summary'])}</p>",
    ]
    if description := operation.get("description"):
        parts.append(f"<p>{_marked(description)}</p>")
    parts.append(f'<p class="who">{_who(operation["security"], operation["tags"])}</p>')
    if parameters := operation.get("parameters"):
        parts.append(_parameters(parameters))
    if body := operation.get("requestBody"):
        parts.append(_content("Body", body["content"]))
    problems: list[tuple[str, str, Mapping[str, Any]]] = []
    for status, response in operation["responses"].items():
        if _PROBLEM in response.get("content", {}):
            examples = response["content"][_PROBLEM]["examples"]
            problems += [(status, code, example["value"]) for code, example in examples.items()]
        else:
            parts.append(_response(status, response))
    return "".join([*parts, _problems(problems), "</section>"])


def _who(security: list[Mapping[str, Any]], tags: list[str]) -> str:
    if not security:
        return "Anybody may ask."
    if "signature" in security[0]:
        return "Needs a signature in X-Signature."
    whose = "an operator's session" if "operator" in tags else "a session"
    return f"Needs {whose}" + (" and, with its cookie, X-CSRF-Token." if "csrf" in security[0] else ".")


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> str:
    rows = (
        (
            f"<code>{escape(one['name'])}</code>",
            one["in"] + (", required" if one.get("required") else ""),
            _type(one["schema"]),
            _marked(one.get("description", "")),
        )
        for one in parameters
    )
    return _table(("Parameter", "In", "Type", "Meaning"), rows)


def _response(status: str, response: Mapping[str, Any]) -> str:
    headers = "".join(
        f"<p>Header <code>{escape(name)}</code>: {_marked(header['description'])}</p>"
        for name, header in response.get("headers", {}).items()
    )
    text = f"<h4>{status} {_marked(response['description'])}</h4>{headers}"
    return text + (_content("", response["content"]) if "content" in response else "")


def _content(title: str, content: Mapping[str, Any]) -> str:
    kind, described = next(iter(content.items()))
    schema = described.get("itemSchema", described["schema"])
    heading = f"<h4>{title}</h4>" if title else ""
    text = f'{heading}<p class="type">{escape(kind)}: {_type(schema)}</p>'
    if "example" not in described:
        return text
    example = json.dumps(described["example"], ensure_ascii=False, indent=2)
    return f"{text}<details><summary>Example</summary><pre>{escape(example)}</pre></details>"


def _problems(problems: Iterable[tuple[str, str, Mapping[str, Any]]]) -> str:
    rows = (
        (status, f'<a href="/problems/{code}"><code>{code}</code></a>', escape(str(value["detail"])))
        for status, code, value in problems
    )
    return f"<details><summary>Problems</summary>{_table(('Status', 'Code', 'Text'), rows)}</details>"


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = (
        (
            f"<code>{escape(field)}</code>",
            _type(described) + ("" if field in required else ", optional"),
            _marked(described.get("description", "")),
        )
        for field, described in schema.get("properties", {}).items()
    )
    meaning = _marked(schema.get("description", "").split("\n\n")[0])
    table = _table(("Field", "Type", "Meaning"), rows)
    return f'<section id="schema-{name}"><h3><code>{name}</code></h3><p>{meaning}</p>{table}</section>'


def _type(schema: Mapping[str, Any]) -> str:
    """Say in words what a value looks like."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " | ".join(f"<code>{escape(str(one))}</code>" for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("format", schema.get("type", "any"))))


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _marked(text: str) -> str:
    """Escape a text and keep its two marks: `code` and **strong**."""
    for mark, tag in (("`", "code"), ("**", "strong")):
        parts = text.split(mark) if tag == "strong" else escape(text).split(mark)
        text = "".join(f"<{tag}>{part}</{tag}>" if place % 2 else part for place, part in enumerate(parts))
    return text
