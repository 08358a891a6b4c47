"""The eKYC provider: discovery, the page where a card is read, token, userinfo, keys.

`GET /authorize` shows the cards; `POST /authorize` (same query) reads one: `number` of a dataset's customer, or
`family_name`, `given_name`, `birthdate` and the parts of an address; `decision=cancel` refuses.
Ledger: `openid.card.read`, `openid.code.exchanged`, `openid.userinfo.read` (key: the subject), `openid.refused` (key:
the client).
Fault calls: `discovery`, `jwks`, `authorize`, `token`, `userinfo`.
"""

import json
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import asdict
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from portal_sandbox.core import Core
from portal_sandbox.core.date_header import dated
from portal_sandbox.openid.clients import ALGORITHMS, METHODS, Clients
from portal_sandbox.openid.manners import OpenIdManners
from portal_sandbox.openid.people import Card, cards
from portal_sandbox.openid.quirks import VENDOR, Quirks
from portal_sandbox.openid.signing import ALGORITHM, Signing
from portal_sandbox.pages import render

SCHEMA = """
CREATE TABLE IF NOT EXISTS openid_code (
    digest TEXT PRIMARY KEY, grant_text TEXT NOT NULL, issued REAL NOT NULL, used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS openid_token (digest TEXT PRIMARY KEY, grant_text TEXT NOT NULL, issued REAL NOT NULL);
"""
TOKEN_SECONDS = 300
SCOPES = ("openid", "name", "address", "birthdate", "profile")
_CALLS = {"/.well-known/openid-configuration": "discovery"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NO_STORE = {"Cache-Control": "no-store"}


def build(core: Core) -> ASGIApp:
    """The application on the provider's port; creates its tables and declares its switches."""
    quirks = Quirks(core.switches)
    core.store.migrate(VENDOR, SCHEMA)
    core.store.on_reset(lambda: _forget(core))
    provider = _Provider(core, quirks)
    routes = [
        Route("/", provider.start),
        Route("/.well-known/openid-configuration", provider.discovery),
        Route("/jwks", provider.keys),
        Route("/authorize", provider.show_cards, methods=["GET"]),
        Route("/authorize", provider.read_card, methods=["POST"]),
        Route("/token", provider.exchange, methods=["POST"]),
        Route("/userinfo", provider.userinfo, methods=["GET", "POST"]),
    ]
    return dated(
        core.faults.middleware(Starlette(routes=routes), VENDOR, name_call, OpenIdManners()), core.switches, VENDOR
    )


def name_call(scope: Scope, _: bytes) -> str:
    """Name of a call in fault rules."""
    path = str(scope["path"])
    return _CALLS.get(path, path.strip("/"))


def _forget(core: Core) -> None:
    with core.store.transaction() as db:
        db.execute("DELETE FROM openid_code")
        db.execute("DELETE FROM openid_token")


class _RequestError(Exception):
    """An authentication request that is not as it must be; told to the browser, or to the client by redirect."""


class _Provider:
    def __init__(self, core: Core, quirks: Quirks) -> None:
        self._core = core
        self._quirks = quirks
        self._signing = Signing(quirks)
        self._clients = Clients(core)
        self._cards = cards(core.dataset)

    @property
    def issuer(self) -> str:
        return self._core.addresses[VENDOR]

    async def start(self, _: Request) -> Response:
        return self._page("cards.html", cards=self._cards, asked=False, message="")

    async def discovery(self, _: Request) -> Response:
        issuer = self.issuer
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "userinfo_endpoint": f"{issuer}/userinfo",
                "jwks_uri": f"{issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "scopes_supported": list(SCOPES),
                "token_endpoint_auth_methods_supported": list(METHODS),
                "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
                "code_challenge_methods_supported": ["S256"],
                "claims_parameter_supported": True,
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def keys(self, _: Request) -> Response:
        return JSONResponse(self._signing.published())

    async def show_cards(self, request: Request) -> Response:
        """The page that stands for app and card reader."""
        query = dict(request.query_params)
        try:
            self._check_client(query)
            _check_request(query)
        except _RequestError as error:
            return self._refuse_request(query, error)
        return self._page("cards.html", cards=self._cards, asked=True, message="")

    async def read_card(self, request: Request) -> Response:
        """Read a card, or cancel."""
        query = dict(request.query_params)
        form = {name: str(value) for name, value in (await request.form()).items()}
        try:
            self._check_client(query)
            _check_request(query)
        except _RequestError as error:
            return self._refuse_request(query, error)
        if form.get("decision") == "cancel":
            with self._core.store.transaction() as db:
                self._core.ledger.record(db, vendor=VENDOR, kind="openid.refused", key=query["client_id"])
            return self._back(query, error="access_denied")
        try:
            card = self._cards[form["number"]] if form.get("number") else Card.typed(form)
        except (KeyError, ValueError) as error:
            return self._page("cards.html", status=400, cards=self._cards, asked=True, message=str(error))
        return self._back(query, code=self._issue(query, card))

    def _issue(self, query: dict[str, str], card: Card) -> str:
        code = secrets.token_urlsafe(24)
        grant = {
            "redirect_uri": query["redirect_uri"],
            "nonce": query["nonce"],
            "challenge": query["code_challenge"],
            "scope": query["scope"],
            "acr": query.get("acr_values", ""),
            "subject": card.subject,
            "card": asdict(card),
        }
        with self._core.store.transaction() as db:
            db.execute(
                "INSERT INTO openid_code (digest, grant_text, issued) VALUES (?, ?, ?)",
                (_digest(code), json.dumps(grant), time.time()),
            )
            self._core.ledger.record(
                db, vendor=VENDOR, kind="openid.card.read", key=card.subject, detail={"scope": query["scope"]}
            )
        return code

    async def exchange(self, request: Request) -> Response:
        """POST /token: a code for tokens, once."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        audiences = (f"{self.issuer}/token", self.issuer)
        if not self._clients.proves(request.headers.get("authorization", ""), form, audiences):
            return _error("invalid_client", 401)
        if form.get("grant_type") != "authorization_code":
            return _error("unsupported_grant_type")
        grant = self._redeemed(form)
        if grant is None:
            return _error("invalid_grant")
        token = secrets.token_urlsafe(32)
        with self._core.store.transaction() as db:
            db.execute("INSERT INTO openid_token VALUES (?, ?, ?)", (_digest(token), json.dumps(grant), time.time()))
            self._core.ledger.record(db, vendor=VENDOR, kind="openid.code.exchanged", key=grant["subject"])
        id_token = self._signing.id_token(self.issuer, self._core.settings.openid_client_id, grant, token)
        told = {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "id_token": id_token}
        return JSONResponse(told, headers=_NO_STORE)

    def _redeemed(self, form: dict[str, str]) -> dict[str, Any] | None:
        """The grant of a code that is good, for the address and the verifier it was made for (RFC 7636 4.6)."""
        with self._core.store.transaction() as db:
            row = db.execute("SELECT * FROM openid_code WHERE digest = ?", (_digest(form.get("code", "")),)).fetchone()
            if row is None or row["used"] or time.time() - row["issued"] > self._quirks.number("codeSeconds"):
                return None
            db.execute("UPDATE openid_code SET used = 1 WHERE digest = ?", (row["digest"],))
        grant: dict[str, Any] = json.loads(row["grant_text"])
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        if form.get("redirect_uri") != grant["redirect_uri"] or challenge != grant["challenge"]:
            return None
        return grant

    async def userinfo(self, request: Request) -> Response:
        """The claims of the card that was read."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        with self._core.store.transaction() as db:
            row = db.execute("SELECT * FROM openid_token WHERE digest = ?", (_digest(token.strip()),)).fetchone()
            if scheme.lower() != "bearer" or row is None or time.time() - row["issued"] > TOKEN_SECONDS:
                return Response(status_code=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
            grant = json.loads(row["grant_text"])
            self._core.ledger.record(db, vendor=VENDOR, kind="openid.userinfo.read", key=grant["subject"])
        quirks = self._quirks
        scopes = set(grant["scope"].split())
        claims = Card(**grant["card"]).claims(scopes, quirks.text("nameForm"), quirks.text("addressForm"))
        if framework := quirks.text("trustFramework"):
            claims = {"verified_claims": {"verification": {"trust_framework": framework}, "claims": claims}}
        claims["sub"] = "another" if quirks.is_on("otherSubject") else grant["subject"]
        if quirks.text("userinfoForm") == "jwt":
            signed = self._signing.sign({**claims, "iss": self.issuer, "aud": self._core.settings.openid_client_id})
            return Response(signed, media_type="application/jwt", headers=_NO_STORE)
        return JSONResponse(claims, headers=_NO_STORE)

    def _check_client(self, query: dict[str, str]) -> None:
        """Who asks and where the answer goes: what is wrong here is never sent anywhere (RFC 6749 4.1.2.1)."""
        settings = self._core.settings
        known = settings.openid_redirect_uri
        address = query.get("redirect_uri", "")
        allowed = address == known if known else urlsplit(address).hostname in _LOOPBACK
        if query.get("client_id") != settings.openid_client_id or not allowed:
            raise _RequestError("unauthorized")

    def _refuse_request(self, query: dict[str, str], error: _RequestError) -> Response:
        if str(error) == "unauthorized":
            message = "Unknown client_id or redirect_uri. 登録されていない client_id または redirect_uri です。"
            return self._page("cards.html", status=400, cards={}, asked=False, message=message)
        return self._back(query, error=str(error))

    def _back(self, query: dict[str, str], **answer: str) -> Response:
        told = {**answer, "state": query.get("state", ""), "iss": self.issuer}
        separator = "&" if "?" in query["redirect_uri"] else "?"
        return RedirectResponse(f"{query['redirect_uri']}{separator}{urlencode(told)}", 302, _NO_STORE)

    def _page(self, template: str, *, status: int = 200, **context: object) -> Response:
        return render(f"openid/{template}", status=status, addresses=self._core.addresses, **context)


def _check_request(query: dict[str, str]) -> None:
    """What the digital authentication app asks of every request: nonce, state and PKCE are not optional."""
    if query.get("response_type") != "code":
        raise _RequestError("unsupported_response_type")
    scopes = query.get("scope", "").split()
    if "openid" not in scopes or not set(scopes) <= set(SCOPES):
        raise _RequestError("invalid_scope")
    needed = ("state", "nonce", "code_challenge")
    if not all(query.get(name) for name in needed) or query.get("code_challenge_method") != "S256":
        raise _RequestError("invalid_request")


def _error(error: str, status: int = 400) -> Response:
    return JSONResponse({"error": error}, status, _NO_STORE)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
