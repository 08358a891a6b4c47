"""The believable reseller every stand-in is seeded from (seed/dataset.toml)."""

import tomllib
from dataclasses import dataclass, field, fields
from importlib import resources
from typing import Any, TypeVar


@dataclass(frozen=True, slots=True)
class Address:
    """A Japanese address. `address1` is the street with numbers, `address2` building and room, in the writing given."""

    postcode: str
    state: str
    city: str
    address1: str
    address2: str = ""
    country: str = "JP"


@dataclass(frozen=True, slots=True)
class Service:
    """A WHMCS service a seeded client has; `status` and `registered` as WHMCS shows them."""

    sku: str
    status: str = "Active"
    registered: str = "2025-04-01"
    marker: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Invoice:
    """A seeded WHMCS invoice over the products named by `skus`. `due_in_days` counts from the day of the reset."""

    skus: tuple[str, ...]
    status: str = "Unpaid"
    due_in_days: int = 14


@dataclass(frozen=True, slots=True)
class Card:
    """A stored card; only the last four digits exist anywhere."""

    last_four: str
    type: str = "Visa"
    expiry: str = "12/40"


@dataclass(frozen=True, slots=True)
class WhmcsClient:
    """What WHMCS knows about an account. Password and two-factor belong to the client's login (user)."""

    id: int
    email: str
    password: str
    status: str = "Active"
    two_factor: bool = False
    single_sign_on: bool = True
    cards: tuple[Card, ...] = ()
    services: tuple[Service, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    customer_number_known: bool = True
    credit: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """One Salesforce Account with its Contact.

    `contact` says whether there is a Contact with the e-mail: "matching", "other_email", "no_email" or "none".
    `eligibility` is "Checked", "Pending", "Not Eligible" or "" (never asked); `eligible_for` the result text, such as
    "Home 1G". `verification` is "", "Submitted", "Verified" or "Rejected". `wh_account` is the number already written
    to WH_Account__c (0: none). `portal_status` is "" or "Active".
    """

    number: str
    name: str
    last_name: str
    first_name: str
    email: str
    phone: str
    address: Address
    group: str
    note: str
    company: str = ""
    contact: str = "matching"
    language: str = "ja"
    eligibility: str = ""
    eligible_for: str = ""
    verification: str = ""
    verification_note: str = ""
    wh_account: int = 0
    portal_status: str = ""
    whmcs: WhmcsClient | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """One product in Salesforce and WHMCS. `price` in yen; `eligibility` the result text a plan needs ("": none)."""

    sku: str
    pid: int
    name: str
    name_ja: str
    description: str
    description_ja: str
    category: str
    item_class: str
    billing_cycle: str
    price: int
    eligibility: str = ""
    config_options: str = ""
    portal_visible: bool = True
    in_pricebook: bool = True
    marker_field: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """All seed rows, parsed once."""

    accounts: tuple[Account, ...]
    products: tuple[Product, ...]

    def account(self, number: str) -> Account:
        """The account with this Customer Number. KeyError when there is none."""
        return next(account for account in self.accounts if account.number == number)

    def product(self, sku: str) -> Product:
        """The product with this SKU. KeyError when there is none."""
        found = {product.sku: product for product in self.products}
        return found[sku]


@dataclass(frozen=True, slots=True)
class _Rows:
    accounts: list[dict[str, Any]] = field(default_factory=list)
    products: list[dict[str, Any]] = field(default_factory=list)


def load_dataset() -> Dataset:
    """Reads the packaged dataset. TypeError or KeyError on a wrong row: the dataset is part of the program."""
    text = resources.files("portal_sandbox").joinpath("seed/dataset.toml").read_text(encoding="utf-8")
    rows = _Rows(**tomllib.loads(text))
    return Dataset(
        accounts=tuple(_account(row) for row in rows.accounts),
        products=tuple(_plain(Product, row) for row in rows.products),
    )


def _account(row: dict[str, Any]) -> Account:
    values = dict(row)
    values["address"] = _plain(Address, row["address"])
    if "whmcs" in row:
        client = dict(row["whmcs"])
        client["cards"] = tuple(_plain(Card, card) for card in client.get("cards", ()))
        client["services"] = tuple(_plain(Service, service) for service in client.get("services", ()))
        client["invoices"] = tuple(
            _plain(Invoice, {**invoice, "skus": tuple(invoice["skus"])}) for invoice in client.get("invoices", ())
        )
        values["whmcs"] = _plain(WhmcsClient, client)
    return _plain(Account, values)


_Row = TypeVar("_Row", Account, Address, Card, Invoice, Product, Service, WhmcsClient)


def _plain(kind: type[_Row], values: dict[str, Any]) -> _Row:
    unknown = set(values) - {known.name for known in fields(kind)}
    if unknown:
        raise KeyError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    return kind(**values)
