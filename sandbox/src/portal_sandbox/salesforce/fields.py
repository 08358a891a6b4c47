"""What a field and an object are: the description that validation, describe, SOQL and change events all read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

FieldType = Literal[
    "id", "string", "textarea", "picklist", "boolean", "currency", "double", "int", "date", "datetime",
    "reference", "email", "phone", "url", "base64", "address",
]  # fmt: skip
NUMBER_TYPES: frozenset[FieldType] = frozenset({"currency", "double", "int"})
TEXT_TYPES: frozenset[FieldType] = frozenset({"string", "textarea", "picklist", "email", "phone", "url"})
SHORT_TEXT_LIMIT = 255
ADDRESS_PARTS = ("Street", "City", "State", "PostalCode", "Country")


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `length` counts characters; `default` is applied on create when the caller leaves it out."""

    name: str
    type: FieldType
    length: int = 0
    required: bool = False
    default: str | float | bool | None = None
    createable: bool = True
    updateable: bool = True
    calculated: bool = False
    auto_number: bool = False
    unique: bool = False
    external_id: bool = False
    refer_to: tuple[str, ...] = ()
    relationship: str | None = None
    child_relationship: str | None = None
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    scale: int = 0
    write_only: bool = False
    in_change_events: bool = True

    @property
    def custom(self) -> bool:
        """An org's own field."""
        return self.name.endswith("__c")

    @property
    def label(self) -> str:
        """The label of a field whose org never renamed it."""
        if self.custom:
            return self.name.removesuffix("__c").replace("_", " ")
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.name)
        return re.sub(r" Id$", " ID", words)

    @property
    def filterable(self) -> bool:
        """Long text areas and blobs can be neither filtered nor sorted."""
        return self.type not in {"base64", "address"} and not self.is_long_text

    @property
    def is_long_text(self) -> bool:
        """A text area beyond 255 characters."""
        return self.type == "textarea" and self.length > SHORT_TEXT_LIMIT

    def read_only(self) -> "Field":
        """The same field, never writable."""
        return replace(self, createable=False, updateable=False)

    def create_only(self) -> "Field":
        """The same field, fixed after the insert."""
        return replace(self, updateable=False)


@dataclass(frozen=True, eq=False)
class ObjectType:
    """One sObject with its fields in the order that its change event's Avro record keeps."""

    name: str
    prefix: str
    fields: tuple[Field, ...]
    deletable: bool = True
    recycled: bool = True
    queryable: bool = True
    platform_event: bool = False
    createable: bool = True
    updateable: bool = True
    record_type: bool = True
    set_up: bool = False
    tooling: bool = False
    child_relationships: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @cached_property
    def by_lower_name(self) -> dict[str, Field]:
        """Fields by lower-cased name: Salesforce compares API names without case."""
        return {item.name.lower(): item for item in self.fields}

    @cached_property
    def by_relationship(self) -> dict[str, Field]:
        """Reference fields by the lower-cased name of their parent relationship."""
        return {item.relationship.lower(): item for item in self.fields if item.relationship}

    def find(self, name: str) -> Field | None:
        """The field of that API name, in any case."""
        return self.by_lower_name.get(name.lower())


def text(name: str, length: int = SHORT_TEXT_LIMIT, *, required: bool = False) -> Field:
    """A text field."""
    return Field(name, "string", length=length, required=required)


def key(name: str, length: int = 80) -> Field:
    """A unique external-id text field: what an upsert is matched on."""
    return Field(name, "string", length=length, unique=True, external_id=True)


def long_text(name: str, length: int = 32000) -> Field:
    """A long text area: readable, not filterable."""
    return Field(name, "textarea", length=length)


def choice(name: str, values: tuple[str, ...], *, default: str | None = None, required: bool = False) -> Field:
    """A restricted picklist."""
    return Field(
        name, "picklist", length=SHORT_TEXT_LIMIT, picklist=values, restricted=True, default=default, required=required
    )


def checkbox(name: str, *, default: bool = False) -> Field:
    """A checkbox: never null."""
    return Field(name, "boolean", default=default)


def number(name: str, *, scale: int = 0) -> Field:
    """A Number(18, scale) field; on the wire a JSON number with a decimal point."""
    return Field(name, "double", scale=scale)


def money(name: str, *, required: bool = False) -> Field:
    """A currency field in yen; on the wire a JSON number with a decimal point."""
    return Field(name, "currency", scale=2, required=required)


def moment(name: str) -> Field:
    """A date-time field, UTC on the wire."""
    return Field(name, "datetime")


def day(name: str, *, required: bool = False) -> Field:
    """A date field without a zone."""
    return Field(name, "date", required=required)


def lookup(name: str, target: str, *, children: str | None = None, required: bool = False) -> Field:
    """A reference: `AccountId` gives the parent path `Account.…`, `Foo__c` gives `Foo__r.…`."""
    relationship = name.removesuffix("Id") if name.endswith("Id") else name.removesuffix("__c") + "__r"
    return Field(
        name,
        "reference",
        length=18,
        required=required,
        refer_to=(target,),
        relationship=relationship,
        child_relationship=children,
    )


def address(prefix: str, street: int = 255, city: int = 40, state: int = 80) -> tuple[Field, ...]:
    """A compound address (read-only as a whole) and its writable parts."""
    limits = {"Street": street, "City": city, "State": state, "PostalCode": 20, "Country": 80}
    parts = tuple(
        Field(prefix + part, "textarea" if part == "Street" else "string", length=limits[part], in_change_events=False)
        for part in ADDRESS_PARTS
    )
    compound = Field(prefix + "Address", "address", createable=False, updateable=False)
    return (compound, *parts)
