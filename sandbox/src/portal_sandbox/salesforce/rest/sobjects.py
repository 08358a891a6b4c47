"""Single-record resources below /sobjects."""

from typing import Any

from portal_sandbox.salesforce import ids, record_store
from portal_sandbox.salesforce.errors import SalesforceError, bad_request, not_found
from portal_sandbox.salesforce.fields import ObjectType
from portal_sandbox.salesforce.presentation import attributes, whole_record
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.rest.calls import Call, Reply
from portal_sandbox.salesforce.rest.describe import describe, describe_global, summary
from portal_sandbox.salesforce.soql.engine import Engine
from portal_sandbox.salesforce.soql.syntax import Path, Query
from portal_sandbox.salesforce.transaction import Transaction
from portal_sandbox.salesforce.wire_times import parse_moment, to_wire

BY_FIELD_LENGTH = 4


def sobjects(transaction: Transaction, call: Call) -> Reply:
    """Everything below /sobjects, by the number of path segments."""
    segments = call.segments
    if len(segments) == 1:
        _only(call, "GET")
        return Reply(200, describe_global(transaction.seen, call.version))
    item = transaction.seen.on_path(segments[1])
    if len(segments) == 2:  # noqa: PLR2004 - sobjects/{type}
        return _collection(transaction, call, item)
    if len(segments) == 3:  # noqa: PLR2004 - sobjects/{type}/{id or resource}
        return _resource(transaction, call, item, segments[2])
    if len(segments) == BY_FIELD_LENGTH:
        return _by_field(transaction, call, item, segments[2], segments[3])
    raise not_found()


def created(item: ObjectType, record: Record, version: str) -> Reply:
    """The 201 of an insert; a platform event answers with its identity among the errors."""
    if item.platform_event:
        queued = {"statusCode": "OPERATION_ENQUEUED", "message": record["EventUuid"], "fields": []}
        return Reply(201, {"id": ids.to_long("e01xx0000000001"), "success": True, "errors": [queued]})
    location = f"/services/data/v{version}/sobjects/{item.name}/{record['Id']}"
    return Reply(201, {"id": record["Id"], "success": True, "errors": []}, {"Location": location})


def _collection(transaction: Transaction, call: Call, item: ObjectType) -> Reply:
    if call.method == "POST":
        return created(item, transaction.create(item, call.values()), call.version)
    if call.method not in {"GET", "HEAD"}:
        raise call.not_allowed("GET", "HEAD", "POST")
    recent = list(record_store.scan(transaction.db, item.name))[-5:]
    shown = [{"attributes": attributes(item, row["Id"], call.version), "Id": row["Id"]} for row in recent]
    return Reply(200, {"objectDescribe": summary(item, call.version), "recentItems": shown})


def _resource(transaction: Transaction, call: Call, item: ObjectType, name: str) -> Reply:
    if name == "describe":
        _only(call, "GET")
        return Reply(200, describe(item, call.version))
    if name in {"updated", "deleted"}:
        _only(call, "GET")
        return Reply(200, _replication(transaction, call, item, name))
    if call.method == "GET":
        return Reply(200, _read(transaction, call, item, transaction.require(item, name)))
    if call.method == "PATCH":
        transaction.update(item, name, call.values())
        return Reply(204)
    if call.method == "DELETE":
        transaction.delete(item, name)
        return Reply(204)
    raise call.not_allowed("DELETE", "GET", "HEAD", "PATCH")


def _by_field(transaction: Transaction, call: Call, item: ObjectType, name: str, value: str) -> Reply:
    field = item.find(name)
    if field is None and call.method == "GET" and ids.normalize(name):
        return _blob(transaction, item, name, value)
    if field is None or not (field.external_id or field.type == "id"):
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    if call.method == "PATCH":
        record, is_new = transaction.upsert(item, name, value, call.values())
        if field.type == "id":
            return Reply(204)
        reply = created(item, record, call.version)
        body = {**reply.body, "created": is_new}
        return Reply(201, body, reply.headers) if is_new else Reply(200, body)
    holder = value if field.type == "id" else record_store.find_unique(transaction.db, item.name, field.name, value)
    if holder is None:
        raise not_found()
    if call.method == "GET":
        return Reply(200, _read(transaction, call, item, transaction.require(item, holder)))
    if call.method == "DELETE":
        transaction.delete(item, holder)
        return Reply(204)
    raise call.not_allowed("DELETE", "GET", "HEAD", "PATCH")


def _read(transaction: Transaction, call: Call, item: ObjectType, record: Record) -> dict[str, Any]:
    if "fields" not in call.params:
        return whole_record(item, record, call.version)
    names = [name.strip() for name in call.params["fields"].split(",") if name.strip()]
    query = Query(item.name, tuple(Path(tuple(name.split(".")), 1) for name in names))
    engine = Engine(transaction, call.params["fields"], call.version)
    engine.check(query)
    return {**engine.project(query, record), "Id": record["Id"]}


def _blob(transaction: Transaction, item: ObjectType, record_id: str, name: str) -> Reply:
    field = item.find(name)
    if field is None or field.type != "base64":
        raise not_found()
    record = transaction.require(item, record_id)
    content = record_store.load_blob(transaction.db, record["Id"])
    if content is None:
        raise not_found()
    return Reply(200, content, {"Content-Type": "application/octetstream"})


def _replication(transaction: Transaction, call: Call, item: ObjectType, name: str) -> dict[str, Any]:
    start, end = (parse_moment(call.params.get(side, "").replace(" ", "+")) for side in ("start", "end"))
    if start is None or end is None or start >= end:
        raise bad_request("INVALID_REPLICATION_DATE", "startDate and endDate have to be given, in order")
    span = (to_wire(start), to_wire(end))
    rows = record_store.scan(transaction.db, item.name, deleted=True)
    touched = [
        row
        for row in rows
        if span[0] <= row["SystemModstamp"] < span[1] and bool(row["IsDeleted"]) is (name == "deleted")
    ]
    if name == "updated":
        return {"ids": [row["Id"] for row in touched], "latestDateCovered": span[1]}
    records = [{"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in touched]
    return {"deletedRecords": records, "earliestDateAvailable": span[0], "latestDateCovered": span[1]}


def _only(call: Call, *methods: str) -> None:
    if call.method not in {*methods, "HEAD"}:
        raise call.not_allowed(*methods)


def refused(error: SalesforceError) -> Reply:
    """A refusal as a reply."""
    return Reply(error.status, error.body())
