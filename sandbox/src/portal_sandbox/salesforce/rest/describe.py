"""Describe results (reference/salesforce.md 2.4)."""

from typing import Any

from portal_sandbox.salesforce.fields import NUMBER_TYPES, Field, ObjectType
from portal_sandbox.salesforce.schema import Schema

MAX_BATCH = 200
NUMBER_PRECISION = 18


def describe_global(schema: Schema, version: str) -> dict[str, Any]:
    """GET /sobjects."""
    return {
        "encoding": "UTF-8",
        "maxBatchSize": MAX_BATCH,
        "sobjects": [summary(item, version) for item in schema.objects.values() if not item.tooling],
    }


def summary(item: ObjectType, version: str) -> dict[str, Any]:
    """What the object list says about one object."""
    base = f"/services/data/v{version}/sobjects/{item.name}"
    writable = any(field.createable for field in item.fields)
    return {
        "name": item.name,
        "label": item.name.removesuffix("__e"),
        "keyPrefix": item.prefix,
        "custom": item.name.endswith(("__c", "__e")),
        "createable": writable and item.createable,
        "updateable": writable and item.updateable and not item.platform_event,
        "deletable": item.deletable,
        "queryable": item.queryable,
        "retrieveable": item.queryable,
        "triggerable": True,
        "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
    }


def describe(item: ObjectType, version: str) -> dict[str, Any]:
    """GET /sobjects/{T}/describe."""
    return {
        **summary(item, version),
        "fields": [_field(item, field) for field in item.fields],
        "childRelationships": [
            {"childSObject": child, "field": field, "relationshipName": name, "cascadeDelete": False}
            for name, (child, field) in item.child_relationships.items()
        ],
        "recordTypeInfos": [
            {"available": True, "defaultRecordTypeMapping": item.record_type, "master": True, "name": "Master"},
        ],
    }


def _field(item: ObjectType, field: Field) -> dict[str, Any]:
    numeric = field.type in NUMBER_TYPES
    has_default = field.default is not None or field.type == "boolean"
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "length": 0 if numeric else field.length,
        "nillable": not field.required and field.type not in {"boolean", "id"},
        "createable": field.createable and item.createable,
        "updateable": field.updateable and item.updateable,
        "defaultedOnCreate": has_default,
        "defaultValue": field.default,
        "calculated": field.calculated,
        "autoNumber": field.auto_number,
        "externalId": field.external_id,
        "idLookup": field.type == "id" or field.external_id or field.auto_number,
        "unique": field.unique,
        "caseSensitive": False,
        "custom": field.custom,
        "filterable": field.filterable,
        "sortable": field.filterable,
        "referenceTo": list(field.refer_to),
        "relationshipName": field.relationship,
        "picklistValues": [
            {"value": value, "label": value, "active": True, "defaultValue": value == field.default}
            for value in field.picklist
        ],
        "restrictedPicklist": field.restricted,
        "precision": NUMBER_PRECISION if numeric and field.type != "int" else 0,
        "scale": field.scale,
        "digits": 9 if field.type == "int" else 0,
    }
