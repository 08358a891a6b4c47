"""Every line about Salesforce: its item is broken in the sandbox, and that line alone fails (R269-R275, R298-R300)."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from portal_catalog.salesforce_setup import NEEDS as CATALOG
from portal_changefeed.salesforce_setup import NEEDS as CHANGEFEED
from portal_changefeed.topics import CHANGES
from portal_identity.salesforce_setup import NEEDS as IDENTITY
from portal_orders.salesforce_setup import NEEDS as ORDERS
from portal_salesforce import load_profile
from portal_salesforce.setup_checks import object_checks
from portal_sandbox.salesforce.dialect import Dialect
from portal_sandbox.salesforce.schema import build_schema
from portal_support.salesforce_setup import NEEDS as SUPPORT

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEEDS = {"orders": ORDERS, "identity": IDENTITY, "catalog": CATALOG, "support": SUPPORT, "changefeed": CHANGEFEED}
EVERY_NEED = [(service, need) for service, needs in NEEDS.items() for need in needs]
PROFILE = load_profile("2025-12")
ABSENT = {"OrderItem.WHMCS_Service_ID__c"}
"""Optional fields that the sandbox's org lacks."""
ORG = build_schema(Dialect()).objects


def field_mistakes():
    """Each way each field can be wrong: service, field, mistake. Optional fields may be missing."""
    for service, need in EVERY_NEED:
        for field in need.fields:
            name = field.api_names(PROFILE)[0]
            if f"{need.name}.{name}" not in ABSENT:
                yield from (
                    (service, f"{need.name}.{name}", mistake)
                    for mistake in mistakes_of(field, ORG[need.name].find(name))
                )


def mistakes_of(field, in_org):
    if not field.without:
        yield "hidden"
    if field.types:
        yield "type double" if "boolean" in field.types else "type boolean"
    if field.writes:
        yield "readonly"
    if field.unique:
        yield "ordinary"
    if in_org.type == "picklist":
        written = PROFILE.picklists[field.picklist].writes.values() if field.picklist else ()
        yield from (f"lacks {text}" for text in sorted({*field.texts, *written})[-1:])


def right_mistakes():
    """Each right given or taken: service, mistake, the line that must fail."""
    for service, need in EVERY_NEED:
        yield service, f"{need.name}-read", f"salesforce.{need.name}.read"
        if ORG[need.name].platform_event:
            yield service, f"{need.name}+create", f"salesforce.{need.name}.publish"
        elif need.rights:
            if ORG[need.name].deletable:
                yield service, f"{need.name}+delete", f"salesforce.{need.name}.delete"
            yield service, f"{need.name}{'-' if 'C' in need.rights else '+'}create", f"salesforce.{need.name}.create"
            yield service, f"{need.name}{'-' if 'U' in need.rights else '+'}edit", f"salesforce.{need.name}.edit"


def of(result, checks):
    return {check.id for check in checks if check.result == result}


@pytest.mark.parametrize("service", NEEDS)
async def test_a_healthy_org_passes_every_line(vendors, service):
    checks = await vendors.at_salesforce(service)
    assert {check.id: check.detail for check in checks if check.result != "passed"} == {}
    assert len({check.id for check in checks}) == len(checks) > 15
    assert all(check.what and check.fix for check in checks)


@pytest.mark.parametrize(("service", "field", "mistake"), list(field_mistakes()))
async def test_a_field_set_up_wrongly_fails_its_line_alone(vendors, org, service, field, mistake):  # R274, R298
    vendors.break_("salesforce", fieldMistakes=f"{field}:{mistake}")
    # Nothing but this object can have changed: looking at the others would only take longer.
    (need,) = [need for need in NEEDS[service] if need.name == field.partition(".")[0]]
    checks = await object_checks(org, need)
    assert (of("failed", checks), of("unknown", checks)) == ({f"salesforce.{field}"}, set())


@pytest.mark.parametrize(("service", "mistake", "line"), list(right_mistakes()))
async def test_a_right_too_few_or_too_many_fails_its_line_alone(vendors, service, mistake, line):  # R272, R273, R275
    vendors.break_("salesforce", rightsMistakes=mistake)
    checks = await vendors.at_salesforce(service)
    assert of("failed", checks) == {line}


@pytest.mark.parametrize("service", ["orders", "catalog"])
async def test_an_optional_field_may_be_missing_and_the_line_says_what_is_gone_without(vendors, service):
    field = {"orders": "Order.Activation_Error_Code__c", "catalog": "Product2.Portal_Name_JA__c"}[service]
    vendors.break_("salesforce", fieldMistakes=f"{field}:hidden")
    checks = {check.id: check for check in await vendors.at_salesforce(service)}
    assert checks[f"salesforce.{field}"].result == "passed"
    assert "goes without" in checks[f"salesforce.{field}"].detail


@pytest.mark.parametrize(
    ("changes", "fix"),
    [
        ({"client_id": "another-app"}, "consumer key"),
        ({"username": "nobody@sandbox.invalid"}, "Assign the integration user"),
        ({"audience": "https://elsewhere.example.jp"}, "SF_LOGIN_URL"),
        ({"private_key_base64": None, "private_key_path": None}, "Compare SF_LOGIN_URL"),
        ({"private_key_base64": "another"}, "Upload the certificate"),
    ],
)
async def test_a_refused_login_fails_alone_and_says_what_to_mend(vendors, changes, fix):  # R269-R271
    if changes.get("private_key_base64"):
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        changes = {"private_key_base64": vendors.encoded(other)}
    checks = await vendors.at_salesforce("support", **changes)
    (failed,) = [check for check in checks if check.result == "failed"]
    assert failed.id == "salesforce.login"
    assert fix in failed.fix
    assert of("passed", checks) <= {"salesforce.clock"}


async def test_a_login_mended_a_moment_ago_is_seen_at_once(vendors):
    certificate = vendors.core.settings.salesforce_public_key_path
    salesforce = vendors.salesforce()
    look = vendors.org_look("support", salesforce)
    certificate.rename(certificate.with_suffix(".away"))
    try:
        assert of("failed", await look()) == {"salesforce.login"}
        certificate.with_suffix(".away").rename(certificate)
        assert of("failed", await look()) == set()
    finally:
        await salesforce.close()


@pytest.mark.parametrize("seconds", [-300, 300])
async def test_a_wrong_clock_fails_alone(vendors, seconds):
    vendors.break_("salesforce", dateSkewSeconds=seconds)
    assert of("failed", await vendors.at_salesforce("support")) == {"salesforce.clock"}


async def test_an_org_that_is_away_fails_nothing(vendors):
    vendors.core.faults.arm({"vendor": "salesforce", "call": "*", "kind": "refused", "times": None})
    try:
        checks = await vendors.at_salesforce("changefeed")
    finally:
        vendors.core.faults.disarm()
    assert of("unknown", checks) == {check.id for check in checks}


@pytest.mark.parametrize("entity", CHANGES)
async def test_an_object_that_is_not_selected_for_change_events_fails_alone(vendors, entity):  # C24
    vendors.break_("salesforce", changeEntities=",".join(name for name in CHANGES if name != entity))
    assert of("failed", await vendors.at_salesforce("changefeed")) == {f"salesforce.change_events.{entity}"}


async def test_a_flow_that_is_not_active_fails_alone(vendors):  # R299
    vendors.break_("salesforce", flowEnabled=False)
    assert of("failed", await vendors.at_salesforce("changefeed")) == {"salesforce.flow"}


async def test_what_needs_the_right_to_see_the_setup_is_unknown_without_it(vendors):
    vendors.break_("salesforce", rightsMistakes="Setup-read")
    checks = await vendors.at_salesforce("changefeed")
    lines = {"salesforce.flow", *(f"salesforce.change_events.{entity}" for entity in CHANGES)}
    assert (of("failed", checks), of("unknown", checks)) == (set(), lines)


async def test_an_app_that_issues_other_tokens_fails_the_event_bus_alone(vendors):
    vendors.break_("salesforce", tokenFormat="jwt")
    assert of("failed", await vendors.at_salesforce("changefeed")) == {"salesforce.pubsub"}


@pytest.mark.parametrize("book", [None, "01s000000000009AAA"])
async def test_a_price_book_that_is_not_there_fails_alone(vendors, book):
    assert of("failed", await vendors.at_salesforce("catalog", pricebook_id=book)) == {"salesforce.pricebook"}


@pytest.mark.parametrize(
    ("service", "mistake", "line"),
    [
        ("identity", "ContentVersion-create", "salesforce.ContentVersion.VersionData"),
        ("support", "CaseComment-create", "salesforce.CaseComment.CommentBody"),
    ],
)
async def test_what_has_no_object_rights_of_its_own_fails_by_its_content(vendors, service, mistake, line):
    vendors.break_("salesforce", rightsMistakes=mistake)
    assert of("failed", await vendors.at_salesforce(service)) == {line}


async def test_a_case_without_a_record_type_fails_alone(vendors):  # C23
    vendors.break_("salesforce", rightsMistakes="Case-record_type")
    assert of("failed", await vendors.at_salesforce("support")) == {"salesforce.Case.record_type"}
