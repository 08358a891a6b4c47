"""Whose cards there are: the customers of the dataset with invented birth dates, and anybody a tester types."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from portal_sandbox.core.dataset import Account, Dataset

_FIRST_BIRTH_DATE = date(1975, 4, 2)
_DAYS_BETWEEN = 251


@dataclass(frozen=True, slots=True)
class Card:
    """What the chip of a card says."""

    family_name: str
    given_name: str
    birthdate: str
    postcode: str
    region: str
    locality: str
    street: str

    @classmethod
    def of(cls, account: Account, place: int) -> "Card":
        """The card of a dataset's customer, the `place`th."""
        born = _FIRST_BIRTH_DATE + timedelta(days=_DAYS_BETWEEN * place)
        address = account.address
        names = (account.last_name, account.first_name)
        return cls(*names, born.isoformat(), address.postcode, address.state, address.city, address.address1)

    @classmethod
    def typed(cls, form: Mapping[str, str]) -> "Card":
        """The card a tester describes; ValueError without a name or with a birth date that is none."""
        texts = {name: form.get(name, "").strip() for name in cls.__dataclass_fields__}
        if not texts["family_name"]:
            raise ValueError("a card has a name")
        date.fromisoformat(texts["birthdate"])
        return cls(**texts)

    @property
    def subject(self) -> str:
        """What the provider calls this person, always the same."""
        return sha256("|".join(asdict(self).values()).encode()).hexdigest()[:32]

    @property
    def address(self) -> str:
        """The address as one line."""
        return f"{self.region}{self.locality}{self.street}"

    def claims(self, scopes: set[str], name_form: str, address_form: str) -> dict[str, Any]:
        """The standard claims (OpenID Connect Core 5.1) that the scopes open."""
        found: dict[str, Any] = {}
        if scopes & {"name", "profile"}:
            parts = {"family_name": self.family_name, "given_name": self.given_name}
            found |= {"name": f"{self.family_name}\u3000{self.given_name}"} if name_form == "whole" else parts
        if scopes & {"birthdate", "profile"}:
            found["birthdate"] = self.birthdate
        if "address" in scopes:
            parts = {"region": self.region, "locality": self.locality, "street_address": self.street}
            objects = {"formatted": {"formatted": self.address}, "parts": {**parts, "postal_code": self.postcode}}
            found["address"] = objects.get(address_form, self.address)
        return found


def cards(dataset: Dataset) -> dict[str, Card]:
    """The cards by Customer Number."""
    return {account.number: Card.of(account, place) for place, account in enumerate(dataset.accounts)}
