"""The dialects of the tests are those the connector ships profiles for (C02, C03, C05)."""

import json

import pytest

from portal_salesforce.profile import SHIPPED, load_profile
from portal_testing.salesforce_dialects import DEFAULT, DIALECTS


def test_every_shipped_profile_has_its_dialect_and_the_first_is_the_usual_one():
    assert tuple(DIALECTS) == SHIPPED
    assert SHIPPED[0] == DEFAULT


@pytest.mark.parametrize("name", DIALECTS)
def test_its_words_are_those_the_portal_writes_there(name):
    dialect, profile = DIALECTS[name], load_profile(name)
    assert profile.picklists["order.status"].write("completed") == dialect.completed
    activation = profile.picklists["order.activation"]
    assert (activation.write("not_started"), activation.write("activated")) == (dialect.not_started, dialect.activated)
    assert dialect.product_id_field in profile.fields["product.whmcsProductId"]
    assert dialect.commodity_field in profile.fields["opportunity.commodityType"]


def test_no_two_dialects_share_a_word_or_a_name():
    one, other = DIALECTS.values()
    for fact in ("completed", "not_started", "activated", "product_id_field", "commodity_field"):
        assert getattr(one, fact) != getattr(other, fact)
    switches = [json.loads(dialect.overrides()["SANDBOX_SWITCHES"])["salesforce"] for dialect in (one, other)]
    assert [set(chosen) for chosen in switches] == [{"dialect", "productIdField", "commodityField"}] * 2
