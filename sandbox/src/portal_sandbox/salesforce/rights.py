"""What the integration user may do and see (requirements R272-R275), and how an administrator gets it wrong.

The org is one; who asks over REST or Pub/Sub sees it through their rights. Rules and Flows run in system mode and see
everything, as in a real org.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, cast, get_args

from portal_sandbox.salesforce.dialect import Dialect
from portal_sandbox.salesforce.fields import Field, FieldType, ObjectType
from portal_sandbox.salesforce.schema import Schema, build_schema

SETUP: Final = "Setup"
"""Stands for the permission View Setup and Configuration in the switch."""
_READ, _CREATE, _EDIT, _DELETE, _RECORD_TYPE = "read", "create", "edit", "delete", "record_type"
_CUSTOMER_DATA: Final = frozenset({_READ, _CREATE, _EDIT, _RECORD_TYPE})
_RIGHTS: Final[Mapping[str, frozenset[str]]] = {
    "Product2": frozenset({_READ}),
    "PricebookEntry": frozenset({_READ}),
    "Pricebook2": frozenset({_READ}),
    "OrderProvisionRequested__e": frozenset({_READ}),
    "CaseComment": frozenset({_READ, _CREATE}),
    SETUP: frozenset({_READ}),
}
"""The permission set as deployed; every other object may be read, created and edited."""


@dataclass(frozen=True, slots=True)
class Mistakes:
    """The two switches: `Order-create,Account+delete` and `Order.EID__c:hidden,Case.Type:lacks ID Verification`."""

    rights: str = ""
    fields: str = ""

    def rights_on(self, name: str) -> frozenset[str]:
        """The rights on an object, with what was given or taken by mistake."""
        found = set(_RIGHTS.get(name, _CUSTOMER_DATA))
        for entry in _entries(self.rights):
            for sign, change in (("+", found.add), ("-", found.discard)):
                subject, _, right = entry.partition(sign)
                if subject == name and right:
                    change(right)
        return frozenset(found)

    def fields_of(self, item: ObjectType) -> tuple[Field, ...]:
        """The object's fields as set up: hidden, read-only, of another type, no longer unique, without a value."""
        found = {field.name: field for field in item.fields}
        for entry in _entries(self.fields):
            path, _, mistake = entry.partition(":")
            owner, _, name = path.partition(".")
            if owner == item.name and name in found:
                changed = _mistaken(found[name], mistake)
                found = {key: field for key, field in found.items() if key != name or changed is not None}
                if changed is not None:
                    found[name] = changed
        return tuple(found.values())


def _entries(switch: str) -> list[str]:
    return [entry.strip() for entry in switch.split(",") if entry.strip()]


def _mistaken(field: Field, mistake: str) -> Field | None:
    word, _, value = mistake.partition(" ")
    if word == "hidden":
        return None
    if word == "readonly":
        return field.read_only()
    if word == "ordinary":
        return replace(field, unique=False, external_id=False)
    if word == "type" and value in get_args(FieldType):
        return replace(field, type=cast("FieldType", value))
    if word == "lacks":
        return replace(field, picklist=tuple(text for text in field.picklist if text != value))
    return field


@lru_cache(maxsize=64)
def seen_by_integration_user(dialect: Dialect, mistakes: Mistakes) -> Schema:
    """The org through the integration user's rights; what may not be read is not there."""
    schema = build_schema(dialect)
    sees_setup = _READ in mistakes.rights_on(SETUP)
    objects = {}
    for item in schema.objects.values():
        rights = mistakes.rights_on(item.name)
        if _READ not in rights or (item.set_up and not sees_setup):
            continue
        objects[item.name] = replace(
            item,
            fields=mistakes.fields_of(item),
            createable=item.createable and _CREATE in rights,
            updateable=item.updateable and _EDIT in rights,
            deletable=item.deletable and _DELETE in rights,
            record_type=_RECORD_TYPE in rights,
        )
    return Schema(dialect, objects)
