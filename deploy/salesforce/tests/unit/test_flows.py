"""The Flows (R143-R151, R155, R158): what they write and publish, and that what is optional arrives switched off."""

import re
from pathlib import Path
from xml.etree.ElementTree import Element, parse

from portal_changefeed.salesforce_setup import NEEDS as CHANGEFEED
from portal_changefeed.topics import PROVISION_EVENT
from portal_orders.salesforce_setup import COMMODITIES
from portal_salesforce.profile import load_profile

SOURCE = Path(__file__).parents[2] / "force-app" / "main" / "default"
SPACE = "{http://soap.sforce.com/2006/04/metadata}"
PROFILE = load_profile("2025-12")


def root_of(path: Path) -> Element:
    return parse(path).getroot()  # noqa: S314 - files of this repository


FLOWS = {path.name.removesuffix(".flow-meta.xml"): root_of(path) for path in SOURCE.glob("flows/*.flow-meta.xml")}
CUSTOM_FIELDS = {path.name.removesuffix(".field-meta.xml") for path in SOURCE.glob("objects/*/fields/*.xml")}


def value(element: Element, path: str) -> str:
    found = element.find("/".join(f"{SPACE}{part}" for part in path.split("/")))
    return found.text or "" if found is not None else ""


def assigned(flow: Element, element: str) -> dict[str, str]:
    return {
        value(one, "field"): value(one, "value/stringValue") or value(one, "value/elementReference")
        for one in flow.findall(f"{SPACE}{element}/{SPACE}inputAssignments")
    }


def everything_in(flow: Element) -> str:
    return "\n".join(one.text or "" for one in flow.iter())


def test_the_approval_says_activating_clears_the_error_and_publishes() -> None:  # R143, R145-R151
    flow = FLOWS["Order_Approval"]
    assert assigned(flow, "recordUpdates") == {
        "Activation_Status__c": "Activating",
        "Activation_Error__c": "NoText",
        "Activation_Error_Code__c": "NoText",
        "Activation_Error_DateTime__c": "NoMoment",
    }
    (event,) = (need for need in CHANGEFEED if need.name == PROVISION_EVENT)
    assert set(assigned(flow, "recordCreates")) == {field.name for field in event.fields}
    assert value(flow, "recordCreates/object") == PROVISION_EVENT


def test_the_approval_fires_for_both_reasons_and_never_for_the_portals_own_write() -> None:  # R143, R144, C20
    entry = value(FLOWS["Order_Approval"], "start/filterFormula")
    assert 'ISPICKVAL({!$Record.Status}, "Approved")' in entry
    assert 'ISPICKVAL({!$Record.Activation_Status__c}, "Activating")' in entry
    assert "NOT({!$Permission.Portal_Integration_User})" in entry
    assert (SOURCE / "customPermissions" / "Portal_Integration_User.customPermission-meta.xml").exists()


def test_what_is_optional_arrives_as_a_draft() -> None:  # R155, R158
    states = {name: value(flow, "status") for name, flow in FLOWS.items()}
    assert states == {
        "Order_Approval": "Active",
        "Order_Provision_Now": "Active",
        "Order_Scheduled_Activation": "Draft",
        "Eligibility_Update": "Draft",
        "Order_One_Internet_Line": "Draft",
    }


def test_a_second_internet_line_is_looked_for_among_the_lines_there_are() -> None:  # R108, C14, C27
    flow = FLOWS["Order_One_Internet_Line"]
    filters = flow.findall(f"{SPACE}recordLookups/{SPACE}filters")
    asked = [(value(one, "field"), value(one, "value/stringValue")) for one in filters]
    stage = PROFILE.picklists["opportunity.stage"]
    stages = {stage.read(text) for field, text in asked if field == "StageName"}
    assert stages == {"post_processing", "active", "cancelling"}
    assert {text for field, text in asked if field == "CommodityType__c"} == set(COMMODITIES[:2])
    entry = value(flow, "start/filterFormula")
    assert {text for text in COMMODITIES if f'"{text}"' in entry} == set(COMMODITIES[:2])
    assert set(re.findall(r"\d", value(flow, "recordLookups/filterLogic"))) == {str(n + 1) for n in range(len(asked))}


def test_the_scheduled_path_starts_at_the_orders_date() -> None:  # R155
    flow = FLOWS["Order_Scheduled_Activation"]
    assert value(flow, "start/scheduledPaths/recordField") == "Activation_Scheduled_At__c"
    assert value(flow, "start/scheduledPaths/offsetNumber") == "0"


def test_flows_name_only_fields_classes_and_steps_that_exist() -> None:
    for name, flow in FLOWS.items():
        named = set(re.findall(r"\b[A-Za-z]\w*__c\b", everything_in(flow)))
        assert named <= CUSTOM_FIELDS, name
        steps = {value(one, "name") for one in flow if value(one, "name")}
        targets = {one.text for one in flow.iter(f"{SPACE}targetReference")}
        assert targets <= steps, name
        classes = [value(one, "actionName") for one in flow.findall(f"{SPACE}actionCalls")]
        assert all(one == "emailSimple" or (SOURCE / "classes" / f"{one}.cls").exists() for one in classes)


def test_flows_speak_the_picklists_wording() -> None:  # C02, C03
    for flow in FLOWS.values():
        for field, text in re.findall(r'ISPICKVAL\(\{!\$Record\.(\w+)\}, "([^"]+)"\)', everything_in(flow)):
            of = flow.findtext(f"{SPACE}start/{SPACE}object")
            known = [one for one in PROFILE.picklists.values() if (one.object_name, one.field) == (of, field)]
            assert all(one.read(text) != "unknown" for one in known), text


def test_the_buttons_open_the_flow_that_asks_the_portal() -> None:  # R136, R168
    buttons = [root_of(path) for path in SOURCE.glob("quickActions/*.xml")]
    assert {value(one, "flowDefinition") for one in buttons} == {"Order_Provision_Now"}
    assert {value(one, "label") for one in buttons} == {"Provision in WHMCS", "Activate Now"}
