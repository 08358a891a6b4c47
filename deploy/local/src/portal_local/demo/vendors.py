"""The vendors' own APIs, as staff and operators use them: to set up an account, to approve, and to read facts back."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import jwt

from portal_local.demo.customer import DemoFailed

API: Final = "/services/data/v66.0"
MOST_RECORDS: Final = 200
"""Records a collection request takes."""
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class SalesforceLogin:
    """How staff log in to Salesforce through the connected app."""

    login_url: str
    client_id: str
    username: str
    private_key_path: Path


class SalesforceStaff:
    """A member of staff in Salesforce."""

    def __init__(self, login: SalesforceLogin, client: httpx.AsyncClient) -> None:
        self._login = login
        self._client = client
        self._token = ""

    async def log_in(self) -> None:
        """Get a token by the JWT bearer flow."""
        claims = {
            "iss": self._login.client_id,
            "sub": self._login.username,
            "aud": self._login.login_url,
            "exp": int(time.time()) + 180,
        }
        assertion = jwt.encode(claims, self._login.private_key_path.read_text(), algorithm="RS256")
        form = {"grant_type": JWT_GRANT, "assertion": assertion}
        response = await self._client.post(f"{self._login.login_url}/services/oauth2/token", data=form)
        self._token = str(_checked(response)["access_token"])

    async def query(self, statement: str) -> list[dict[str, Any]]:
        """Run a query; staff's lists are short, so one page is enough."""
        return list((await self._call("GET", "/query/", params={"q": statement}))["records"])

    async def read(self, kind: str, record_id: str) -> dict[str, Any]:
        """Read one record."""
        return dict(await self._call("GET", f"/sobjects/{kind}/{record_id}"))

    async def create(self, kind: str, fields: Mapping[str, Any]) -> str:
        """Create a record."""
        return str((await self._call("POST", f"/sobjects/{kind}/", json=dict(fields)))["id"])

    async def change(self, kind: str, record_id: str, fields: Mapping[str, Any]) -> None:
        """Change a record."""
        await self._call("PATCH", f"/sobjects/{kind}/{record_id}", json=dict(fields))

    async def create_many(self, kind: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """Create records, 200 at a time, all of them or none of each 200; their ids in order."""
        return [found for page in _pages(records) for found in await self._collection("POST", kind, page)]

    async def change_many(self, kind: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Change records by their `Id`, 200 at a time."""
        for page in _pages(records):
            await self._collection("PATCH", kind, page)

    async def _collection(self, method: str, kind: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
        typed = [{"attributes": {"type": kind}, **record} for record in records]
        answers = await self._call(method, "/composite/sobjects", json={"allOrNone": True, "records": typed})
        refused = [answer["errors"] for answer in answers if not answer["success"]]
        if refused:
            raise DemoFailed(f"Salesforce refused {len(refused)} of {len(records)} {kind}s: {refused[0]}")
        return [str(answer["id"]) for answer in answers]

    async def _call(self, method: str, path: str, **arguments: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"}
        url = f"{self._login.login_url}{API}{path}"
        return _checked(await self._client.request(method, url, headers=headers, **arguments))


class WhmcsApi:
    """WHMCS's API with an operator's credentials."""

    def __init__(self, url: str, identifier: str, secret: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._credentials = {"identifier": identifier, "secret": secret, "responsetype": "json"}
        self._client = client

    async def call(self, action: str, **fields: str | int) -> dict[str, Any]:
        """Call an action; raises DemoFailed with WHMCS's own message."""
        form = {"action": action, **self._credentials, **{name: str(value) for name, value in fields.items()}}
        body = _checked(await self._client.post(self._url, data=form))
        if body.get("result") != "success":
            raise DemoFailed(f"WHMCS {action}: {body.get('message')}")
        return dict(body)


class FreebitApi:
    """Freebit's API with the company's key."""

    def __init__(self, url: str, oem_id: str, oem_key: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._oem = {"oemId": oem_id, "oemKey": oem_key}
        self._client = client

    async def line(self, account: str) -> dict[str, Any]:
        """Read a line by its phone number."""
        key = (await self._call("authOem", self._oem))["authKey"]
        query = {"authKey": key, "version": "2", "requestDatas": [{"kind": "MVNO", "account": account}]}
        return dict((await self._call("mvno/getDetail", query))["responseDatas"][0])

    async def _call(self, path: str, fields: Mapping[str, Any]) -> Any:
        body = _checked(await self._client.post(f"{self._url}/{path}/", data={"json": json.dumps(fields)}))
        if str(body.get("resultCode")) != "100":
            raise DemoFailed(f"Freebit {path}: {body.get('resultCode')}-{body['status']['statusCode']}")
        return body


def _pages(records: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    return (records[start : start + MOST_RECORDS] for start in range(0, len(records), MOST_RECORDS))


def _checked(response: httpx.Response) -> Any:
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise DemoFailed(f"{response.request.url.path}: {response.status_code} {response.text[:200]}")
    return response.json() if response.content else {}
