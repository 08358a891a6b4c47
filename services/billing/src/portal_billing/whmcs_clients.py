"""WHMCS clients: AddClient, GetClientsDetails, UpdateClient (reference/whmcs.md 4.1–4.3)."""

import secrets
from typing import Any, Final, NoReturn

from portal_billing.client import Client, NewClient, made_by
from portal_billing.ports import Unclear
from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import UNAVAILABLE, WhmcsApi, refused_with
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_parse import BadAnswer, custom_values, text, whole
from portal_billing.whmcs_wire import Value, values_by_id
from portal_contracts.problems import FieldError, Misconfigured, Refused, TryLater
from portal_contracts.values import Address, comparable_email

_PASSWORD_BYTES: Final = 32
_LANGUAGES: Final = {"ja": "japanese", "en": "english"}
_EMAIL_TAKEN: Final = ("already exists with that email", "email address entered is not available", "duplicate email")
_BAD_FIELDS: Final = (
    ("first name", "name.givenName"),
    ("last name", "name.familyName"),
    ("email address", "email"),
    ("address line 1", "address.street"),
    ("your city", "address.city"),
    ("your state", "address.prefecture"),
    ("postcode", "address.postcode"),
    ("country", "address.country"),
    ("phone number", "phone"),
)
_FIELD_COMPLAINTS: Final = ("you did not enter", "was not valid", "is not valid", "valid country", "invalid telephone")


class WhmcsClients:
    """The Clients port on WHMCS."""

    def __init__(self, api: WhmcsApi, fields: WhmcsFields, *, write_seconds: float) -> None:
        self._api = api
        self._fields = fields
        self._seconds = write_seconds

    async def find(self, email: str) -> Client | None:
        """GetClientsDetails by e-mail. The look-up is exact in WHMCS; a different answer counts as none."""
        try:
            body = await self._api.read("GetClientsDetails", {"email": email})
        except WhmcsRefusal as refusal:
            if refused_with(refusal, "client not found"):
                return None
            raise TryLater(UNAVAILABLE) from refusal
        client = self._client(client_row(body))
        return client if comparable_email(client.email) == comparable_email(email) else None

    def _client(self, row: dict[str, Any]) -> Client:
        try:
            return Client(
                id=whole(row, "client_id", "id", "userid"),
                email=text(row, "email"),
                customer_number=custom_values(row).get(self._fields.customer_number, ""),
                notes=text(row, "notes"),
                closed=text(row, "status").casefold() == "closed",
            )
        except BadAnswer as error:
            raise TryLater(UNAVAILABLE) from error

    async def create(self, new: NewClient, *, send_by: float) -> int:
        """AddClient. The password exists in this call alone (D04); nobody is mailed."""
        parameters: dict[str, Value] = {
            "firstname": new.name.given_name,
            "lastname": new.name.family_name,
            "companyname": new.company or None,
            "email": new.email,
            **address_fields(new.address),
            "phonenumber": new.phone,
            # WHMCS asks for a phone number that R015 makes optional; the rest was checked by the form (C10).
            "skipvalidation": new.phone is None,
            "password2": secrets.token_urlsafe(_PASSWORD_BYTES),
            "language": _LANGUAGES[new.locale],
            "notes": made_by(new.customer_number),
            "customfields": values_by_id({self._fields.customer_number: new.customer_number}),
            "noemail": True,
        }
        try:
            body = await self._api.write("AddClient", parameters, seconds=self._seconds, send_by=send_by)
        except WhmcsRefusal as refusal:
            _translate(refusal)
        try:
            return whole(body, "clientid")
        except BadAnswer as error:
            raise Unclear("AddClient", str(error)) from error

    async def set_customer_number(self, client_id: int, customer_number: str) -> None:
        """UpdateClient with the Customer Number's field alone."""
        await self._update(client_id, {"customfields": values_by_id({self._fields.customer_number: customer_number})})

    async def change_address(self, client_id: int, address: Address) -> None:
        """UpdateClient with the address alone; an empty building is written as empty."""
        await self._update(client_id, {**address_fields(address), "address2": address.building})

    async def change_profile(self, client_id: int, *, company: str | None, phone: str | None) -> None:
        """UpdateClient with what is given; an empty company is written as empty."""
        await self._update(client_id, {"companyname": company, "phonenumber": phone})

    async def change_email(self, client_id: int, email: str) -> None:
        """UpdateClient with the e-mail address alone; the log-in of its user is another record."""
        await self._update(client_id, {"email": email})

    async def _update(self, client_id: int, changes: dict[str, Value]) -> None:
        try:
            await self._api.write("UpdateClient", {"clientid": client_id, **changes}, seconds=self._seconds)
        except Unclear as unclear:  # writing the same again is harmless
            raise TryLater(UNAVAILABLE) from unclear
        except WhmcsRefusal as refusal:
            if refused_with(refusal, "client id not found"):
                raise Refused("NOT_FOUND") from refusal
            try:
                _translate(refusal)
            except Unclear as undocumented:  # nothing was written, and asking again is refused again
                raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": "UpdateClient refused"}) from undocumented


def client_row(body: dict[str, Any]) -> dict[str, Any]:
    """Give the client of GetClientsDetails; the copy of its fields at the top level is deprecated."""
    row = body.get("client")
    if not isinstance(row, dict):
        raise TryLater(UNAVAILABLE)
    return row


def address_fields(address: Address) -> dict[str, Value]:
    """Give an address in WHMCS's names."""
    return {
        "address1": address.street,
        "address2": address.building or None,
        "city": address.city,
        "state": address.prefecture,
        "postcode": address.postcode,
        "country": address.country,
    }


def _translate(refusal: WhmcsRefusal) -> NoReturn:
    """Raise what a refused AddClient or UpdateClient means; Unclear for a text nobody documented."""
    if refused_with(refusal, *_EMAIL_TAKEN):
        raise Refused("BILLING_ACCOUNT_EXISTS") from refusal
    if refused_with(refusal, "custom field value"):
        raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": refusal.message}) from refusal
    if refused_with(refusal, *_FIELD_COMPLAINTS):
        names = [name for told, name in _BAD_FIELDS if refused_with(refusal, told)]
        fields = [FieldError(field=name, code="FIELD_INVALID", facts={"reason": refusal.message}) for name in names]
        raise Refused("BAD_REQUEST", fields=fields[:1]) from refusal
    raise Unclear(refusal.action, refusal.message) from refusal
