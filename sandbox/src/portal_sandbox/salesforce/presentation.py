"""Stored records as REST shows them."""

from typing import Any

from portal_sandbox.salesforce.fields import ADDRESS_PARTS, Field, ObjectType
from portal_sandbox.salesforce.record_store import Record


def attributes(item: ObjectType, record_id: str, version: str) -> dict[str, str]:
    """The `attributes` member every record carries."""
    return {"type": item.name, "url": f"/services/data/v{version}/sobjects/{item.name}/{record_id}"}


def field_value(item: ObjectType, field: Field, record: Record, version: str) -> Any:
    """One field as JSON; blobs are addresses, compound addresses objects."""
    if field.type == "base64":
        return f"/services/data/v{version}/sobjects/{item.name}/{record['Id']}/{field.name}"
    if field.type == "address":
        prefix = field.name.removesuffix("Address")
        parts = {part[0].lower() + part[1:]: record.get(prefix + part) for part in ADDRESS_PARTS}
        if not any(parts.values()):
            return None
        return {**parts, "geocodeAccuracy": None, "latitude": None, "longitude": None}
    value = record.get(field.name, field.default)
    return False if value is None and field.type == "boolean" else value


def whole_record(item: ObjectType, record: Record, version: str) -> dict[str, Any]:
    """Every readable field of a record."""
    shown: dict[str, Any] = {"attributes": attributes(item, record["Id"], version)}
    for field in item.fields:
        if not field.write_only:
            shown[field.name] = field_value(item, field, record, version)
    return shown
