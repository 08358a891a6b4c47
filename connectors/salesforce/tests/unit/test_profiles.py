"""One system, both wordings (requirements 2.2, 2.3; C02, C03, C05, C17, C27)."""

import pytest

from portal_contracts.problems import Misconfigured
from portal_salesforce.dialect import Dialect, resolve, wording_gaps
from portal_salesforce.profile import SHIPPED, STAGE_CANCELLED, STAGE_CANCELLING, UNKNOWN, load_profile

ONLY_OURS = {
    "scheduled": "not_started",
    "awaiting_payment_method": "failed",
    "needs_reconciliation": "activating",
    "waiting_for_customer": "in_progress",
}


@pytest.mark.parametrize("name", SHIPPED)
def test_reading_what_was_written_gives_the_same_value(name):
    """C03: map(read(write(x))) = x for every value of both profiles; what only the portal knows reads as its base."""
    for picklist in load_profile(name).picklists.values():
        for canonical, text in picklist.writes.items():
            assert picklist.read(text) == ONLY_OURS.get(canonical, canonical)


def test_the_two_profiles_write_their_own_wording():
    newer, older = (Dialect.assumed(load_profile(name)) for name in SHIPPED)
    assert (newer.write("order.status", "completed"), older.write("order.status", "completed")) == (
        "Activated",
        "Completed",
    )
    assert [newer.write("order.activation", value) for value in ("not_started", "activated", "failed")] == [
        "Pending Review",
        "Provisioned",
        "Failed",
    ]
    assert [
        older.write("order.activation", value) for value in ("scheduled", "activated", "awaiting_payment_method")
    ] == [
        "Not Started",
        "Activated",
        "Failed",
    ]


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(
    ("picklist", "text", "canonical"),
    [
        ("order.status", "Activated", "completed"),
        ("order.status", "Completed", "completed"),
        ("order.status", " pending review ", "pending_review"),
        ("order.status", "Ｄｒａｆｔ", "draft"),
        ("order.status", "Fulfilled", UNKNOWN),
        ("order.status", None, UNKNOWN),
        ("order.activation", None, "not_started"),
        ("order.activation", "", "not_started"),
        ("order.activation", "Created", "not_started"),
        ("order.activation", "Provisioned", "activated"),
        ("order.activation", "Activated", "activated"),
        ("opportunity.stage", "\u25b3Cancelling", "cancelling"),
    ],
)
def test_every_known_wording_is_read_and_a_new_one_is_unknown(name, picklist, text, canonical):
    assert Dialect.assumed(load_profile(name)).read(picklist, text) == canonical


def test_the_triangle_is_a_code_point():
    """C27: byte-exact."""
    assert STAGE_CANCELLING.encode() == b"\xe2\x96\xb3Cancelling"
    assert STAGE_CANCELLED.encode() == b"\xe2\x96\xb3Cancelled"
    for name in SHIPPED:
        stages = load_profile(name).picklists["opportunity.stage"]
        assert (stages.write("cancelling"), stages.write("cancelled")) == (STAGE_CANCELLING, STAGE_CANCELLED)


def test_a_query_gets_every_wording_of_a_value():
    assert load_profile("2025-12").picklists["order.status"].texts("completed", "draft") == [
        "Draft",
        "Activated",
        "Completed",
    ]


def described(*names, **picklists):
    fields = [{"name": name} for name in names]
    fields += [
        {
            "name": name,
            "restrictedPicklist": True,
            "picklistValues": [{"value": value, "active": True} for value in values],
        }
        for name, values in picklists.items()
    ]
    return {"fields": fields}


PRODUCT = ("Billing_Cycle__c", "Item_Class__c", "Portal_Visible__c", "Portal_Category__c")


@pytest.mark.parametrize("alias", ["WH_Product_ID__c", "WHMCS_Product_Id__c"])
def test_the_first_alias_that_exists_is_used(alias):
    """C05."""
    dialect = resolve(load_profile("2025-12"), {"Product2": described(*PRODUCT, alias)})
    assert dialect.field("product.whmcsProductId") == alias
    assert dialect.all_names("product.whmcsProductId") == (alias,)


def test_both_aliases_are_known_when_both_exist():
    both = ("WHMCS_Product_Id__c", "wh_product_id__c")
    dialect = resolve(load_profile("2025-12"), {"Product2": described(*PRODUCT, *both)})
    assert dialect.field("product.whmcsProductId") == "wh_product_id__c"
    assert dialect.names("product.whmcsProductId", "product.nameJa") == ["wh_product_id__c", "WHMCS_Product_Id__c"]


def test_optional_fields_may_be_absent():
    """C17."""
    dialect = resolve(load_profile("2025-12"), {"Product2": described(*PRODUCT, "WH_Product_ID__c")})
    assert not dialect.has("product.nameJa")
    assert dialect.has("product.itemClass")


def test_a_field_that_must_exist_is_named_when_it_does_not():
    with pytest.raises(Misconfigured, match=r"Product2.WH_Product_ID__c"):
        resolve(load_profile("2025-12"), {"Product2": described(*PRODUCT)})


def test_a_wording_the_org_would_refuse_is_found():
    order = described(Status=["Draft", "Pending Review", "Approved", "Completed", "Cancelled"])
    assert wording_gaps(load_profile("2025-12"), {"Order": order}) == ["Order.Status: Activated"]
    assert wording_gaps(load_profile("2025-08"), {"Order": order}) == []


def test_a_profile_of_ones_own_is_laid_over_a_shipped_one(tmp_path):
    path = tmp_path / "ours.toml"
    path.write_text('name = "ours"\nextends = "2025-08"\n[fields]\n"account.customerNumber" = ["Number__c"]\n', "utf-8")
    profile = load_profile(str(path))
    assert profile.fields["account.customerNumber"] == ("Number__c",)
    assert profile.picklists["order.status"].write("completed") == "Completed"


@pytest.mark.parametrize(
    "text",
    [
        "name = ",
        'name = "x"\nextends = "2030-01"',
        'name = "x"\n[fields]\n"planet.x" = ["A"]',
        'name = "x"\n[fields]\n"order.x" = []',
        'name = "x"\n[picklists."order.status"]\napproved = ["Draft"]',
        'name = "x"\n[picklists."order.status"]\nwrite = { completed = "Finished" }',
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(tmp_path, text):
    path = tmp_path / "broken.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(Misconfigured, match="profile"):
        load_profile(str(path))


def test_a_missing_profile_is_refused(tmp_path):
    with pytest.raises(Misconfigured, match="profile"):
        load_profile(str(tmp_path / "none.toml"))
