"""The org's metadata against what the services need of it (R272-R275, R298-R299, R305-R310): one list, two forms."""

import re
from collections import defaultdict
from pathlib import Path
from xml.etree.ElementTree import Element, parse

import pytest

from portal_catalog.salesforce_setup import NEEDS as CATALOG
from portal_changefeed.salesforce_setup import NEEDS as CHANGEFEED
from portal_changefeed.topics import CHANGES, PROVISION_EVENT
from portal_identity.salesforce_setup import NEEDS as IDENTITY
from portal_orders.salesforce_setup import NEEDS as ORDERS
from portal_salesforce.profile import OBJECTS, load_profile
from portal_salesforce.setup_needs import FieldNeed
from portal_support.salesforce_setup import NEEDS as SUPPORT

HERE = Path(__file__).parents[2]
SOURCE = HERE / "force-app" / "main" / "default"
VALUE_SETS = HERE / "picklists" / "main" / "default" / "standardValueSets"
PROFILE = load_profile("2025-12")
NEEDS = (*ORDERS, *IDENTITY, *CATALOG, *SUPPORT, *CHANGEFEED)
SPACE = "{http://soap.sforce.com/2006/04/metadata}"
DESCRIBED = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Number": "double",
    "Picklist": "picklist",
    "Checkbox": "boolean",
    "DateTime": "datetime",
    "Date": "date",
    "Phone": "phone",
    "Lookup": "reference",
}
STANDARD_PICKLISTS = {
    ("Order", "Status"): "OrderStatus",
    ("Opportunity", "StageName"): "OpportunityStage",
    ("Case", "Type"): "CaseType",
    ("Case", "Origin"): "CaseOrigin",
}
FOLLOW_ANOTHER = {"ContentVersion", "CaseComment", "PricebookEntry"}
"""Files, comments and prices have no rights of their own: they go with the user, the case and the price book."""
ALL_FILES = sorted([*SOURCE.rglob("*.xml"), *VALUE_SETS.glob("*.xml")])


def texts(element: Element, path: str) -> list[str]:
    return [found.text or "" for found in element.findall("/".join(f"{SPACE}{part}" for part in path.split("/")))]


def text(element: Element, path: str) -> str:
    (found,) = texts(element, path) or [""]
    return found


def root_of(path: Path) -> Element:
    return parse(path).getroot()  # noqa: S314 - files of this repository


FIELDS = {
    (path.parts[-3], path.name.removesuffix(".field-meta.xml")): root_of(path)
    for path in SOURCE.glob("objects/*/fields/*.xml")
}


def needed_fields() -> dict[tuple[str, str], list[FieldNeed]]:
    """Custom fields by object and the name the metadata gives them: the first of the profile's that is a custom one."""
    found: dict[tuple[str, str], list[FieldNeed]] = defaultdict(list)
    for need in NEEDS:
        for field in need.fields:
            custom = [name for name in field.api_names(PROFILE) if name.endswith("__c")]
            if custom:
                found[need.name, custom[0]].append(field)
    return found


NEEDED = needed_fields()


@pytest.mark.parametrize("path", ALL_FILES, ids=lambda path: path.name)
def test_a_file_is_what_its_name_says(path: Path) -> None:
    root = root_of(path)
    kind = path.name.removesuffix("-meta.xml").rsplit(".", 1)[1]
    expected = {"field": "CustomField", "object": "CustomObject", "cls": "ApexClass"}
    assert root.tag.removeprefix(SPACE).lower() == expected.get(kind, kind).lower()
    if kind == "field":
        assert text(root, "fullName") == path.name.split(".", maxsplit=1)[0]
    if kind == "cls":
        assert path.with_name(path.name.removesuffix("-meta.xml")).exists()


def test_there_is_a_field_for_each_the_profile_names_and_no_other() -> None:
    profile = {
        (OBJECTS[logical.partition(".")[0]], custom[0])
        for logical, names in PROFILE.fields.items()
        if (custom := [name for name in names if name.endswith("__c")])
    }
    of_the_event = {key for key in NEEDED if key[0] == PROVISION_EVENT}
    settings = {("Portal_Call__c", "Key__c"), ("Portal_Call__c", "Key_Id__c")}
    assert set(FIELDS) == profile | of_the_event | settings
    assert set(NEEDED) <= set(FIELDS)


@pytest.mark.parametrize(("key", "needs"), NEEDED.items(), ids=lambda part: part if isinstance(part, tuple) else "")
def test_a_field_is_as_the_services_need_it(key: tuple[str, str], needs: list[FieldNeed]) -> None:
    field = FIELDS[key]
    for need in needs:
        assert not need.types or DESCRIBED[text(field, "type")] in need.types
        assert not need.unique or (text(field, "externalId"), text(field, "unique")) == ("true", "true")
        if text(field, "type") == "Picklist":
            offered = set(texts(field, "valueSet/valueSetDefinition/value/fullName"))
            assert set(need.texts) <= offered
            assert not need.picklist or set(PROFILE.picklists[need.picklist].writes.values()) <= offered


@pytest.mark.parametrize(("key", "name"), STANDARD_PICKLISTS.items(), ids=STANDARD_PICKLISTS.values())
def test_a_standard_picklist_has_the_texts_the_services_write(key: tuple[str, str], name: str) -> None:
    offered = set(texts(root_of(VALUE_SETS / f"{name}.standardValueSet-meta.xml"), "standardValue/fullName"))
    needs = [
        field
        for need in NEEDS
        for field in need.fields
        if need.name == key[0] and field.api_names(PROFILE)[0] == key[1]
    ]
    assert needs
    for need in needs:
        written = set(PROFILE.picklists[need.picklist].writes.values()) if need.picklist else set()
        assert set(need.texts) | written <= offered


def permission_set(name: str) -> Element:
    return root_of(SOURCE / "permissionsets" / f"{name}.permissionset-meta.xml")


def field_permissions(name: str) -> dict[str, bool]:
    found = permission_set(name).findall(f"{SPACE}fieldPermissions")
    assert {text(one, "readable") for one in found} == {"true"}
    return {text(one, "field"): text(one, "editable") == "true" for one in found}


def test_the_integration_user_may_edit_what_the_portal_writes_and_nothing_else() -> None:  # R274
    of_objects = {key: needs for key, needs in NEEDED.items() if key[0] != PROVISION_EVENT}
    granted = field_permissions("Portal_Integration")
    assert {f"{key[0]}.{key[1]}" for key in of_objects} <= set(granted)
    may = {f"{key[0]}.{key[1]}": any(need.writes for need in needs) for key, needs in of_objects.items()}
    assert {field: editable for field, editable in granted.items() if editable != may.get(field, False)} == {}


def test_the_integration_user_has_the_objects_rights_and_never_deletes() -> None:  # R272, R273, R275
    rights: dict[str, str] = {}
    for one in permission_set("Portal_Integration").findall(f"{SPACE}objectPermissions"):
        assert (text(one, "allowDelete"), text(one, "modifyAllRecords")) == ("false", "false")
        flags = (("C", "allowCreate"), ("R", "allowRead"), ("U", "allowEdit"))
        rights[text(one, "object")] = "".join(letter for letter, flag in flags if text(one, flag) == "true")
    needed = {need.name: need.rights for need in NEEDS if need.rights and need.name not in FOLLOW_ANOTHER}
    assert rights == {**needed, "Pricebook2": "R"}
    assert rights[PROVISION_EVENT] == rights["Product2"] == "R"


def test_staff_cannot_change_what_only_the_portal_writes() -> None:
    granted = field_permissions("Portal_Staff")
    keys = {field for field in granted if re.search(r"\.Portal_\w+_Key__c$", field)}
    assert keys
    assert not [field for field in keys | {"Order.Activation_Error__c", "Order.WHMCS_Order_Id__c"} if granted[field]]
    assert granted["Order.Activation_Status__c"]  # R176: staff try again by it


def test_exactly_the_change_events_that_changefeed_follows_are_selected() -> None:  # C24: five are all there are
    members = [root_of(path) for path in SOURCE.glob("platformEventChannelMembers/*.xml")]
    assert {text(one, "eventChannel") for one in members} == {"ChangeEvents"}
    assert {text(one, "selectedEntity") for one in members} == {f"{entity}ChangeEvent" for entity in CHANGES}
