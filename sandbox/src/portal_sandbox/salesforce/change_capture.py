"""Change Data Capture: one event per record and transaction, with bitmaps (reference/salesforce.md 4.11)."""

import difflib
import hashlib
import io
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import fastavro

from portal_sandbox.salesforce.avro_schemas import avro_kind, change_event_schema, change_fields
from portal_sandbox.salesforce.fields import ADDRESS_PARTS, Field, ObjectType
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.schema import Schema
from portal_sandbox.salesforce.transaction import Caller, Change
from portal_sandbox.salesforce.wire_times import epoch_milliseconds

DIFF_THRESHOLD = 1000
AUDIT_FIELDS = frozenset({"LastModifiedDate", "LastModifiedById", "SystemModstamp"})


@dataclass(frozen=True, slots=True)
class Commit:
    """What all change events of one transaction share. `timestamp` is in whole seconds as epoch milliseconds."""

    caller: Caller
    timestamp: int
    number: int
    gap: str = "off"
    merge: bool = False


@dataclass(frozen=True, slots=True)
class CapturedEvent:
    """An encoded change event ready for the bus."""

    entity: str
    schema_id: str
    schema_json: str
    payload: bytes


def bitmap(positions: Iterable[int]) -> str:
    """`0x…`: bit n stands for field n, big-endian, whole bytes, upper case."""
    bits = 0
    for position in positions:
        bits |= 1 << position
    length = max(1, (bits.bit_length() + 7) // 8)
    return f"0x{bits:0{length * 2}X}"


def capture(changes: Sequence[Change], schema: Schema, selected: Sequence[str], commit: Commit) -> list[CapturedEvent]:
    """Encodes the events of one transaction in the order the records were first touched."""
    transaction_key = str(uuid.uuid4())
    groups: list[tuple[ObjectType, list[str], str, dict[str, Any]]] = []
    for change in changes:
        if change.entity not in selected or not _worth_an_event(change):
            continue
        item = schema.objects[change.entity]
        kind = change.kind if commit.gap == "off" else commit.gap
        body = _body(item, change) if commit.gap == "off" else _empty_body(item)
        twin = next(
            (group for group in groups if commit.merge and group[0] is item and group[2:] == (kind, body)), None
        )
        if twin is not None:
            twin[1].append(change.record_id)
        else:
            groups.append((item, [change.record_id], kind, body))
    events = []
    for sequence, (item, record_ids, kind, body) in enumerate(groups, start=1):
        header = {
            "entityName": item.name,
            "recordIds": record_ids,
            "changeType": kind,
            "changeOrigin": commit.caller.origin,
            "transactionKey": transaction_key,
            "sequenceNumber": sequence,
            "commitTimestamp": commit.timestamp,
            "commitNumber": commit.number,
            "commitUser": commit.caller.user_id,
            **body.pop("bitmaps"),
        }
        events.append(_encode(item, {"ChangeEventHeader": header, **body}))
    return events


@lru_cache(maxsize=64)
def parsed(schema_json: str) -> Any:
    """The parsed form, once per schema."""
    return fastavro.parse_schema(json.loads(schema_json))


def encode_record(schema_json: str, record: dict[str, Any]) -> bytes:
    """Raw Avro binary without a container or prefix."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, parsed(schema_json), record)
    return buffer.getvalue()


def avro_value(field: Field, value: Any) -> Any:
    """A stored value as its Avro primitive."""
    if value is None:
        return None
    return epoch_milliseconds(value) if avro_kind(field) == "long" else value


def _encode(item: ObjectType, record: dict[str, Any]) -> CapturedEvent:
    schema_id, schema_json = change_event_schema(item)
    return CapturedEvent(item.name, schema_id, schema_json, encode_record(schema_json, record))


def _worth_an_event(change: Change) -> bool:
    if change.kind != "UPDATE":
        return True
    before, after = change.before or {}, change.after or {}
    return any(before.get(name) != value for name, value in after.items() if name not in AUDIT_FIELDS)


def _empty_body(item: ObjectType) -> dict[str, Any]:
    bitmaps: dict[str, list[str]] = {"nulledFields": [], "diffFields": [], "changedFields": []}
    return {"bitmaps": bitmaps, **dict.fromkeys(field.name for field in change_fields(item))}


def _body(item: ObjectType, change: Change) -> dict[str, Any]:
    body = _empty_body(item)
    if change.kind == "DELETE":
        return body
    before, after = change.before or {}, change.after or {}
    changed: list[int] = []
    nulled: list[int] = []
    diffed: list[int] = []
    nested: dict[str, list[str]] = {"changedFields": [], "nulledFields": []}
    for position, field in enumerate(change_fields(item), start=1):
        if field.type == "address":
            body[field.name] = _address(field, position, change, nested)
            continue
        old, new = before.get(field.name), after.get(field.name)
        if change.kind == "CREATE":
            body[field.name] = avro_value(field, new)
        elif old != new or field.name == "LastModifiedDate":
            changed.append(position)
            body[field.name] = avro_value(field, new)
            if new is None:
                nulled.append(position)
            elif field.is_long_text and old is not None and len(new) > DIFF_THRESHOLD:
                diffed.append(position)
                body[field.name] = _difference(old, new)
    if change.kind == "UPDATE":
        body["bitmaps"] = {
            "nulledFields": ([bitmap(nulled)] if nulled else []) + nested["nulledFields"],
            "diffFields": [bitmap(diffed)] if diffed else [],
            "changedFields": ([bitmap(changed)] if changed else []) + nested["changedFields"],
        }
    return body


def _address(field: Field, position: int, change: Change, nested: dict[str, list[str]]) -> dict[str, Any] | None:
    """The compound's changed parts; the bitmaps of its children go to `nested`."""
    prefix = field.name.removesuffix("Address")
    before, after = change.before or {}, change.after or {}
    pairs = [(before.get(prefix + part), after.get(prefix + part)) for part in ADDRESS_PARTS]
    if change.kind == "CREATE":
        parts = dict(zip(ADDRESS_PARTS, (new for _, new in pairs), strict=True))
        return parts if any(parts.values()) else None
    changed = [child for child, (old, new) in enumerate(pairs) if old != new]
    if not changed:
        return None
    nested["changedFields"].append(f"{position}-{bitmap(changed)}")
    emptied = [child for child in changed if pairs[child][1] is None]
    if emptied:
        nested["nulledFields"].append(f"{position}-{bitmap(emptied)}")
    return {ADDRESS_PARTS[child]: pairs[child][1] for child in changed}


def _difference(old: str, new: str) -> str:
    """A large text travels as a unified diff; `+++` carries a hash of the new text."""
    digest = hashlib.sha256(new.encode()).hexdigest()
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "", digest, lineterm="")
    return "\n".join(lines)


def record_values(item: ObjectType, record: Record) -> dict[str, Any]:
    """A platform event's stored fields as Avro values."""
    return {field.name: avro_value(field, record.get(field.name)) for field in item.fields}
