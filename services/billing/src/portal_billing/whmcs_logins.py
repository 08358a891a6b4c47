"""Proof of a WHMCS log-in: ValidateLogin, GetUsers, GetClientsDetails (reference/whmcs.md 4.2, 4.4, 4.5).

The password is in one call's parameters and nowhere else; the session token that WHMCS answers is dropped here.
"""

from collections.abc import Mapping
from typing import Any

from portal_billing.ports import Unclear
from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import UNAVAILABLE, WhmcsApi, refused_with
from portal_billing.whmcs_clients import client_row
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_parse import BadAnswer, custom_values, flag, line, rows, text, whole
from portal_contracts.billing_logins import ProvenLogin
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_contracts.values import PersonName, comparable_email

_NAMELESS = "-"


class WhmcsLogins:
    """The Logins port on WHMCS."""

    def __init__(self, api: WhmcsApi, fields: WhmcsFields, *, seconds: float) -> None:
        self._api = api
        self._fields = fields
        self._seconds = seconds

    async def prove(self, email: str, password: str) -> ProvenLogin:
        """Check the password, then find the one client that the user owns."""
        proven = await self._validated(email, password)
        try:
            user = await self._user(email, whole(proven, "userid"))
            owned = [whole(client, "id") for client in rows(user, "clients") if flag(client.get("isOwner"))]
            if len(owned) != 1:
                raise Refused("LINKING_NOT_POSSIBLE")
            client = client_row(await self._api.read("GetClientsDetails", {"clientid": owned[0]}))
            return ProvenLogin(
                whmcs_client_id=owned[0],
                email=text(user, "email"),
                name=PersonName(
                    family_name=line(client, "lastname") or _NAMELESS,
                    given_name=line(client, "firstname") or _NAMELESS,
                ),
                customer_number=custom_values(client).get(self._fields.customer_number, "").strip(),
                second_factor=flag(proven.get("twoFactorEnabled")),
            )
        except (BadAnswer, WhmcsRefusal) as error:
            raise TryLater(UNAVAILABLE) from error

    async def _validated(self, email: str, password: str) -> Mapping[str, Any]:
        """ValidateLogin, once: it is never repeated by itself, since each try counts in WHMCS."""
        try:
            body = await self._api.write(
                "ValidateLogin", {"email": email, "password2": password}, seconds=self._seconds
            )
        except Unclear:
            raise TryLater(UNAVAILABLE) from None
        except WhmcsRefusal as refusal:
            if refused_with(refusal, "email or password invalid"):
                raise Refused("CREDENTIALS_WRONG") from None
            raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": "ValidateLogin refused"}) from None
        return {name: body.get(name) for name in ("userid", "twoFactorEnabled")}

    async def _user(self, email: str, user_id: int) -> Mapping[str, Any]:
        """GetUsers searches by the beginning of names and addresses; only the user who was proven counts."""
        try:
            found = await self._api.pages("GetUsers", {"search": email}, "users", None)
        except WhmcsRefusal as refusal:
            raise TryLater(UNAVAILABLE) from refusal
        for user in found:
            same = comparable_email(text(user, "email")) == comparable_email(email)
            if same and whole(user, "id") == user_id:
                return user
        raise TryLater(UNAVAILABLE)
