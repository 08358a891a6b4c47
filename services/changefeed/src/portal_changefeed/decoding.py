"""Event payloads: raw Avro, read with the very schema they were written with (reference salesforce.md 4.9)."""

import io
import json
from dataclasses import dataclass
from typing import Any

import fastavro


class UndecodableError(Exception):
    """A payload that does not fit its schema. Salesforce checks nothing on publication, so this happens (4.8)."""


@dataclass(frozen=True, slots=True)
class EventSchema:
    """A schema as sent, which bitmaps count in, and as parsed, which payloads are read with."""

    record: dict[str, Any]
    parsed: Any

    @property
    def name(self) -> str:
        """The event's type, such as `OrderChangeEvent`."""
        return str(self.record["name"])


def parse_schema(text: str) -> EventSchema:
    """Read a schema's JSON; raises UndecodableError when it is no record schema."""
    try:
        record = json.loads(text)
        parsed = fastavro.parse_schema(json.loads(text))
    except Exception as error:
        raise UndecodableError("the schema cannot be parsed") from error
    if not isinstance(record, dict) or record.get("type") != "record":
        raise UndecodableError("the schema is not that of a record")
    return EventSchema(record, parsed)


def decode(schema: EventSchema, payload: bytes) -> dict[str, Any]:
    """Read a payload to its last byte; raises UndecodableError for everything that goes wrong on the way."""
    source = io.BytesIO(payload)
    try:
        body = fastavro.schemaless_reader(source, schema.parsed, None)
    except Exception as error:
        raise UndecodableError(f"the payload does not fit {schema.name}: {type(error).__name__}") from error
    if source.read(1) or not isinstance(body, dict):
        raise UndecodableError(f"the payload is longer than {schema.name}")
    return body
