"""Query and query-more: pages over a snapshot of record ids."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal_sandbox.salesforce import ids, record_store
from portal_sandbox.salesforce.errors import bad_request
from portal_sandbox.salesforce.rest.calls import Call, Reply
from portal_sandbox.salesforce.soql.engine import Engine
from portal_sandbox.salesforce.soql.syntax import Query, parse
from portal_sandbox.salesforce.switches import SalesforceSwitches
from portal_sandbox.salesforce.transaction import Transaction

LOCATOR_PREFIX = "0r8"
LOCATOR_LIFETIME = timedelta(days=2)
MAX_CURSORS = 1000
SMALLEST_BATCH = 200
LARGEST_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Cursor:
    """A query whose further pages may still be asked for."""

    query: Query
    text: str
    record_ids: tuple[str, ...]
    batch: int
    deleted: bool
    opened: datetime


class Queries:
    """Answers query calls and keeps their cursors in memory: a restart forgets them, as an org may."""

    def __init__(self, switches: SalesforceSwitches) -> None:
        self._switches = switches
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()

    def forget(self) -> None:
        """Drops all cursors."""
        self._cursors.clear()

    def query(self, transaction: Transaction, call: Call, *, tooling: bool = False) -> Reply:
        """GET /query?q=, GET /queryAll?q=, GET /query/{locator} and, over the set-up, GET /tooling/query?q=."""
        if call.method != "GET":
            raise call.not_allowed("GET", "HEAD")
        if len(call.segments) > 1 and not tooling:
            return Reply(200, self._more(transaction, call))
        if "q" not in call.params:
            raise bad_request("MALFORMED_QUERY", "A query string has to be specified")
        text = call.params["q"]
        deleted = call.segments[0].lower() == "queryall"
        query = parse(text)
        engine = Engine(transaction, text, call.version, deleted=deleted, tooling=tooling)
        rows = engine.matching(query)
        if query.counts:
            return Reply(200, {"totalSize": len(rows), "done": True, "records": []})
        batch = self._batch(call)
        page: dict[str, Any] = {
            "totalSize": len(rows),
            "done": len(rows) <= batch,
            "records": [engine.project(query, row) for row in rows[:batch]],
        }
        if not page["done"]:
            record_ids = tuple(row["Id"] for row in rows)
            cursor = Cursor(query, text, record_ids, batch, deleted, transaction.now)
            page["nextRecordsUrl"] = f"/services/data/v{call.version}/query/{self._open(cursor)}-{batch}"
        return Reply(200, page)

    def _more(self, transaction: Transaction, call: Call) -> dict[str, Any]:
        locator, _, position = call.segments[1].rpartition("-")
        cursor = self._cursors.get(locator)
        if cursor is None or not position.isdigit() or transaction.now - cursor.opened > LOCATOR_LIFETIME:
            raise bad_request("INVALID_QUERY_LOCATOR", "invalid query locator")
        start = int(position)
        end = start + cursor.batch
        wanted = cursor.record_ids[start:end]
        found = {
            row["Id"]: row
            for row in record_store.scan_by(
                transaction.db,
                transaction.seen.in_query(cursor.query.entity).name,
                "Id",
                wanted,
                deleted=cursor.deleted,
            )
        }
        engine = Engine(transaction, cursor.text, call.version, deleted=cursor.deleted)
        page: dict[str, Any] = {
            "totalSize": len(cursor.record_ids),
            "done": end >= len(cursor.record_ids),
            "records": [engine.project(cursor.query, found[record_id]) for record_id in wanted if record_id in found],
        }
        if not page["done"]:
            page["nextRecordsUrl"] = f"/services/data/v{call.version}/query/{locator}-{end}"
        return page

    def _open(self, cursor: Cursor) -> str:
        locator = ids.numbered(LOCATOR_PREFIX, secrets.randbits(48))
        self._cursors[locator] = cursor
        while len(self._cursors) > MAX_CURSORS:
            self._cursors.popitem(last=False)
        return locator

    def _batch(self, call: Call) -> int:
        limit = int(self._switches.number("queryBatchSize"))
        for option in call.headers.get("sforce-query-options", "").split(","):
            name, _, value = option.partition("=")
            if name.strip().lower() == "batchsize" and value.strip().isdigit():
                asked = min(max(int(value), SMALLEST_BATCH), LARGEST_BATCH)
                return min(asked, limit)
        return limit
