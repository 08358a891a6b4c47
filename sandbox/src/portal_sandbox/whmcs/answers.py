"""Turns a handler's answer into the JSON or XML WHMCS would send, with the quirks that are switched on."""

import json
from typing import Any
from xml.sax.saxutils import escape

from starlette.responses import Response

from portal_sandbox.whmcs.calls import Answer, Listing, Text, Whmcs

# What htmlspecialchars() with both quotes makes of text.
_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#039;"))
_MISSING = object()
_ID_NAMES = frozenset(
    (
        "id",
        "clientid",
        "client_id",
        "userid",
        "user_id",
        "owner_user_id",
        "orderid",
        "serviceid",
        "invoiceid",
        "pid",
        "gid",
        "relid",
        "promoid",
        "qty",
        "totalresults",
        "startnumber",
        "numreturned",
        "billableid",
        "refundid",
        "currency",
        "groupid",
        "serverid",
        "billingcid",
        "ordernumber",
        "ordernum",
    )
)


def entity_escaped(text: str) -> str:
    """Text as WHMCS keeps it in its database."""
    for character, entity in _ENTITIES:
        text = text.replace(character, entity)
    return text


def shaped(whmcs: Whmcs, value: Any) -> Any:
    """The answer as plain JSON values."""
    return _shape(whmcs, "", value)


def respond(whmcs: Whmcs, answer: Answer, *, status: int, response_type: str, action: str) -> Response:
    """JSON when asked for; XML otherwise, which is what a caller gets who forgot `responsetype=json`."""
    plain = shaped(whmcs, answer)
    if response_type.lower() == "json":
        # PHP's json_encode escapes slashes and everything beyond ASCII.
        text = json.dumps(plain, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/")
        return Response(text, status_code=status, media_type="application/json")
    inner = "".join(_xml(name, value) for name, value in {"action": action, **plain}.items())
    version = whmcs.core.switches.text("whmcs", "version")
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<whmcsapi version="{version}">\n{inner}</whmcsapi>'
    return Response(text, status_code=status, media_type="application/xml")


def _shape(whmcs: Whmcs, name: str, value: Any) -> Any:  # noqa: PLR0911 - one line per kind of value
    if isinstance(value, Listing):
        return _shape_listing(whmcs, value)
    if isinstance(value, dict):
        found = {key: _shape(whmcs, key, inner) for key, inner in value.items()}
        return {key: inner for key, inner in found.items() if inner is not _MISSING}
    if isinstance(value, list):
        return [_shape(whmcs, name, inner) for inner in value]
    if isinstance(value, Text):
        return entity_escaped(value) if whmcs.switch("entityText") else str(value)
    ids = whmcs.switch("ids")
    if ids == "strings" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if ids == "numbers" and name in _ID_NAMES and isinstance(value, str) and value.isdigit():
        return int(value)
    return value


def _shape_listing(whmcs: Whmcs, listing: Listing) -> Any:
    rows = [_shape(whmcs, listing.singular, row) for row in listing.rows]
    if not rows:
        empty: dict[str, Any] = {
            "string": "",
            "list": {listing.singular: []},
            "object": {},
            "null": None,
            "missing": _MISSING,
        }
        return empty[str(whmcs.switch("emptyLists"))]
    form = whmcs.switch("listShape")
    if form == "single" and len(rows) == 1:
        return {listing.singular: rows[0]}
    if form == "numbered":
        return {listing.singular: {str(index): row for index, row in enumerate(rows)}}
    return {listing.singular: rows}


def _xml(name: str, value: Any) -> str:
    tag = name if name[:1].isalpha() else "item"
    if isinstance(value, dict):
        return f"<{tag}>\n{''.join(_xml(key, inner) for key, inner in value.items())}</{tag}>\n"
    if isinstance(value, list):
        return "".join(_xml(tag, inner) for inner in value)
    text = "" if value is None or value is False else "1" if value is True else str(value)
    return f"<{tag}>{escape(text)}</{tag}>\n"
