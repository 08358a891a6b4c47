"""The org: its records, automation, events and users behind one door that REST and the staff pages share."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from portal_sandbox.core import Core
from portal_sandbox.salesforce import avro_schemas, change_capture, record_store, rules_orders, rules_service
from portal_sandbox.salesforce.approval_flow import ApprovalFlow
from portal_sandbox.salesforce.eligibility_flow import EligibilityUpdateFlow
from portal_sandbox.salesforce.errors import bad_request
from portal_sandbox.salesforce.event_bus import EventBus
from portal_sandbox.salesforce.ids import AUTOMATED_PROCESS_USER_ID, PORTAL_USER_ID, STAFF_USER_ID
from portal_sandbox.salesforce.internet_line_validation import InternetLineValidation
from portal_sandbox.salesforce.option_a_flows import OptionAFlows
from portal_sandbox.salesforce.provision_calls import ProvisionCalls
from portal_sandbox.salesforce.rights import seen_by_integration_user
from portal_sandbox.salesforce.schema import Schema, build_schema
from portal_sandbox.salesforce.setup_records import setup_records
from portal_sandbox.salesforce.switches import VENDOR, SalesforceSwitches, declare
from portal_sandbox.salesforce.transaction import Automation, Caller, PlatformEvent, Rules, Transaction

ROLLED_BACK = "OrderTrigger: execution of AfterUpdate failed; everything was undone. 処理が取り消されました。"
FIRST_COMMIT_NUMBER = 12_000_000_000_000
Result = TypeVar("Result")


class _RehearsalError(Exception):
    """Rolls a rehearsed transaction back."""


class Org:
    """One simulated Salesforce org."""

    def __init__(self, core: Core) -> None:
        declare(core.switches)
        self.core = core
        self.switches = SalesforceSwitches(core.switches)
        core.store.migrate("salesforce records", record_store.TABLES)
        self.bus = EventBus(core, self.switches)
        rules: dict[str, Rules] = {
            "Account": rules_service.AccountRules(),
            "Contact": rules_service.ContactRules(),
            "Opportunity": rules_service.OpportunityRules(),
            "Case": rules_service.CaseRules(),
            "ContentVersion": rules_service.ContentVersionRules(),
            "ContentDocument": rules_service.ContentDocumentRules(),
            "Order": rules_orders.OrderRules(),
            "OrderItem": rules_orders.OrderItemRules(),
            "PricebookEntry": rules_orders.PricebookEntryRules(),
            "Product2": rules_orders.ProductRules(),
        }
        self._seed_automation = Automation(rules)
        self.usernames = {
            PORTAL_USER_ID: core.settings.salesforce_username,
            STAFF_USER_ID: core.settings.salesforce_staff_username,
            AUTOMATED_PROCESS_USER_ID: "autoproc@sandbox.invalid",
        }
        self.calls = ProvisionCalls(core)
        flows = (
            ApprovalFlow(self.switches, core.clock),
            InternetLineValidation(core, self.switches),
            EligibilityUpdateFlow(core, self.switches),
            OptionAFlows(core, self.switches, self.calls, self.usernames[AUTOMATED_PROCESS_USER_ID]),
        )
        self._automation = Automation(rules, flows)

    @property
    def schema(self) -> Schema:
        """The objects in the present dialect."""
        return build_schema(self.switches.dialect)

    def caller(self, user_id: str, origin: str = "") -> Caller:
        """A caller by user."""
        return Caller(user_id, self.usernames[user_id], origin)

    def seen_by(self, user_id: str) -> Schema:
        """The objects as a user may see and change them."""
        if user_id != PORTAL_USER_ID:
            return self.schema
        return seen_by_integration_user(self.switches.dialect, self.switches.mistakes)

    @contextmanager
    def reading(self, caller: Caller | None = None) -> Iterator[Transaction]:
        """A look at the records, as staff unless somebody else looks; nothing may be written."""
        with self.core.store.transaction() as db:
            yield self._transaction(db, caller or self.caller(STAFF_USER_ID), self._automation)

    @contextmanager
    def seeding(self) -> Iterator[Transaction]:
        """Writes without Flow, events or ledger: the org as it was before the portal came.

        Both spellings of the product id are written, so that the switch between them needs no new seed.
        """
        with self.core.store.transaction() as db:
            schema = build_schema(replace(self.switches.dialect, product_id_field="both"))
            caller = self.caller(STAFF_USER_ID)
            yield Transaction(db, schema, self._seed_automation, caller, self.core.clock.now(), seen=schema)

    async def execute(self, caller: Caller, work: Callable[[Transaction], Result]) -> Result:
        """Runs one unit of work and commits it; an exception rolls it back.

        With `publishBeforeCommit` the platform events leave first and the commit (or the roll-back) follows later;
        with `approvalRollsBack` it is always a roll-back.
        """
        rolls_back = self.switches.is_on("approvalRollsBack")
        early = rolls_back or self.switches.is_on("publishBeforeCommit")
        escaped = self._rehearse(caller, work) if early else []
        if escaped:
            self._publish_now(caller, escaped)
            await asyncio.sleep(self.switches.number("commitLagSeconds"))
            if rolls_back:
                raise bad_request("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", ROLLED_BACK)
        with self.core.store.transaction() as db:
            transaction = self._transaction(db, caller, self._automation)
            result = work(transaction)
            if escaped:
                transaction.events.clear()
            self._commit(transaction)
        return result

    def _transaction(self, db: sqlite3.Connection, caller: Caller, automation: Automation) -> Transaction:
        return Transaction(
            db,
            self.schema,
            automation,
            caller,
            self.core.clock.now(),
            seen=self.seen_by(caller.user_id),
            set_up=lambda name: setup_records(name, self.switches),
        )

    def _rehearse(self, caller: Caller, work: Callable[[Transaction], object]) -> list[PlatformEvent]:
        transaction: Transaction | None = None
        try:
            with self.core.store.transaction() as db:
                transaction = self._transaction(db, caller, self._automation)
                work(transaction)
                raise _RehearsalError  # noqa: TRY301 - leaving the transaction by an exception is the point
        except Exception:  # noqa: BLE001 - the real run that follows reports whatever went wrong
            return list(transaction.escaped_events) if transaction is not None else []

    def _publish_now(self, caller: Caller, events: list[PlatformEvent]) -> None:
        with self.core.store.transaction() as db:
            transaction = self._transaction(db, caller, self._automation)
            transaction.events.extend(events)
            self._commit(transaction)

    def _commit(self, transaction: Transaction) -> None:
        """Ledger and events of what changed, in the same SQLite transaction."""
        changes = list(transaction.changes.values())
        caller = transaction.caller
        for change in changes:
            verb = {"CREATE": "created", "UPDATE": "updated", "DELETE": "deleted"}[change.kind]
            before, after = change.before or {}, change.after or {}
            detail = {name: value for name, value in after.items() if value is not None or before.get(name) is not None}
            if change.kind == "UPDATE":
                detail = {name: value for name, value in after.items() if before.get(name) != value}
            self.core.ledger.record(
                transaction.db,
                vendor=VENDOR,
                kind=f"salesforce.{change.entity.lower()}.{verb}",
                key=change.record_id,
                caller=caller.username,
                detail=detail,
            )
        if changes and self.switches.is_on("changeEvents"):
            self._capture(transaction)
        for event in transaction.events:
            item = transaction.schema.objects[event.entity]
            schema = avro_schemas.platform_event_schema(item)
            payload = change_capture.encode_record(schema[1], change_capture.record_values(item, event.fields))
            self.bus.append(
                transaction.db,
                kind="event",
                entity=event.entity,
                event_id=event.event_id,
                schema=schema,
                payload=payload,
                age=event.age,
            )
            self.core.ledger.record(
                transaction.db,
                vendor=VENDOR,
                kind="salesforce.event.published",
                key=str(event.fields.get("OrderId__c") or event.event_id),
                caller=caller.username,
                detail={"eventId": event.event_id, **event.fields},
            )

    def _capture(self, transaction: Transaction) -> None:
        number = FIRST_COMMIT_NUMBER + record_store.next_number(transaction.db, "commit number")
        commit = change_capture.Commit(
            transaction.caller,
            timestamp=int(transaction.now.timestamp()) * 1000,
            number=number,
            gap=self.switches.text("changeGap"),
            merge=self.switches.is_on("changeMerge"),
        )
        changes = list(transaction.changes.values())
        for event in change_capture.capture(changes, transaction.schema, self.switches.change_entities, commit):
            self.bus.append(
                transaction.db,
                kind="change",
                entity=event.entity,
                event_id="",
                schema=(event.schema_id, event.schema_json),
                payload=event.payload,
            )
