"""Freebit as a list of answers, for tests of what is sent and understood. Nothing outside of tests imports this."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import httpx

from portal_chassis.outbound import Outbound
from portal_fulfillment.freebit import Freebit, FreebitSettings
from portal_fulfillment.freebit_calls import Call
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.freebit_sims import FreebitSims


def envelope(result: str = "100", status: str = "200", **more: object) -> dict[str, object]:
    """Give a reply with a code pair and more fields."""
    return {"resultCode": result, "status": {"message": "", "statusCode": status}, **more}


class ScriptedFreebit:
    """Answers what the test put in, success when that is used up; `sent` is path and JSON of every call but log-ins.

    `tables` are the rows that differ.
    """

    def __init__(self, tables: Mapping[str, Any] | None = None, *answers: Mapping[str, object]) -> None:
        self.tables = FreebitTables().overridden(tables or {})
        self.answers = list(answers)
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.requests: list[httpx.Request] = []
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        settings = FreebitSettings.of("http://freebit.test", "OEM", "oem-secret", self.tables)
        outbound = Outbound("freebit", at_once=3, longest_wait=5.0)
        self.sims = FreebitSims(Freebit(settings, http, outbound), self.tables)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path.removeprefix("/emptool/api/").strip("/")
        if path == self.tables.paths[Call.LOG_IN]:
            return httpx.Response(200, json=envelope(authKey="key"))
        body = json.loads(parse_qs(request.content.decode())["json"][0])
        self.sent.append((path, {name: value for name, value in body.items() if name != "authKey"}))
        return httpx.Response(200, json=self.answers.pop(0) if self.answers else envelope())
