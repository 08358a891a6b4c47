"""sObject collections and trees: many records in one call (reference/salesforce.md 2.5)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from portal_sandbox.salesforce import ids
from portal_sandbox.salesforce.errors import SalesforceError, bad_request, not_found
from portal_sandbox.salesforce.fields import ObjectType
from portal_sandbox.salesforce.rest.calls import Call, Reply
from portal_sandbox.salesforce.transaction import Transaction

MAX_RECORDS = 200
MAX_CHUNKS = 10
UPSERT_LENGTH = 4
Step = Callable[[], dict[str, Any]]


class _AllOrNoneError(SalesforceError):
    """Undoes a whole collection."""


def collections(transaction: Transaction, call: Call) -> Reply:
    """POST, PATCH, DELETE /composite/sobjects and PATCH /composite/sobjects/{T}/{field}."""
    if call.method == "DELETE":
        chosen = [value for value in call.params.get("ids", "").split(",") if value]
        return _run(
            [_deletion(transaction, value) for value in chosen], transaction, _flag(call.params.get("allOrNone"))
        )
    if call.method not in {"POST", "PATCH"}:
        raise call.not_allowed("DELETE", "PATCH", "POST")
    values = call.values()
    records = values.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise bad_request("JSON_PARSER_ERROR", "records: a list of objects was expected")
    _check_chunks(records)
    if call.method == "POST":
        steps = [_creation(transaction, record) for record in records]
    elif len(call.segments) == UPSERT_LENGTH:
        item = transaction.seen.on_path(call.segments[2])
        steps = [_upsert(transaction, item, call.segments[3], record) for record in records]
    elif len(call.segments) == 2:  # noqa: PLR2004 - composite/sobjects
        steps = [_update(transaction, record) for record in records]
    else:
        raise not_found()
    return _run(steps, transaction, _flag(values.get("allOrNone")))


def tree(transaction: Transaction, call: Call) -> Reply:
    """POST /composite/tree/{T}: nested creates, all or nothing."""
    if call.method != "POST" or len(call.segments) != 3:  # noqa: PLR2004 - composite/tree/{T}
        raise not_found()
    results: list[dict[str, str]] = []
    current = ""

    def plant(record: Mapping[str, Any], parent: tuple[str, str] | None) -> None:
        nonlocal current
        item = _type_of(transaction, record)
        current = str(record["attributes"].get("referenceId", ""))
        nested = {name: value for name, value in record.items() if isinstance(value, dict) and "records" in value}
        fields = {name: value for name, value in record.items() if name not in nested}
        if parent is not None:
            fields[parent[0]] = parent[1]
        saved = transaction.create(item, fields)
        results.append({"referenceId": current, "id": saved["Id"]})
        for name, children in nested.items():
            relationship = item.child_relationships.get(name)
            if relationship is None:
                raise bad_request("INVALID_FIELD", f"No such relation '{name}' on sobject of type {item.name}")
            for child in children["records"]:
                plant(child, (relationship[1], saved["Id"]))

    try:
        with transaction.attempt():
            for record in call.values().get("records", []):
                plant(record, None)
    except SalesforceError as error:
        culprit = {"referenceId": current, "errors": error.save_result()["errors"]}
        return Reply(400, {"hasErrors": True, "results": [culprit]})
    return Reply(201, {"hasErrors": False, "results": results})


def _run(steps: list[Step], transaction: Transaction, all_or_none: bool) -> Reply:  # noqa: FBT001 - the wire's own flag
    if len(steps) > MAX_RECORDS:
        raise bad_request("EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MAX_RECORDS} records")
    results: list[dict[str, Any]] = []
    try:
        with transaction.attempt():
            for step in steps:
                try:
                    with transaction.attempt():
                        results.append(step())
                except SalesforceError as error:
                    results.append(error.save_result())
            if all_or_none and not all(result["success"] for result in results):
                raise _AllOrNoneError(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", "")  # noqa: TRY301 - undoes the attempt
    except _AllOrNoneError as error:
        rolled_back = SalesforceError(
            400,
            error.code,
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        ).save_result()
        results = [rolled_back if result["success"] else result for result in results]
    return Reply(200, results)


def _creation(transaction: Transaction, record: Mapping[str, Any]) -> Step:
    def step() -> dict[str, Any]:
        saved = transaction.create(_type_of(transaction, record), record)
        return {"id": saved.get("Id"), "success": True, "errors": []}

    return step


def _update(transaction: Transaction, record: Mapping[str, Any]) -> Step:
    def step() -> dict[str, Any]:
        fields = {name: value for name, value in record.items() if name.lower() != "id"}
        record_id = next((value for name, value in record.items() if name.lower() == "id"), None)
        if not isinstance(record_id, str):
            raise bad_request("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
        saved = transaction.update(_type_of(transaction, record), record_id, fields)
        return {"id": saved["Id"], "success": True, "errors": []}

    return step


def _upsert(transaction: Transaction, item: ObjectType, field: str, record: Mapping[str, Any]) -> Step:
    def step() -> dict[str, Any]:
        fields = {name: value for name, value in record.items() if name.lower() != field.lower()}
        key = next((value for name, value in record.items() if name.lower() == field.lower()), None)
        if key is None:
            raise bad_request("MISSING_ARGUMENT", f"{field} not specified", [field])
        saved, is_new = transaction.upsert(item, field, str(key), fields)
        return {"id": saved["Id"], "success": True, "errors": [], "created": is_new}

    return step


def _deletion(transaction: Transaction, record_id: str) -> Step:
    def step() -> dict[str, Any]:
        long_id = ids.normalize(record_id)
        item = transaction.seen.by_prefix.get(record_id[:3])
        if long_id is None or item is None:
            raise bad_request("MALFORMED_ID", f"bad id {record_id}")
        transaction.delete(item, long_id)
        return {"id": long_id, "success": True, "errors": []}

    return step


def _type_of(transaction: Transaction, record: Mapping[str, Any]) -> ObjectType:
    described = record.get("attributes")
    name = described.get("type") if isinstance(described, dict) else None
    if not isinstance(name, str):
        raise bad_request("INVALID_INPUT", "attributes.type is required")
    return transaction.seen.in_query(name)


def _check_chunks(records: list[dict[str, Any]]) -> None:
    names = [str(record.get("attributes", {}).get("type", "")) for record in records]
    runs = sum(1 for position, name in enumerate(names) if position == 0 or names[position - 1] != name)
    if runs > MAX_CHUNKS:
        raise bad_request("LIMIT_EXCEEDED", f"Cannot have more than {MAX_CHUNKS} chunks in a single operation.")


def _flag(value: object) -> bool:
    return value is True or (isinstance(value, str) and re.fullmatch("true", value, re.IGNORECASE) is not None)
