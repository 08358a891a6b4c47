"""All objects of the org in one dialect."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from portal_sandbox.salesforce import objects_orders, objects_sales, objects_setup
from portal_sandbox.salesforce.dialect import Dialect
from portal_sandbox.salesforce.errors import bad_request, not_found
from portal_sandbox.salesforce.fields import ObjectType


@dataclass(frozen=True)
class Schema:
    """The org's objects by name."""

    dialect: Dialect
    objects: Mapping[str, ObjectType]

    @cached_property
    def _by_lower_name(self) -> dict[str, ObjectType]:
        return {name.lower(): item for name, item in self.objects.items()}

    @cached_property
    def by_prefix(self) -> dict[str, ObjectType]:
        """Objects by the first three characters of their ids."""
        return {item.prefix: item for item in self.objects.values()}

    def find(self, name: str) -> ObjectType | None:
        """The object of that API name in any case, or None."""
        return self._by_lower_name.get(name.lower())

    def on_path(self, name: str) -> ObjectType:
        """The object named in a REST path; an unknown one is a missing resource."""
        found = self.find(name)
        if found is None or found.tooling:
            raise not_found()
        return found

    def in_query(self, name: str, *, tooling: bool = False) -> ObjectType:
        """The object named after FROM; an unknown one, or one of the other API, is INVALID_TYPE."""
        found = self.find(name)
        if found is None or not found.queryable or found.tooling is not tooling:
            raise bad_request(
                "INVALID_TYPE",
                f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to "
                "append the '__c' after the entity name.",
            )
        return found


@lru_cache(maxsize=16)
def build_schema(dialect: Dialect) -> Schema:
    """The schema of one dialect, with child relationships derived from the lookups."""
    objects = (
        objects_sales.account(),
        objects_sales.contact(),
        objects_sales.opportunity(dialect),
        objects_sales.case(),
        objects_sales.case_comment(),
        objects_sales.task(),
        *objects_sales.content_objects(),
        *objects_sales.organization_objects(),
        objects_orders.pricebook(),
        objects_orders.product(dialect),
        objects_orders.pricebook_entry(),
        objects_orders.order(dialect),
        objects_orders.order_item(dialect),
        objects_orders.provision_event(),
        *objects_setup.setup_objects(),
    )
    children: dict[str, dict[str, tuple[str, str]]] = {}
    for item in objects:
        for field in item.fields:
            for target in field.refer_to if field.child_relationship else ():
                children.setdefault(target, {})[field.child_relationship or ""] = (item.name, field.name)
    return Schema(
        dialect, {item.name: replace(item, child_relationships=children.get(item.name, {})) for item in objects}
    )
