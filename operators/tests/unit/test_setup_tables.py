"""The services' tables of what they need of Salesforce are the one list: every field of the dialects is in them."""

import re
from pathlib import Path

import pytest

from portal_billing.whmcs_setup import ACTIONS, NEVER
from portal_catalog.salesforce_setup import NEEDS as CATALOG
from portal_changefeed.salesforce_setup import NEEDS as CHANGEFEED
from portal_identity.salesforce_setup import NEEDS as IDENTITY
from portal_orders.salesforce_setup import NEEDS as ORDERS
from portal_salesforce import load_profile
from portal_salesforce.profile import SHIPPED
from portal_support.salesforce_setup import NEEDS as SUPPORT

NEEDS = {"orders": ORDERS, "identity": IDENTITY, "catalog": CATALOG, "support": SUPPORT, "changefeed": CHANGEFEED}
LISTED = {field.name for needs in NEEDS.values() for need in needs for field in need.fields}


@pytest.mark.parametrize("profile", SHIPPED)
def test_every_field_of_the_dialects_is_checked_by_somebody(profile: str) -> None:
    assert set(load_profile(profile).fields) == {name for name in LISTED if "." in name}


def test_rights_on_an_object_are_judged_by_one_service() -> None:
    judged = [need.name for needs in NEEDS.values() for need in needs if need.rights]
    assert len(judged) == len(set(judged))
    assert {"Account", "Contact", "Order", "OrderItem", "Opportunity", "Case"} <= set(judged)  # R272
    assert {need.rights for need in CATALOG} == {"R"}  # R273


def test_every_action_billing_calls_at_whmcs_has_a_line() -> None:  # D07
    sources = (Path(__file__).parents[3] / "services" / "billing" / "src").rglob("whmcs_*.py")
    called = {
        action
        for source in sources
        for action in re.findall(r'\.(?:read|pages|write)\(\s*"([A-Z][A-Za-z]+)"', source.read_text("utf-8"))
    }
    assert len(called) > 10
    assert called <= set(ACTIONS)
    assert not called & set(NEVER)
