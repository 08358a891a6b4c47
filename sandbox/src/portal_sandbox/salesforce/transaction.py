"""The save procedure: checks, rules before and after, Flow, and the list of changes that becomes events at commit."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from portal_sandbox.salesforce import ids, record_store
from portal_sandbox.salesforce.errors import (
    SalesforceError,
    bad_request,
    no_right,
    not_found,
    read_only,
    unknown_column,
)
from portal_sandbox.salesforce.fields import Field, ObjectType
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.schema import Schema
from portal_sandbox.salesforce.values import coerce
from portal_sandbox.salesforce.wire_times import to_wire

ChangeKind = Literal["CREATE", "UPDATE", "DELETE"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who writes. `origin` is what change events repeat as changeOrigin: empty for people in the staff pages."""

    user_id: str
    username: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One record's net change in a transaction."""

    entity: str
    kind: ChangeKind
    before: Record | None
    after: Record | None

    @property
    def record_id(self) -> str:
        """The record's 18-character id."""
        return str((self.after or self.before or {})["Id"])


@dataclass(frozen=True, slots=True)
class PlatformEvent:
    """A platform event to publish when the transaction commits."""

    entity: str
    event_id: str
    fields: Record
    age: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Save:
    """One save or delete in progress: the record (to be changed in place) and the names the caller set."""

    transaction: "Transaction"
    record: Record
    before: Record | None = None
    given: frozenset[str] = frozenset()


class Rules:
    """What one object does around a save. Every hook may raise SalesforceError, which undoes the save."""

    def before_insert(self, save: Save) -> None:
        """Fills derived fields of a new record and refuses what may not be created."""

    def before_update(self, save: Save) -> None:
        """The same for an update."""

    def after_save(self, save: Save) -> None:
        """Effects on other records."""

    def before_delete(self, save: Save) -> None:
        """Refuses or prepares a delete."""

    def after_delete(self, save: Save) -> None:
        """Effects on other records after a delete."""


AfterSave = Callable[["Transaction", str, Record | None, Record], None]


@dataclass(frozen=True, slots=True)
class Automation:
    """The org's behaviour: rules by object, then Flows after each save."""

    rules: Mapping[str, Rules]
    after_save: Sequence[AfterSave] = ()


class Transaction:
    """One unit of work of one caller."""

    def __init__(
        self,
        db: sqlite3.Connection,
        schema: Schema,
        automation: Automation,
        caller: Caller,
        now: datetime,
        *,
        seen: Schema,
        set_up: Callable[[str], list[Record]] = lambda _: [],
    ) -> None:
        """`schema` is the whole org, for rules and Flows; `seen` is what the caller's rights leave of it."""
        self.db = db
        self.schema = schema
        self.seen = seen
        self.set_up = set_up
        self.caller = caller
        self.now = now
        self.changes: dict[str, Change] = {}
        self.events: list[PlatformEvent] = []
        self.escaped_events: list[PlatformEvent] = []
        self.flow_depth = 0
        self._automation = automation

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Undoes everything inside when it raises SalesforceError, keeping what came before."""
        changes, events = dict(self.changes), list(self.events)
        self.db.execute("SAVEPOINT salesforce_attempt")
        try:
            yield
        except SalesforceError:
            self.db.execute("ROLLBACK TO salesforce_attempt")
            self.db.execute("RELEASE salesforce_attempt")
            self.changes, self.events = changes, events
            raise
        self.db.execute("RELEASE salesforce_attempt")

    def find(self, entity: str, record_id: str) -> Record | None:
        """A live record of that object, or None. The id may have 15 or 18 characters."""
        long_id = ids.normalize(record_id)
        found = record_store.load(self.db, long_id) if long_id else None
        if found is None or found[0] != entity or found[2]:
            return None
        return found[1]

    def require(self, item: ObjectType, record_id: str) -> Record:
        """A live record addressed by path. NOT_FOUND, MALFORMED_ID or ENTITY_IS_DELETED as the vendor answers."""
        long_id = ids.normalize(record_id)
        if long_id is None:
            raise not_found("Provided external ID field does not exist or is not accessible: Id")
        if not long_id.startswith(item.prefix):
            raise bad_request("MALFORMED_ID", f"id value of incorrect type: {record_id}", ["Id"])
        found = record_store.load(self.db, long_id)
        if found is None:
            raise not_found()
        if found[2]:
            raise SalesforceError(404, "ENTITY_IS_DELETED", "entity is deleted")
        return found[1]

    def children(self, entity: str, field: str, parent_id: str) -> list[Record]:
        """Live records that look up to a parent."""
        return list(record_store.scan_by(self.db, entity, field, [parent_id]))

    def create(self, item: ObjectType, values: Mapping[str, Any], *, system: bool = False) -> Record:
        """Inserts a record as the caller; `system` also allows fields no caller may write (seed, rules)."""
        if not (item.createable or system):
            raise no_right("create", item.name)
        given = self._checked(item, values, system=system, creating=True)
        item = self.schema.objects[item.name]
        record: Record = {field.name: field.default for field in item.fields}
        record.update(given)
        missing = [field.name for field in item.fields if field.required and record.get(field.name) is None]
        if missing:
            raise bad_request("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
        if item.platform_event:
            return self.publish(item.name, given)
        stamp = to_wire(self.now)
        if record.get("Id") is None:
            number = record_store.next_number(self.db, f"id:{item.prefix}")
            record["Id"] = ids.numbered(item.prefix, number)
        for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp"):
            record[name] = given.get(name, stamp)
        record["CreatedById"] = record["LastModifiedById"] = self.caller.user_id
        if item.find("OwnerId") and record.get("OwnerId") is None:
            record["OwnerId"] = self.caller.user_id
        rules = self._automation.rules.get(item.name)
        if rules is not None:
            rules.before_insert(Save(self, record))
        self._claim(item, record)
        record_store.insert(self.db, item.name, record)
        self._log(item, "CREATE", None, record)
        self._after_save(item, rules, None, record)
        return record

    def update(self, item: ObjectType, record_id: str, values: Mapping[str, Any], *, system: bool = False) -> Record:
        """Changes a record as the caller."""
        if not (item.updateable or system):
            raise no_right("update", item.name)
        before = self.require(item, record_id)
        given = self._checked(item, values, system=system, creating=False)
        item = self.schema.objects[item.name]
        record = {**before, **given}
        emptied = [field.name for field in item.fields if field.required and given.get(field.name, "") is None]
        if emptied:
            raise bad_request("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(emptied)}]", emptied)
        rules = self._automation.rules.get(item.name)
        if rules is not None:
            rules.before_update(Save(self, record, before, frozenset(given)))
        record["LastModifiedDate"] = record["SystemModstamp"] = to_wire(self.now)
        record["LastModifiedById"] = self.caller.user_id
        self._claim(item, record)
        record_store.replace(self.db, record)
        self._log(item, "UPDATE", before, record)
        self._after_save(item, rules, before, record)
        return record

    def delete(self, item: ObjectType, record_id: str) -> None:
        """Deletes a record as the caller."""
        if not item.deletable:
            raise no_right("delete", item.name)
        record = self.require(item, record_id)
        rules = self._automation.rules.get(item.name)
        if rules is not None:
            rules.before_delete(Save(self, record))
        gone = {**record, "IsDeleted": True, "SystemModstamp": to_wire(self.now)}
        record_store.remove(self.db, gone, recycled=item.recycled)
        self._log(item, "DELETE", record, None)
        if rules is not None:
            rules.after_delete(Save(self, record))

    def upsert(self, item: ObjectType, field_name: str, value: str, values: Mapping[str, Any]) -> tuple[Record, bool]:
        """Creates or changes the record whose external id has this value; answers it and whether it was created."""
        field = item.find(field_name)
        if field is None or not (field.external_id or field.type == "id"):
            raise not_found(f"Provided external ID field does not exist or is not accessible: {field_name}")
        if any(name.lower() == field.name.lower() for name in values):
            raise bad_request(
                "INVALID_FIELD",
                f"The {field.name} field should not be specified in the sobject data.",
                [field.name],
            )
        if field.type == "id":
            return self.update(item, value, values), False
        holder = record_store.find_unique(self.db, item.name, field.name, value)
        if holder is not None:
            return self.update(item, holder, values), False
        return self.create(item, {**values, field.name: value}), True

    def publish(self, entity: str, fields: Mapping[str, Any], age: timedelta = timedelta(0)) -> Record:
        """Queues a platform event for the commit; answers its identity as `EventUuid`. `age` dates it back."""
        event = PlatformEvent(
            entity,
            str(uuid.uuid4()),
            {**fields, "CreatedDate": to_wire(self.now - age), "CreatedById": self.caller.user_id},
            age,
        )
        self.events.append(event)
        self.escaped_events.append(event)
        return {"EventUuid": event.event_id}

    def write_silently(self, record: Record, values: Mapping[str, Any]) -> None:
        """A roll-up's write: no rules, no change event, only SystemModstamp moves."""
        current = record_store.load(self.db, record["Id"])
        if current is not None:
            record_store.replace(self.db, {**current[1], **values, "SystemModstamp": to_wire(self.now)})
        change = self.changes.get(record["Id"])
        if change is not None and change.after is not None:
            self.changes[record["Id"]] = replace(change, after={**change.after, **values})

    def _checked(self, item: ObjectType, values: Mapping[str, Any], *, system: bool, creating: bool) -> Record:
        given: Record = {}
        refused: list[str] = []
        for name, value in values.items():
            if name == "attributes":
                continue
            field = item.find(name)
            if field is None:
                field, value = self._by_relationship(item, name, value)  # noqa: PLW2901 - resolved to the lookup's id
            if field.type == "id" and not system:
                raise bad_request("INVALID_FIELD", "The Id field should not be specified in the sobject data.", ["Id"])
            writable = field.createable if creating else field.updateable
            if not writable and not system:
                refused.append(field.name)
                continue
            given[field.name] = coerce(field, value)
            if field.type == "reference" and given[field.name] is not None and not system:
                self._check_reference(field, str(given[field.name]))
        if refused:
            raise read_only(refused)
        return given

    def _by_relationship(self, item: ObjectType, name: str, value: Any) -> tuple[Field, Any]:
        """`{"Account": {"SF_Account_No__c": "SNX-1"}}` names a parent by its external id."""
        field = item.by_relationship.get(name.lower())
        if field is None or not isinstance(value, dict) or len(value) != 1:
            raise unknown_column(name, item.name)
        parent = self.schema.objects[field.refer_to[0]]
        ((key_name, key_value),) = value.items()
        key = parent.find(key_name)
        if key is None or not key.external_id:
            raise unknown_column(key_name, parent.name)
        holder = record_store.find_unique(self.db, parent.name, key.name, str(key_value))
        if holder is None:
            raise bad_request(
                "INVALID_FIELD",
                f"Foreign key external ID: {key_value} not found for field {key.name} in entity {parent.name}",
                [field.name],
            )
        return field, holder

    def _check_reference(self, field: Field, value: str) -> None:
        found = record_store.load(self.db, value)
        if field.refer_to and not any(value.startswith(self.schema.objects[name].prefix) for name in field.refer_to):
            raise bad_request("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", [field.name])
        if found is not None and found[2]:
            raise bad_request("ENTITY_IS_DELETED", "entity is deleted", [field.name])
        if found is None:
            raise bad_request("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name])

    def _claim(self, item: ObjectType, record: Record) -> None:
        unique = {field.name: record.get(field.name) for field in item.fields if field.unique}
        for name, value in unique.items():
            holder = record_store.claim_unique(self.db, item.name, record["Id"], {name: value})
            if holder is not None:
                raise bad_request(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {name} duplicates value on record with id: {holder[: ids.SHORT_LENGTH]}",
                    [],
                )

    def _log(self, item: ObjectType, kind: ChangeKind, before: Record | None, after: Record | None) -> None:
        record_id = str((after or before or {})["Id"])
        earlier = self.changes.get(record_id)
        if earlier is None:
            self.changes[record_id] = Change(item.name, kind, before, after)
        elif kind == "DELETE" and earlier.kind == "CREATE":
            del self.changes[record_id]
        elif kind == "DELETE":
            self.changes[record_id] = Change(item.name, kind, earlier.before, None)
        else:
            self.changes[record_id] = replace(earlier, after=after)

    def _after_save(self, item: ObjectType, rules: Rules | None, before: Record | None, record: Record) -> None:
        if rules is not None:
            rules.after_save(Save(self, record, before))
        for automation in self._automation.after_save:
            automation(self, item.name, before, record)
