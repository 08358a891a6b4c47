"""Salesforce's REST API in our words: what five services call. Each of them translates its own objects."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from portal_chassis.outbound import Outbound
from portal_salesforce import soql
from portal_salesforce.api_usage import ApiUsage
from portal_salesforce.calls import Calls
from portal_salesforce.composite import (
    MOST_SUB_REQUESTS,
    SubReply,
    SubRequest,
    culprit,
    external_path,
    read_replies,
    record_path,
    upsertion,
)
from portal_salesforce.errors import SalesforceRefusal, Verdict, refused_reading, unavailable
from portal_salesforce.field_values import Fields, Record, incoming, outgoing
from portal_salesforce.ids import long_id, long_id_or_none
from portal_salesforce.record_rows import RowReply, batches, rejection, row_replies, row_with_id, row_with_type
from portal_salesforce.settings import SalesforceSettings
from portal_salesforce.token import AccessTokens
from portal_salesforce.wire_request import AsyncWire, Method, WireRequest

IDS_A_QUERY: Final = 200
LONGEST_ADDRESS: Final = 12_000
"""Characters of an encoded query in a URL; Salesforce takes 16,384 with all headers. Longer ones go in a composite."""
WAITING: Final = 200


class Salesforce:
    """The org, as the integration user sees it. One per process; close it when the service stops.

    Every method raises TryLater SALESFORCE_UNAVAILABLE (no answer, row locked, quota used up: repeat the whole step
    later) and Misconfigured SALESFORCE_MISCONFIGURED (rights, unknown fields, refused login, anything else for which it
    refuses to be read). Writing raises SalesforceRefusal besides (a rule of the org said no: the caller says what that
    means). After TryLater a write may have happened: update, upsert and composites of them are safe to repeat. Source:
    reference salesforce.md 2.
    """

    def __init__(
        self,
        settings: SalesforceSettings,
        *,
        outbound: Outbound | None = None,
        headers: Mapping[str, str] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wire: AsyncWire | None = None,
    ) -> None:
        """`headers` go with every REST call of this client, such as `Sforce-Auto-Assign` (reference 2.1).

        `wire` takes the place of HTTP from worker threads, for a simulation.
        """
        self.settings = settings
        self._headers = dict(headers or {})
        bulkhead = outbound or Outbound("salesforce", at_once=settings.at_once, waiting=WAITING)
        self._calls = Calls(settings, bulkhead, pause=pause, wire=wire)
        self._root = f"/services/data/v{settings.api_version}/"

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()

    @property
    def tokens(self) -> AccessTokens:
        """The access token, shared with the Pub/Sub API."""
        return self._calls.tokens

    @property
    def api_usage(self) -> ApiUsage | None:
        """The org's use of its daily quota (R285) as of the last answer; None before the first."""
        return self._calls.usage.last

    @property
    def date_header(self) -> str | None:
        """When Salesforce says its last answer was made (its `Date` header); None before the first."""
        return self._calls.date_header

    async def query(self, query: soql.Select) -> list[Record]:
        """Give all records of a query, page by page, children included."""
        page = await self._first_page(query)
        records: list[Record] = []
        while True:
            for raw in page["records"]:
                await self._complete_children(raw, query.children)
                records.append(incoming(raw, query.children))
            if page.get("done", True):
                return records
            page = await self._next_page(page["nextRecordsUrl"])

    async def query_one(self, query: soql.Select) -> Record | None:
        """Give the first record of a query, None when there is none."""
        found = await self.query(query if query.most else query.limit(1))
        return found[0] if found else None

    async def count(self, query: soql.Select) -> int:
        """Give the number of records a `select_count` matches."""
        return _whole((await self._first_page(query)).get("totalSize"))

    async def read(self, object_name: str, record_id: str, fields: Iterable[str]) -> Record | None:
        """Give Id and some fields of a record; None when it does not exist, was deleted or is not visible."""
        path = record_path(object_name, record_id)
        asked = tuple(dict.fromkeys(("Id", *(soql.path(field) for field in fields))))
        names = ",".join(asked)
        try:
            found = await self._ask("GET", path, f"GET {object_name}", parameters={"fields": names})
        except SalesforceRefusal as refusal:
            if refusal.missing:
                return None
            raise refused_reading(refusal) from None
        return incoming(_object(found, *asked))

    async def blob(self, object_name: str, record_id: str, field: str) -> bytes | None:
        """Give a file's bytes, such as VersionData of a ContentVersion; None when it is not there (reference 2.4).

        The whole of it is held in memory, 32 MB at most: look at its size first.
        """
        path = f"{record_path(object_name, record_id)}/{soql.name(field)}"
        request = WireRequest(f"GET {object_name} {field}", "GET", path, headers=self._headers, raw=True)
        try:
            content = await self._calls.make(request)
        except SalesforceRefusal as refusal:
            if refusal.missing:
                return None
            raise refused_reading(refusal) from None
        if not isinstance(content, bytes):
            raise unavailable()
        return content

    async def read_many(self, object_name: str, record_ids: Iterable[str], fields: Iterable[str]) -> dict[str, Record]:
        """Give some fields of several records by id, 200 a call; those that do not exist are left out."""
        ids = list(dict.fromkeys(long_id(record_id) for record_id in record_ids))
        statement = soql.select(object_name, "Id", *fields)
        found: dict[str, Record] = {}
        for start in range(0, len(ids), IDS_A_QUERY):
            part = ids[start : start + IDS_A_QUERY]
            found |= {record["Id"]: record for record in await self.query(statement.where(soql.one_of("Id", part)))}
        return found

    async def create(self, object_name: str, fields: Fields) -> str:
        """Create a record and give its id. NOT safe to repeat: only for objects without an external id."""
        path = f"sobjects/{soql.name(object_name)}/"
        made = await self._ask("POST", path, f"POST {object_name}", body=outgoing(fields), harmless=False)
        return _id_of(made)

    async def update(self, object_name: str, record_id: str, fields: Fields) -> None:
        """Write some fields of a record; None empties a field. SalesforceRefusal `.missing` when it is gone."""
        await self._ask("PATCH", record_path(object_name, record_id), f"PATCH {object_name}", body=outgoing(fields))

    async def upsert(self, object_name: str, external_field: str, value: str, fields: Fields) -> tuple[str, bool]:
        """Create or change the record with this external id; gives its id and whether it was created.

        This is how the portal creates: a lost answer is cured by a repeat (reference 6, "ambiguous").
        """
        step = upsertion("one", object_name, external_field, value, fields)
        name = f"PATCH {object_name}"
        try:
            written = await self._ask(step.method, step.path, name, body=step.body)
        except SalesforceRefusal as refusal:
            if not refusal.duplicate:
                raise
            # Two of us created it at the same moment; now that it exists the same call changes it.
            written = await self._ask(step.method, step.path, name, body=step.body)
        return _id_of(written), bool(written.get("created"))  # an update says nothing before API version 46

    async def create_once(self, object_name: str, external_field: str, value: str, fields: Fields) -> str:
        """Create the record with this external id, unless it is there, and give its id.

        As an upsert a lost answer is cured by a repeat, but the repeat leaves alone what others have written since.
        """
        external_path(object_name, external_field, value)  # refuses what an upsert would
        path, body = f"sobjects/{soql.name(object_name)}/", outgoing({**fields, external_field: value})
        try:
            return _id_of(await self._ask("POST", path, f"POST {object_name}", body=body))
        except SalesforceRefusal:
            # A duplicate; or a rule of the org that looks first and would not let it be created anew today.
            found = await self.find(object_name, external_field, value, ())
            if found is None:
                raise
            return str(found["Id"])

    async def find(self, object_name: str, external_field: str, value: str, fields: Iterable[str]) -> Record | None:
        """Give some fields of the record with this external id; None when there is none."""
        external_path(object_name, external_field, value)  # refuses what could never have been written
        condition = soql.equals(external_field, value)
        return await self.query_one(soql.select(object_name, "Id", *fields).where(condition))

    async def composite(self, steps: Sequence[SubRequest], *, all_or_none: bool = True) -> dict[str, SubReply]:
        """Run up to 25 sub-requests in one call and one order; gives the replies by reference.

        With `all_or_none` nothing is kept when one fails, and the failure of the culprit is raised. Without it each
        reply says with `verdict` how it went. Sub-requests come from `creation`, `change`, `upsertion` and `lookup`.
        """
        references = [step.reference for step in steps]
        if not steps or len(steps) > MOST_SUB_REQUESTS or len(set(references)) != len(steps):
            raise ValueError(f"a composite has 1 to {MOST_SUB_REQUESTS} steps with different references")
        body = {
            "allOrNone": all_or_none,
            "collateSubrequests": False,
            "compositeRequest": [step.on_the_wire(self._root) for step in steps],
        }

        def accept(content: Any) -> Verdict | None:
            return culprit(read_replies(content, references)) if all_or_none else None

        harmless = all(step.harmless for step in steps)
        try:
            content = await self._ask("POST", "composite", "composite", body=body, harmless=harmless, accept=accept)
        except SalesforceRefusal as refusal:
            if all(step.method == "GET" for step in steps):
                raise refused_reading(refusal) from None
            if not (refusal.duplicate and harmless):
                raise
            content = await self._ask("POST", "composite", "composite", body=body, harmless=harmless, accept=accept)
        return read_replies(content, references)

    async def update_many(
        self, object_name: str, records: Mapping[str, Fields], *, all_or_none: bool = False
    ) -> list[RowReply]:
        """Write some fields of several records, given by id, 200 a call; replies stand in the order of the input.

        `all_or_none` holds within each call of 200.
        """
        rows = [row_with_id(object_name, record_id, fields) for record_id, fields in records.items()]
        return await self._collection("PATCH", "composite/sobjects", rows, all_or_none=all_or_none)

    async def upsert_many(
        self, object_name: str, external_field: str, records: Mapping[str, Fields], *, all_or_none: bool = False
    ) -> list[RowReply]:
        """Create or change several records, given by external id, 200 a call; replies stand in the input's order."""
        rows = [
            {**row_with_type(object_name, fields), soql.name(external_field): value}
            for value, fields in records.items()
            if external_path(object_name, external_field, value)
        ]
        path = f"composite/sobjects/{soql.name(object_name)}/{soql.name(external_field)}"
        return await self._collection("PATCH", path, rows, all_or_none=all_or_none)

    async def describe(self, object_name: str) -> Record:
        """Give an object's fields and picklists as Salesforce describes them (reference 2.4)."""
        path = f"sobjects/{soql.name(object_name)}/describe"
        return dict(_object(await self._look(path, "describe"), "fields"))

    async def tooling_query(self, query: soql.Select) -> list[Record]:
        """Give the records of a query about the org's own set-up (Tooling API); one page is enough for those.

        Needs the permission View Setup and Configuration: Misconfigured without it.
        """
        return [
            incoming(raw) for raw in _page(await self._look("tooling/query/", "tooling", {"q": str(query)}))["records"]
        ]

    async def limits(self) -> dict[str, dict[str, Any]]:
        """Give the org's allocations: `{"DailyApiRequests": {"Max": …, "Remaining": …}, …}`."""
        return dict(_object(await self._look("limits/", "limits"), "DailyApiRequests"))

    async def _ask(
        self,
        method: Method,
        path: str,
        name: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: Any = None,
        harmless: bool = True,
        accept: Callable[[Any], Verdict | None] | None = None,
    ) -> Any:
        request = WireRequest(name, method, path, parameters, body, self._headers, harmless=harmless)
        return await self._calls.make(request, accept)

    async def _look(self, path: str, name: str, parameters: Mapping[str, str] | None = None) -> Any:
        try:
            return await self._ask("GET", path, name, parameters=parameters)
        except SalesforceRefusal as refusal:
            raise refused_reading(refusal) from None

    async def _first_page(self, query: soql.Select) -> Any:
        text = str(query)
        if len(quote(text)) <= LONGEST_ADDRESS:
            return _page(await self._look("query/", "query", {"q": text}))
        step = SubRequest("page", "GET", f"query/?q={quote(text, safe='')}")
        return _page((await self.composite([step]))["page"].body)

    async def _next_page(self, address: Any) -> Any:
        # Salesforce names the next page by a path; only its last part is taken, so that no other address is called.
        locator = soql.locator(str(address))
        return _page(await self._look(f"query/{locator}", "query"))

    async def _complete_children(self, record: Mapping[str, Any], children: Iterable[str]) -> None:
        for relationship in children:
            page = record.get(relationship)
            while page and not page.get("done", True):
                following = await self._next_page(page["nextRecordsUrl"])
                page["records"].extend(following["records"])
                page["done"], page["nextRecordsUrl"] = following.get("done", True), following.get("nextRecordsUrl")

    async def _collection(
        self, method: Method, path: str, rows: Sequence[Record], *, all_or_none: bool
    ) -> list[RowReply]:
        replies: list[RowReply] = []
        for part in batches(rows):
            body = {"allOrNone": all_or_none, "records": part}

            def accept(content: Any, expected: int = len(part)) -> Verdict | None:
                found = row_replies(content, expected)
                return rejection(found) if all_or_none else None

            content = await self._ask(method, path, "collections", body=body, accept=accept)
            replies += row_replies(content, len(part))
        return replies


def _object(content: Any, *names: str) -> Mapping[str, Any]:
    """Check that an answer is what was asked for. A success without it is no answer (F14): TryLater."""
    if not isinstance(content, Mapping) or not all(name.partition(".")[0] in content for name in names):
        raise unavailable()
    return content


def _page(content: Any) -> Any:
    page = _object(content, "records")
    if not isinstance(page["records"], list) or not all(isinstance(record, Mapping) for record in page["records"]):
        raise unavailable()
    return page


def _id_of(content: Any) -> str:
    found = long_id_or_none(_object(content, "id")["id"])
    if found is None:
        raise unavailable()
    return found


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise unavailable()
    return value
