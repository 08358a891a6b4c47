"""Runs a parsed query against the records of one transaction."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from portal_sandbox.salesforce import record_store
from portal_sandbox.salesforce.errors import bad_request
from portal_sandbox.salesforce.fields import Field, ObjectType
from portal_sandbox.salesforce.presentation import attributes, field_value
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.soql.filters import ID_TYPES, Test, operand_ids, value_test
from portal_sandbox.salesforce.soql.syntax import (
    AllOf,
    Comparison,
    Condition,
    Negation,
    Ordering,
    Path,
    Query,
    located,
)
from portal_sandbox.salesforce.transaction import Transaction

MAX_OFFSET = 2000


@dataclass(frozen=True, slots=True)
class Resolved:
    """A path with its steps: lookups to parents, then the field on the last object."""

    lookups: tuple[Field, ...]
    owner: ObjectType
    field: Field


class Engine:
    """One query's evaluation. Parents are read once."""

    def __init__(
        self, transaction: Transaction, text: str, version: str, *, deleted: bool = False, tooling: bool = False
    ) -> None:
        self._transaction = transaction
        self._text = text
        self._version = version
        self._deleted = deleted
        self._tooling = tooling
        self._parents: dict[str, Record | None] = {}

    def matching(self, query: Query) -> list[Record]:
        """The records a query selects, in its order."""
        item = self.check(query)
        if item.name == "ContentDocumentLink" and not self._narrows_links(query.where):
            raise bad_request(
                "MALFORMED_QUERY",
                "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId "
                "or LinkedEntityId using the equals operator or multiple Id's using the IN operator.",
            )
        if query.offset > MAX_OFFSET:
            raise bad_request("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        test = self._condition(item, query.where) if query.where is not None else None
        rows = [row for row in self._candidates(item, query.where) if test is None or test(row)]
        self._sort(item, rows, query.order)
        end = None if query.limit is None else query.offset + query.limit
        return rows[query.offset : end]

    def check(self, query: Query) -> ObjectType:
        """Refuses fields that do not exist; answers the object queried."""
        item = self._transaction.seen.in_query(query.entity, tooling=self._tooling)
        for field in query.fields:
            self._check(item, field)
        return item

    def project(self, query: Query, record: Record) -> dict[str, Any]:
        """One record with the selected fields, parents nested, children as sub-results."""
        item = self._transaction.seen.in_query(query.entity, tooling=self._tooling)
        return self._project(item, query, record)

    def _project(self, item: ObjectType, query: Query, record: Record) -> dict[str, Any]:
        shown: dict[str, Any] = {"attributes": attributes(item, record["Id"], self._version)}
        for selected in query.fields:
            if isinstance(selected, Query):
                name, child_query = self._children(item, selected)
                shown[name] = self._child_rows(item, name, child_query, record)
            else:
                self._put(item, shown, self._resolve(item, selected), record)
        return shown

    def _put(self, item: ObjectType, shown: dict[str, Any], path: Resolved, record: Record) -> None:
        current: Record = record
        owner = item
        for step in path.lookups:
            parent_id = current.get(step.name)
            parent = self._parent(parent_id) if parent_id else None
            name = str(step.relationship)
            if parent is None:
                shown.setdefault(name, None)
                return
            owner = self._transaction.seen.by_prefix[str(parent_id)[:3]]
            shown = shown.setdefault(name, {"attributes": attributes(owner, parent["Id"], self._version)})
            current = parent
        field = owner.find(path.field.name) or path.field
        shown[field.name] = field_value(owner, field, current, self._version)

    def _child_rows(self, item: ObjectType, name: str, query: Query, record: Record) -> dict[str, Any] | None:
        child_name, child_field = item.child_relationships[name]
        child = self._transaction.seen.objects[child_name]
        test = self._condition(child, query.where) if query.where is not None else None
        rows = [
            row
            for row in record_store.scan_by(
                self._transaction.db, child_name, child_field, [record["Id"]], deleted=self._deleted
            )
            if test is None or test(row)
        ]
        self._sort(child, rows, query.order)
        rows = rows[: query.limit]
        if not rows:
            return None
        return {
            "totalSize": len(rows),
            "done": True,
            "records": [self._project(child, query, row) for row in rows],
        }

    def _children(self, item: ObjectType, query: Query) -> tuple[str, Query]:
        for name in item.child_relationships:
            if name.lower() == query.entity.lower():
                return name, query
        raise bad_request(
            "INVALID_TYPE",
            f"Didn't understand relationship '{query.entity}' in FROM part of query call. If you are attempting to use "
            "a custom relationship, be sure to append the '__r' after the custom relationship name.",
        )

    def _check(self, item: ObjectType, selected: Path | Query) -> None:
        if isinstance(selected, Path):
            self._resolve(item, selected)
            return
        name, query = self._children(item, selected)
        child = self._transaction.seen.objects[item.child_relationships[name][0]]
        for field in query.fields:
            self._check(child, field)
        if query.where is not None:
            self._condition(child, query.where)

    def _resolve(self, item: ObjectType, path: Path) -> Resolved:
        owner = item
        steps: list[Field] = []
        names = path.names[1:] if len(path.names) > 1 and path.names[0].lower() == item.name.lower() else path.names
        for name in names[:-1]:
            step = owner.by_relationship.get(name.lower())
            if step is None or not step.refer_to:
                raise located(
                    "INVALID_FIELD",
                    f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
                    "relationship, be sure to append the '__r' after the custom relationship name.",
                    self._text,
                    path.column,
                )
            steps.append(step)
            owner = self._transaction.seen.objects[step.refer_to[0]]
        field = owner.find(names[-1])
        if field is None or field.write_only:
            raise located(
                "INVALID_FIELD",
                f"No such column '{names[-1]}' on entity '{owner.name}'. If you are attempting to use a custom field, "
                "be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe "
                "call for the appropriate names.",
                self._text,
                path.column,
            )
        return Resolved(tuple(steps), owner, field)

    def _value(self, path: Resolved, record: Record) -> Any:
        current: Record | None = record
        for step in path.lookups:
            parent_id = current.get(step.name) if current else None
            current = self._parent(parent_id) if parent_id else None
        return None if current is None else current.get(path.field.name)

    def _parent(self, record_id: str) -> Record | None:
        if record_id not in self._parents:
            found = record_store.load(self._transaction.db, record_id)
            self._parents[record_id] = None if found is None else found[1]
        return self._parents[record_id]

    def _condition(self, item: ObjectType, condition: Condition) -> Test:
        if isinstance(condition, Comparison):
            path = self._resolve(item, condition.path)
            test = value_test(path.field, condition, self._transaction.now)
            return lambda record: test(self._value(path, record))
        if isinstance(condition, Negation):
            inner = self._condition(item, condition.term)
            return lambda record: not inner(record)
        tests = [self._condition(item, term) for term in condition.terms]
        if isinstance(condition, AllOf):
            return lambda record: all(test(record) for test in tests)
        return lambda record: any(test(record) for test in tests)

    def _candidates(self, item: ObjectType, where: Condition | None) -> Iterator[Record]:
        """Uses an index for `Id`, lookups and external ids that every match must satisfy; scans otherwise."""
        if item.set_up:
            return iter(self._transaction.set_up(item.name))
        db, deleted = self._transaction.db, self._deleted
        for term in _conjuncts(where):
            if not isinstance(term, Comparison) or term.operator not in ("=", "IN") or len(term.path.names) != 1:
                continue
            field = item.find(term.path.names[0])
            if field is None or any(value.kind != "string" or not value.text for value in term.values):
                continue
            if field.type in ID_TYPES:
                return record_store.scan_by(db, item.name, field.name, operand_ids(term.values), deleted=deleted)
            if field.type == "picklist":
                texts = [value.text for value in term.values]
                return record_store.scan_by(db, item.name, field.name, texts, deleted=deleted, any_case=True)
            if field.unique and not deleted:
                holders = [
                    record_store.find_unique(db, item.name, field.name, value.text)
                    for value in term.values
                    if value.text
                ]
                found = [holder for holder in holders if holder is not None]
                return record_store.scan_by(db, item.name, "Id", found)
        return record_store.scan(db, item.name, deleted=deleted)

    def _sort(self, item: ObjectType, rows: list[Record], order: tuple[Ordering, ...]) -> None:
        for ordering in reversed(order):
            path = self._resolve(item, ordering.path)
            if not path.field.filterable:
                raise bad_request("INVALID_FIELD", f"field '{path.field.name}' can not be sorted in a query call")
            rows.sort(key=cmp_to_key(self._comparison(path, ordering)))

    def _comparison(self, path: Resolved, ordering: Ordering) -> Any:
        sign = -1 if ordering.descending else 1
        null_place = 1 if ordering.nulls_last else -1

        def compare(first: Record, second: Record) -> int:
            left, right = self._value(path, first), self._value(path, second)
            if left is None or right is None:
                return null_place * ((left is None) - (right is None))
            if isinstance(left, str) and path.field.type not in ID_TYPES:
                left, right = left.casefold(), right.casefold()
            return sign * (int(left > right) - int(left < right))

        return compare

    def _narrows_links(self, where: Condition | None) -> bool:
        return any(
            isinstance(term, Comparison)
            and term.operator in ("=", "IN")
            and term.path.names[-1].lower() in {"contentdocumentid", "linkedentityid", "id"}
            for term in _conjuncts(where)
        )


def _conjuncts(where: Condition | None) -> tuple[Condition, ...]:
    if where is None:
        return ()
    return where.terms if isinstance(where, AllOf) else (where,)
