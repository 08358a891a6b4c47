"""What the integration user sees and may do (R272-R275), and each way to get it wrong."""

import pytest

from portal_sandbox.salesforce.dialect import Dialect
from portal_sandbox.salesforce.rest.describe import describe
from portal_sandbox.salesforce.rights import Mistakes, seen_by_integration_user


def seen(rights="", fields=""):
    return seen_by_integration_user(Dialect(), Mistakes(rights, fields))


def described(name, **mistakes):
    return describe(seen(**mistakes).objects[name], "66.0")


def field_of(description, name):
    return next((field for field in description["fields"] if field["name"] == name), None)


@pytest.mark.parametrize("name", ["Account", "Contact", "Order", "OrderItem", "Opportunity", "Case"])
def test_customer_data_may_be_created_and_edited_and_not_deleted(name):  # R272
    flags = described(name)
    assert (flags["createable"], flags["updateable"], flags["deletable"]) == (True, True, False)


@pytest.mark.parametrize("name", ["Product2", "PricebookEntry", "OrderProvisionRequested__e"])
def test_products_and_the_event_may_only_be_read(name):  # R273, R275
    flags = described(name)
    assert (flags["createable"], flags["updateable"], flags["deletable"]) == (False, False, False)


def test_an_object_without_the_read_right_is_not_there():
    assert seen(rights="Case-read").find("Case") is None
    assert seen(rights="Setup-read").find("FlowDefinitionView") is None


@pytest.mark.parametrize(
    ("mistake", "name", "wrong"),
    [
        ("readonly", "EID__c", {"createable": False, "updateable": False}),
        ("type boolean", "EID__c", {"type": "boolean"}),
        ("ordinary", "Portal_Order_Key__c", {"unique": False, "externalId": False}),
    ],
)
def test_a_field_is_described_as_it_was_set_up(mistake, name, wrong):
    field = field_of(described("Order", fields=f"Order.{name}:{mistake}"), name)
    assert {key: field[key] for key in wrong} == wrong


def test_a_hidden_field_is_left_out_and_a_value_can_be_missing():
    assert field_of(described("Order", fields="Order.EID__c:hidden"), "EID__c") is None
    values = field_of(described("Case", fields="Case.Type:lacks ID Verification"), "Type")["picklistValues"]
    assert "ID Verification" not in {value["value"] for value in values}
    assert len(values) == 3
