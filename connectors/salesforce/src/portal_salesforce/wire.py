"""The blocking side: simple-salesforce in direct mode on our own `requests` session; runs in worker threads only.

Importing this module takes long, so `threaded_wire.py` does it in the first thread.
Direct mode (reference salesforce.md 2.11) never logs in by itself, and only `restful` is used: it takes a timeout and
returns what an upsert created.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from time import monotonic, time
from typing import Any, Final

import jwt
import requests
import urllib3
from requests.adapters import HTTPAdapter

from portal_salesforce.direct_client import DirectClient, SalesforceError
from portal_salesforce.errors import misconfigured
from portal_salesforce.settings import CLIENT_NAME, SalesforceSettings
from portal_salesforce.wire_request import Answered, NoAnswer, WireRequest

ASSERTION_SECONDS: Final = 180
LARGEST_ANSWER: Final = 32 * 1024 * 1024
_PIECE: Final = 65_536


class BoundedAdapter(HTTPAdapter):
    """Gives every request a connect timeout and a limit for the whole answer, in time and in size."""

    def __init__(self, connections: int, on_answer: Callable[[Mapping[str, str]], None]) -> None:
        self._on_answer = on_answer
        # Twice the calls at once: one whose caller has left holds its connection until its own time is over.
        super().__init__(pool_connections=4, pool_maxsize=connections * 2, max_retries=0, pool_block=True)

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Send and read everything before returning; an answer that drips in is given up when its time is over."""
        _, seconds = kwargs["timeout"]  # always set by Wire
        give_up = monotonic() + seconds
        response = super().send(request, *args, **{**kwargs, "stream": True})
        self._on_answer(response.headers)
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := response.raw.read1(_PIECE, decode_content=True):
                pieces.append(piece)
                size += len(piece)
                if monotonic() > give_up or size > LARGEST_ANSWER:
                    raise requests.ReadTimeout("the answer is too slow or too large")  # noqa: TRY301 - closes it, too
        except BaseException:
            response.raw.close()
            raise
        response.raw.release_conn()
        response._content = b"".join(pieces)  # noqa: SLF001 - requests has no public way to read with a limit
        return response


@dataclass(frozen=True, slots=True)
class _Login:
    token: str
    client: Any


class Wire:
    """Blocking calls over one pooled session; safe to use from several threads at once."""

    def __init__(self, settings: SalesforceSettings, on_answer: Callable[[Mapping[str, str]], None]) -> None:
        self._settings = settings
        self._login: _Login | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # a .netrc entry would replace our Authorization header
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.verify = _authorities(settings.ca_bundle)
        self._session.headers["Sforce-Call-Options"] = f"client={CLIENT_NAME}"
        self._session.headers["User-Agent"] = CLIENT_NAME
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, BoundedAdapter(settings.at_once, on_answer))

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def log_in(self) -> tuple[int, Any]:
        """Ask for an access token by the JWT bearer flow (R269, reference 1); gives status and parsed body or text."""
        settings = self._settings
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": _assertion(settings)}
        try:
            response = self._session.post(
                settings.login_url.rstrip("/") + "/services/oauth2/token",
                data=form,
                timeout=(settings.connect_seconds, settings.call_seconds),
                allow_redirects=False,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise NoAnswer(type(error).__name__) from error
        try:
            return response.status_code, json.loads(response.text)
        except ValueError:
            return response.status_code, response.text

    def call(self, token: str, instance_url: str, request: WireRequest, seconds: float) -> Any:
        """Make one call and give the parsed body (None for 204); numbers with a point become Decimal.

        Raises Answered for a status of 300 and above, NoAnswer when there is none that can be read.
        """
        if request.raw:
            return self._fetch(token, instance_url, request, seconds)
        try:
            return self._client(token, instance_url).restful(
                request.path,
                params=request.parameters,
                method=request.method,
                json=request.body,
                headers=dict(request.headers),
                timeout=(min(self._settings.connect_seconds, seconds), seconds),
                allow_redirects=False,
            )
        except SalesforceError as error:
            raise Answered(error.status, error.content) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise NoAnswer(type(error).__name__) from error

    def _fetch(self, token: str, instance_url: str, request: WireRequest, seconds: float) -> bytes:
        """Get a file; simple-salesforce reads nothing but JSON."""
        try:
            response = self._session.get(
                f"{instance_url.rstrip('/')}/services/data/v{self._settings.api_version}/{request.path}",
                headers={**request.headers, "Authorization": f"Bearer {token}"},
                timeout=(min(self._settings.connect_seconds, seconds), seconds),
                allow_redirects=False,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise NoAnswer(type(error).__name__) from error
        if response.status_code == HTTPStatus.OK:
            return response.content
        try:
            content = json.loads(response.text)
        except ValueError:
            content = response.text
        raise Answered(response.status_code, content)

    def _client(self, token: str, instance_url: str) -> Any:
        login = self._login
        if login is None or login.token != token:
            client = DirectClient(
                session_id=token,
                instance_url=instance_url,
                session=self._session,
                version=self._settings.api_version,
                parse_float=Decimal,
                object_pairs_hook=dict,
            )
            login = self._login = _Login(token, client)
        return login.client


def _authorities(bundle: Path | None) -> str | bool:
    if bundle is None:
        return True
    if not bundle.is_file():
        raise misconfigured("SF_CA_BUNDLE is not a file")
    return str(bundle)


def _assertion(settings: SalesforceSettings) -> str:
    claims = {
        "iss": settings.client_id,
        "sub": settings.username,
        "aud": settings.audience or settings.login_url.rstrip("/"),
        "exp": int(time()) + ASSERTION_SECONDS,
    }
    try:
        return jwt.encode(claims, settings.private_key(), algorithm="RS256")
    except (jwt.InvalidKeyError, ValueError, TypeError) as error:
        raise misconfigured("the private key is not an RSA key in PEM form") from error
