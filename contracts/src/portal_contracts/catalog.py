"""What catalog answers and announces: the products of the portal's pricebook."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from portal_contracts.message import Event, Message, PublicQuery, ServiceQuery
from portal_contracts.values import SalesforceId, Yen

Category = Literal["internet", "sim", "vpn"]
ItemClass = Literal["service", "activation", "add_on"]
BillingCycle = Literal["monthly", "annually", "one_time"]
Sku = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$"),
    Field(examples=["SIM-VOICE-ESIM-20G"]),
]

WhmcsId = Annotated[int, Field(ge=1)]


class LocalizedText(Message):
    """A text in the two languages of the portal; the other language stands in for a missing one."""

    en: str
    ja: str


class ChoiceValue(Message):
    """One of the values of a choice: what an order says, and what a customer reads."""

    value: str
    label: LocalizedText


class Choice(Message):
    """Something the customer settles when ordering the product, such as its region (R078, R089)."""

    name: str = Field(description="The key in a cart line's `options`")
    label: LocalizedText
    required: bool = True
    values: Sequence[ChoiceValue]


class Product(Message):
    """A product as a customer sees it (R075, R083–R089)."""

    sku: Sku
    name: LocalizedText
    description: LocalizedText
    category: Category
    item_class: ItemClass
    billing_cycle: BillingCycle
    price: Yen
    orderable: bool
    problem: str | None = Field(default=None, description="Why it cannot be ordered, a code of the problem catalogue")
    esim: bool = Field(default=False, description="An order needs the EID of the phone")
    eligibility: str | None = Field(
        default=None, description="The eligibility result an Internet plan needs, e.g. `Home 1G`"
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Portal_ConfigOptions_JSON__c (R087)")
    choices: Sequence[Choice] = Field(default=(), description="What to settle when ordering it (R078, R089)")
    region: LocalizedText | None = Field(default=None, description="Where a VPN leads to (R089)")
    installments: int | None = Field(
        default=None, description="How many monthly payments a fee is paid in, such as an installation's (R088)"
    )
    fees: Sequence[Sku] = Field(
        default=(), description="A plan's set-up fees; an order takes one of them: installation options (R088, R104)"
    )
    fee_required: bool = Field(default=False, description="A plan that cannot be ordered without one of its fees")
    add_ons: Sequence[Sku] = Field(default=(), description="What else may be ordered with a plan")
    not_for_you: str | None = Field(
        default=None,
        description="Personalized alone: why this customer cannot order it, a code of the problem catalogue; "
        "the group's notice says it in words",
    )


class GroupNotice(Message):
    """Why a customer cannot order from a group, and where to go instead (R082)."""

    code: str = Field(description="A code of the problem catalogue")
    text: LocalizedText
    action: str | None = Field(default=None, description="Where to manage what there is, e.g. `/subscriptions/12`")


class ProductGroup(Message):
    """The products of one category, plans first."""

    category: Category
    products: Sequence[Product]
    name: LocalizedText | None = None
    notice: GroupNotice | None = Field(default=None, description="Personalized alone")


class Catalog(Message):
    """Everything on sale, grouped (R075)."""

    version: str = Field(description="Changes whenever anything in the catalog does; also the ETag")
    read_at: datetime = Field(description="When it was read from Salesforce")
    groups: Sequence[ProductGroup]


class ListCatalog(PublicQuery[Catalog]):
    """List everything on sale (R076)."""

    subject: ClassVar[str] = "catalog.product.list.v1"


class ReadProduct(PublicQuery[Product]):
    """Read one product. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "catalog.product.read.v1"
    sku: Sku


class ConfigOption(Message):
    """A configurable option of WHMCS's and what an order sets it to: a fixed value, or one for each of a choice."""

    option_id: WhmcsId
    value_id: WhmcsId | None = None
    choice: str | None = Field(default=None, description="The name of the choice that settles it")
    values: dict[str, WhmcsId] = Field(default_factory=dict, description="WHMCS's value by that of the choice")


class SoldProduct(Message):
    """A product with what an order needs of it: Salesforce's and WHMCS's ids."""

    sku: Sku
    product_id: SalesforceId
    pricebook_entry_id: SalesforceId | None
    whmcs_product_id: int | None
    name: LocalizedText
    category: Category
    item_class: ItemClass
    billing_cycle: BillingCycle
    price: Yen | None
    orderable: bool
    problem: str | None
    esim: bool
    voice: bool = Field(default=False, description="A SIM plan with calls: it needs Freebit's voice options")
    eligibility: str | None
    choices: Sequence[Choice] = Field(default=(), description="What an order must settle in its options (R078, R089)")
    plans: Sequence[str] = Field(
        default=(), description="SKUs of the plans a fee or add-on belongs to; empty: every plan of its category"
    )
    config_options: Sequence[ConfigOption] = Field(
        default=(), description="WHMCS's configurable options an order of it is made with (R087)"
    )


class SoldProducts(Message):
    """The products found; unknown ones are missing from the list."""

    products: Sequence[SoldProduct]


class FindProducts(ServiceQuery[SoldProducts]):
    """Find products by SKU or Salesforce id for an order (R081)."""

    subject: ClassVar[str] = "catalog.product.find.v1"
    skus: Sequence[str] = ()
    product_ids: Sequence[SalesforceId] = ()


class CatalogChanged(Event):
    """Something in the catalog changed; whoever caches it reads it again."""

    subject: ClassVar[str] = "catalog.catalog.changed.v1"
    version: str
