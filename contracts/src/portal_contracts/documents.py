"""The contracts as documents: JSON Schemas, samples, AsyncAPI with replies, and the picture in the README."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from portal_contracts.examples import example_of
from portal_contracts.message import Command, Event, Message, Request, reply_type
from portal_contracts.problems import CATALOGUE, ProblemReply
from portal_contracts.runbook_pages import FACTS, facts_of, index_of_problems, page_of, roles_of_operators
from portal_contracts.topology import SERVICES, Requests, ServiceTopology
from portal_contracts.topology_operators import answered_by_the_chassis

BEGIN: Final = "<!-- generated: {name} -->"
_OPERATED: Final = "`<service>.dead_letter.{list,show,replay,discard}.v1` and `<service>.operator_action.list.v1`"
END: Final = "<!-- end of generated: {name} -->"


def bus_messages() -> dict[str, type[Message]]:
    """Give every message class on the bus by its subject."""
    requests = {request.subject: request for service in SERVICES.values() for request in service.serves}
    events = {event.subject: event for service in SERVICES.values() for event in service.records}
    return dict(sorted({**requests, **events}.items()))


def schemas() -> dict[str, dict[str, Any]]:
    """Give the JSON Schema of every message and its reply by subject."""
    return {subject: _schemas_of(message) for subject, message in bus_messages().items()}


def _schemas_of(message: type[Message]) -> dict[str, Any]:
    found = {"message": message.model_json_schema(mode="validation")}
    if issubclass(message, Request):
        found["reply"] = reply_type(message).model_json_schema(mode="serialization")
    return found


def sample_of(message: type[Message]) -> dict[str, Any]:
    """Make the first sample of a message and, for a request, of its reply."""
    sample: dict[str, Any] = {"message": example_of(message)}
    if issubclass(message, Request):
        sample["reply"] = example_of(reply_type(message))
    return sample


def asyncapi() -> dict[str, Any]:
    """Build the AsyncAPI 3 document: a channel per subject, an operation per service and message, replies included."""
    channels: dict[str, Any] = {}
    payloads: dict[str, Any] = {"ProblemReply": {"payload": ProblemReply.model_json_schema(mode="serialization")}}
    for subject, message in bus_messages().items():
        payloads[message.__name__] = {"summary": _summary(message), "payload": message.model_json_schema()}
        channels[message.__name__] = {
            "address": subject,
            "messages": {message.__name__: {"$ref": f"#/components/messages/{message.__name__}"}},
        }
        if issubclass(message, Request):
            reply = reply_type(message)
            payloads[reply.__name__] = {
                "summary": _summary(reply),
                "payload": reply.model_json_schema(mode="serialization"),
            }
            channels[f"{message.__name__}Reply"] = {
                "address": None,
                "messages": {
                    reply.__name__: {"$ref": f"#/components/messages/{reply.__name__}"},
                    "ProblemReply": {"$ref": "#/components/messages/ProblemReply"},
                },
            }
    operations = {name: operation for service in SERVICES.values() for name, operation in _operations(service)}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Customer portal bus", "version": "1", "description": "Generated from portal_contracts."},
        "servers": {"nats": {"host": "localhost:4222", "protocol": "nats"}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": payloads},
    }


def _summary(message: type[Message]) -> str:
    return (message.__doc__ or "").strip().splitlines()[0]


def _operations(service: ServiceTopology) -> Iterator[tuple[str, dict[str, Any]]]:
    for action, words, messages in (
        ("receive", "answers", service.serves),
        ("send", "asks", _own(service.asks)),
        ("send", "records", service.records),
        ("receive", "consumes", service.consumes),
        ("receive", "watches", service.watches),
    ):
        for message in messages:
            operation: dict[str, Any] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{message.__name__}"},
                "tags": [{"name": service.name}],
            }
            if issubclass(message, Request):
                operation["reply"] = {"channel": {"$ref": f"#/channels/{message.__name__}Reply"}}
            yield f"{service.name}.{words}.{message.__name__}", operation


def picture() -> str:
    """Draw the services as a Mermaid graph: solid lines ask, dotted lines carry events."""
    lines = ["```mermaid", "flowchart LR", "  browser([Web frontend]) --> gateway"]
    vendors = {
        "salesforce": ("identity", "catalog", "orders", "support"),
        "whmcs": ("billing",),
        "freebit": ("fulfillment",),
        "sendgrid": ("notifications",),
    }
    names = {"salesforce": "Salesforce", "whmcs": "WHMCS", "freebit": "Freebit", "sendgrid": "SendGrid"}
    lines += [f"  {vendor}[({names[vendor]})]" for vendor in vendors]
    for service in SERVICES.values():
        asked = sorted({request.subject.split(".")[0] for request in _own(service.asks)} - {service.name})
        lines += [f"  {service.name} --> {other}" for other in asked]
        heard = sorted({event.subject.split(".")[0] for event in service.consumes} - {service.name})
        lines += [f"  {other} -.-> {service.name}" for other in heard]
    lines += [f"  {service} --- {vendor}" for vendor, services in vendors.items() for service in services]
    lines += ["  salesforce ---|Pub/Sub| changefeed", "```"]
    return "\n".join(lines)


def subject_list(service: ServiceTopology) -> str:
    """List a service's place on the bus for its README."""
    lines: list[str] = []
    for title, messages in (
        ("Answers", service.serves),
        ("Asks", _own(service.asks)),
        ("Records", service.records),
        ("Consumes", service.consumes),
        ("Watches", service.watches),
    ):
        if messages:
            lines += ["", f"**{title}**", ""]
            lines += [f"- `{message.subject}`{_note(message)}: {_summary(message)}" for message in messages]
    if len(_own(service.asks)) < len(service.asks):
        lines += [f"- {_OPERATED}"]
    if service.database:
        lines += ["", f"Also answered, as by every service with a database: {_OPERATED}."]
    return "\n".join(lines).strip()


def _own(requests: Requests) -> Requests:
    """Leave out what the chassis answers everywhere."""
    generated = set(answered_by_the_chassis())
    return tuple(request for request in requests if request not in generated)


def _note(message: type[Message]) -> str:
    if issubclass(message, Event):
        return ""
    kind = "command" if issubclass(message, Command) else "query"
    audience = message.audience if issubclass(message, Request) else ""
    return f" ({audience} {kind})"


def problem_pages(folder: Path) -> Mapping[Path, str]:
    """Give the runbook's index of problem codes and a page for each; what people wrote there stays as it is."""
    entries = sorted(CATALOGUE.values(), key=lambda entry: entry.code)
    files = {folder / "problems.md": index_of_problems(entries)}
    begin, end = BEGIN.format(name=FACTS), END.format(name=FACTS)
    for entry in entries:
        path = folder / "problems" / f"{entry.code.lower()}.md"
        files[path] = replaced(page_of(path, entry, begin, end), FACTS, facts_of(entry))
    return files


def replaced(text: str, name: str, content: str) -> str:
    """Put generated content between its two marks; a text without marks stays as it is."""
    begin, end = BEGIN.format(name=name), END.format(name=name)
    if begin not in text or end not in text:
        return text
    before, rest = text.split(begin, 1)
    _, after = rest.split(end, 1)
    return f"{before}{begin}\n{content}\n{end}{after}"


def documents(root: Path) -> Mapping[Path, str]:
    """Give every generated file of the repository with the content it must have."""
    files: dict[Path, str] = {}
    for subject, schema in schemas().items():
        files[root / "contracts" / "schemas" / f"{subject}.json"] = _json(schema)
    for subject, message in bus_messages().items():
        path = root / "contracts" / "samples" / f"{subject}.json"
        files[path] = path.read_text() if path.exists() else _json([sample_of(message)])
    files[root / "docs" / "asyncapi.json"] = _json(asyncapi())
    files.update(problem_pages(root / "docs" / "runbook"))
    access = root / "docs" / "runbook" / "access.md"
    if access.exists():
        files[access] = replaced(access.read_text(), "roles", roles_of_operators())
    readme = root / "README.md"
    if readme.exists():
        files[readme] = replaced(readme.read_text(), "picture", picture())
    for service in SERVICES.values():
        page = root / "services" / service.name / "README.md"
        if page.exists():
            files[page] = replaced(page.read_text(), "subjects", subject_list(service))
    return files


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
