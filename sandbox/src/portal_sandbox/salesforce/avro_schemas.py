"""Avro schemas of change events and platform events (reference/salesforce.md 4.9, 4.11, 4.12)."""

import base64
import hashlib
import json
from functools import lru_cache
from typing import Any

from portal_sandbox.salesforce.fields import ADDRESS_PARTS, Field, ObjectType

NAMESPACE = "com.sforce.eventbus"
CHANGE_TYPES = (
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
)
_DOCS = {
    "boolean": "Data:Boolean",
    "currency": "Data:Currency",
    "date": "Data:DateOnly",
    "datetime": "Data:DateTime",
    "double": "Data:Double",
    "email": "Data:Email",
    "int": "Data:Integer",
    "phone": "Data:Phone",
    "picklist": "Data:DynamicEnum",
    "reference": "ForeignKey:EntityId",
    "string": "Data:Text",
    "textarea": "Data:Text",
    "url": "Data:Url",
}
_TYPES = {"boolean": "boolean", "currency": "double", "double": "double", "int": "int"}


def change_fields(item: ObjectType) -> tuple[Field, ...]:
    """The object's fields in a change event, in record order; index 0 of the record is the header."""
    return tuple(field for field in item.fields if field.in_change_events and not field.write_only)


@lru_cache(maxsize=64)
def change_event_schema(item: ObjectType) -> tuple[str, str]:
    """Schema id and schema JSON of the object's change event."""
    fields: list[dict[str, Any]] = [{"name": "ChangeEventHeader", "type": _header_schema()}]
    address_defined = False
    for field in change_fields(item):
        if field.type == "address":
            kind: Any = "Address" if address_defined else _address_schema()
            address_defined = True
            fields.append({"name": field.name, "type": ["null", kind], "doc": "Data:Address", "default": None})
        elif item.name == "Account" and field.name == "Name":
            kinds = ["null", "string", _person_name_schema()]
            fields.append({"name": "Name", "type": kinds, "doc": "Data:Switchable_PersonName", "default": None})
        else:
            fields.append(_optional(field))
    return _identified(f"{item.name}ChangeEvent", fields)


@lru_cache(maxsize=16)
def platform_event_schema(item: ObjectType) -> tuple[str, str]:
    """Schema id and schema JSON of a platform event."""
    fields: list[dict[str, Any]] = [
        {"name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime"},
        {"name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId"},
    ]
    fields += [_optional(field) for field in item.fields if field.custom]
    return _identified(item.name, fields)


def avro_kind(field: Field) -> str:
    """The Avro primitive of a field."""
    if field.type in {"date", "datetime"}:
        return "long"
    return _TYPES.get(field.type, "string")


def _optional(field: Field) -> dict[str, Any]:
    doc = "Data:StringPlusClob" if field.is_long_text else _DOCS[field.type]
    if field.name in {"CreatedDate", "LastModifiedDate"}:
        doc = f"{field.name}:DateTime"
    elif field.name in {"CreatedById", "LastModifiedById"}:
        doc = f"{field.name.removesuffix('Id')}:EntityId"
    elif field.custom:
        doc += ":00N" + hashlib.sha256(field.name.encode()).hexdigest()[:12]
    return {"name": field.name, "type": ["null", avro_kind(field)], "doc": doc, "default": None}


def _header_schema() -> dict[str, Any]:
    text_list = {"type": "array", "items": "string"}
    return {
        "type": "record",
        "name": "ChangeEventHeader",
        "fields": [
            {"name": "entityName", "type": "string"},
            {"name": "recordIds", "type": text_list},
            {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": list(CHANGE_TYPES)}},
            {"name": "changeOrigin", "type": "string"},
            {"name": "transactionKey", "type": "string"},
            {"name": "sequenceNumber", "type": "int"},
            {"name": "commitTimestamp", "type": "long"},
            {"name": "commitNumber", "type": "long"},
            {"name": "commitUser", "type": "string"},
            {"name": "nulledFields", "type": text_list},
            {"name": "diffFields", "type": text_list},
            {"name": "changedFields", "type": text_list},
        ],
    }


def _address_schema() -> dict[str, Any]:
    texts = (*ADDRESS_PARTS, "StateCode", "CountryCode")
    fields = [{"name": name, "type": ["null", "string"], "doc": "Data:Text", "default": None} for name in texts]
    fields += [
        {"name": name, "type": ["null", "double"], "doc": "Data:Double", "default": None}
        for name in ("Latitude", "Longitude")
    ]
    fields.append({"name": "GeocodeAccuracy", "type": ["null", "string"], "doc": "Data:StaticEnum", "default": None})
    return {"type": "record", "name": "Address", "fields": fields}


def _person_name_schema() -> dict[str, Any]:
    names = ("Salutation", "FirstName", "LastName")
    fields = [{"name": name, "type": ["null", "string"], "doc": "Data:Text", "default": None} for name in names]
    return {"type": "record", "name": "Switchable_PersonName", "fields": fields}


def _identified(name: str, fields: list[dict[str, Any]]) -> tuple[str, str]:
    body = {"type": "record", "name": name, "namespace": NAMESPACE, "fields": fields}
    digest = hashlib.md5(json.dumps(body).encode(), usedforsecurity=False).digest()
    schema_id = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return schema_id, json.dumps({**body, "uuid": schema_id})
