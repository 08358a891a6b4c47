"""Schemas and events as Salesforce would send them, written by an encoder of our own."""

import io
import json

import fastavro

from portal_changefeed.decoding import parse_schema
from portal_salesforce.ids import long_id

TEXTS = {"type": "array", "items": "string"}
CHANGES = ["CREATE", "UPDATE", "DELETE", "UNDELETE"]
KINDS = [*CHANGES, *(f"GAP_{kind}" for kind in CHANGES), "GAP_OVERFLOW"]
HEADER = {
    "type": "record",
    "name": "ChangeEventHeader",
    "fields": [
        {"name": "entityName", "type": "string"},
        {"name": "recordIds", "type": TEXTS},
        {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": [*KINDS, "SNAPSHOT"]}},
        {"name": "changeOrigin", "type": "string"},
        {"name": "transactionKey", "type": "string"},
        {"name": "sequenceNumber", "type": "int"},
        {"name": "commitTimestamp", "type": "long"},
        {"name": "commitNumber", "type": "long"},
        {"name": "commitUser", "type": "string"},
        {"name": "nulledFields", "type": TEXTS},
        {"name": "diffFields", "type": TEXTS},
        {"name": "changedFields", "type": TEXTS},
    ],
}
ORDER_ID = long_id("801Sd0000000001")
NOON_MS = 1795168800000


def optional(name, kind="string"):
    return {"name": name, "type": ["null", kind], "default": None}


def record(name, fields):
    return {"type": "record", "name": name, "namespace": "com.sforce.eventbus", "fields": fields}


def change_schema(entity="Order"):
    header = {"name": "ChangeEventHeader", "type": HEADER}
    return parse_schema(
        json.dumps(record(f"{entity}ChangeEvent", [header, optional("Status"), optional("Description")]))
    )


def provision_schema():
    fields = [{"name": "CreatedDate", "type": "long"}, {"name": "CreatedById", "type": "string"}]
    fields += [optional(name) for name in ("OrderId__c", "IdemKey__c", "CorrelationId__c", "RequestedBy__c")]
    return parse_schema(json.dumps(record("OrderProvisionRequested__e", [*fields, optional("Version__c", "double")])))


def encode(schema, body):
    target = io.BytesIO()
    fastavro.schemaless_writer(target, schema.parsed, body)
    return target.getvalue()


def change(entity="Order", **header):
    whole = {
        "entityName": entity,
        "recordIds": [ORDER_ID],
        "changeType": "UPDATE",
        "changeOrigin": "",
        "transactionKey": "key",
        "sequenceNumber": 1,
        "commitTimestamp": NOON_MS,
        "commitNumber": 12_000_000_000_000,
        "commitUser": "005Sd0000000002IAA",
        "nulledFields": [],
        "diffFields": [],
        "changedFields": ["0x02"],
        **header,
    }
    return {"ChangeEventHeader": whole}


def provision(**fields):
    return {"CreatedDate": NOON_MS, "CreatedById": "005000000000001AAA", "OrderId__c": ORDER_ID, **fields}
