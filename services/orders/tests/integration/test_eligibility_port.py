"""The ports to Salesforce behind eligibility and reviews, on the sandbox in both wordings, with its faults."""

from datetime import UTC, datetime, timedelta

import pytest

from portal_contracts.problems import Misconfigured, TryLater
from portal_orders.review import BEGIN, without_card
from portal_orders.salesforce_eligibility import SalesforceEligibility
from portal_sandbox.salesforce.seed import account_id

INTERNET = "Personal SonixNet Home Internet"
ACCOUNT = account_id("SNX-10001")
AT = datetime(2027, 1, 5, 1, 2, 3, tzinfo=UTC)
RESULT, STATUS = "Internet_Eligibility__c", "Internet_Eligibility_Status__c"
CHECKED = "Internet_Eligibility_Checked_Date_Time__c"


@pytest.fixture(params=["2025-12", "2025-08"])
def accounts(request, sandbox, staff, connected):
    staff.switch(dialect=request.param, flowEnabled=False)
    return SalesforceEligibility(connected(sandbox, SF_DIALECT=request.param), internet_commodity=INTERNET)


@pytest.fixture
def usual(sandbox, connected):
    return SalesforceEligibility(connected(sandbox), internet_commodity=INTERNET)


async def enquiries(staff):
    found = await staff.children("Opportunity", "AccountId", ACCOUNT)
    return [one for one in found if one["StageName"] == "Introduction"]


async def test_a_request_stands_on_the_account_with_one_opportunity(accounts, staff):
    """R182-R185."""
    for _ in range(2):
        await accounts.submit(ACCOUNT, "check-1", AT)
    found = await accounts.read(ACCOUNT)
    assert (found.state, found.requested_at, found.checked_at) == ("pending", AT, None)
    (opportunity,) = await enquiries(staff)
    assert opportunity["Portal_Source__c"] == "Portal - Internet Eligibility Request"
    await accounts.submit(ACCOUNT, "check-2", AT + timedelta(days=40))
    assert len(await enquiries(staff)) == 1, "an open enquiry is used again"


async def test_a_request_that_arrives_late_does_not_undo_a_later_one(accounts, staff):
    await accounts.submit(ACCOUNT, "check-2", AT + timedelta(hours=1))
    await staff.change("Account", ACCOUNT, **{STATUS: "Checked", RESULT: "Home 1G"})
    await accounts.submit(ACCOUNT, "check-1", AT)
    found = await accounts.read(ACCOUNT)
    assert (found.state, found.types) == ("eligible", ("Home 1G",))


@pytest.mark.parametrize(
    ("result", "state", "types", "failed"),
    [
        ("Home 1G", "eligible", ("Home 1G",), False),
        ("Home 1G; Apartment 1G", "eligible", ("Home 1G", "Apartment 1G"), False),
        ("not available", "not_eligible", (), False),
        ("提供エリア外", "not_eligible", (), False),
        (None, "not_eligible", (), False),
        ("Address not found", "not_eligible", (), True),
    ],
)
async def test_what_staff_write_is_a_result(usual, staff, result, state, types, failed):
    """C25."""
    checked = {STATUS: "Checked", RESULT: result, CHECKED: "2027-01-06T01:00:00.000+0000"}
    await staff.change("Account", ACCOUNT, **checked)
    found = await usual.read(ACCOUNT)
    assert (found.state, found.types, found.address_failed) == (state, types, failed)


async def test_an_answer_that_was_lost_is_cured_by_a_repeat(usual, staff):
    staff.fault("composite", "after_effect", times=1)
    with pytest.raises(TryLater):
        await usual.submit(ACCOUNT, "check-1", AT)
    await usual.submit(ACCOUNT, "check-1", AT)
    assert (await usual.read(ACCOUNT)).requested_at == AT
    assert len(await enquiries(staff)) == 1


@pytest.mark.parametrize(("eligible", "stage"), [(True, "Ready"), (False, "Void")])
async def test_a_result_moves_the_enquiry_on_once(accounts, staff, eligible, stage):
    """R189, R224, R225, R230; what staff moved on meanwhile stays there."""
    await accounts.submit(ACCOUNT, "check-1", AT)
    (enquiry,) = await enquiries(staff)
    staff.fault("composite", "after_effect", times=1)  # the client repeats it at once, in vain
    await accounts.conclude(ACCOUNT, "check-1", eligible=eligible, on=AT.date())
    await accounts.conclude(ACCOUNT, "check-1", eligible=eligible, on=AT.date())
    concluded = await staff.record("Opportunity", enquiry["Id"])
    assert concluded["StageName"] == stage
    assert (concluded["Description"] or "").count("Void 2027-01-05:") == (0 if eligible else 1)
    await staff.change("Opportunity", enquiry["Id"], StageName="Post Processing")
    await accounts.conclude(ACCOUNT, "check-1", eligible=False, on=AT.date())
    assert (await staff.record("Opportunity", enquiry["Id"]))["StageName"] == "Post Processing"


async def test_a_checkout_that_comes_between_keeps_its_opportunity(sandbox, connected, staff):
    """R189: the enquiry is looked for once more in the write itself."""
    salesforce = connected(sandbox)
    accounts = SalesforceEligibility(salesforce, internet_commodity=INTERNET)
    await accounts.submit(ACCOUNT, "check-1", AT)
    (enquiry,) = await enquiries(staff)
    query = salesforce.query

    async def in_between(*args, **facts):
        found = await query(*args, **facts)
        await staff.change("Opportunity", enquiry["Id"], StageName="Post Processing")
        return found

    salesforce.query = in_between
    await accounts.conclude(ACCOUNT, "check-1", eligible=False, on=AT.date())
    assert (await staff.record("Opportunity", enquiry["Id"]))["StageName"] == "Post Processing"


async def test_the_profiles_own_word_for_checked_opens_the_checkout(sandbox, staff, connected, tmp_path):
    """C02, C25: the gate of the checkout reads what everything else reads."""
    profile = tmp_path / "org.toml"
    words = 'pending = ["Checked"]\nchecked = ["Pending"]'  # the sandbox's picklist is restricted to these two
    profile.write_text(f'name = "org"\n[picklists."account.eligibilityStatus"]\n{words}\n')
    accounts = SalesforceEligibility(connected(sandbox, SF_DIALECT=str(profile)), internet_commodity=INTERNET)
    staff.switch(flowEnabled=False)
    await staff.change("Account", ACCOUNT, **{RESULT: "Home 1G", STATUS: "Checked"})
    assert not (await accounts.read(ACCOUNT)).allows("Home 1G")
    await staff.change("Account", ACCOUNT, **{RESULT: "Home 1G", STATUS: "Pending"})
    found = await accounts.read(ACCOUNT)
    assert (found.allows("home　1g"), found.allows("Apartment 1G")) == (True, False)


async def test_a_review_card_and_staffs_notes_stand_side_by_side(org):
    order = await org.placed(instructions="Call first. Rejected: never")
    written = await org.port.write_review(order, f"{BEGIN}\nfirst\n--- end of portal review ---")
    assert written.description.startswith(BEGIN)
    assert without_card(written.description) == without_card(order.description)
    assert (await org.read(order.order_id)).rejection_reason == ""


async def test_a_review_card_leaves_a_rejection_of_the_same_second_alone(org):
    """C36."""
    order = await org.placed()
    await org.reject(order.order_id, "IDENTITY another person")
    with pytest.raises(TryLater):
        await org.port.write_review(order, f"{BEGIN}\nfirst\n--- end of portal review ---")
    assert (await org.read(order.order_id)).rejection_reason == "IDENTITY another person"


async def test_a_customers_cancelled_order_takes_its_opportunity_along(org):
    """C40."""
    order = await org.placed()
    written = await org.port.cancel(order, "Withdrawn by the customer.")
    assert (written.state, await org.stage(order.opportunity_id)) == ("cancelled", "void")
    with pytest.raises(TryLater):
        await org.port.cancel(order, "Withdrawn by the customer.")


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("status", {}),
        ("quota", {}),
        ("malformed", {}),
        ("error", {"meaning": "transient"}),
        ("error", {"meaning": "permanent"}),
    ],
)
async def test_salesforce_down_its_quota_spent_or_a_record_locked_means_later_and_happens_once(
    usual, sandbox, staff, connected, kind, params
):
    await usual.read(ACCOUNT)
    staff.fault("composite", kind, times=None, params=params)
    with pytest.raises(TryLater):
        await usual.submit(ACCOUNT, "check-1", AT)
    sandbox.faults.disarm()
    later = SalesforceEligibility(connected(sandbox), internet_commodity=INTERNET)
    await later.submit(ACCOUNT, "check-1", AT)
    assert (await later.read(ACCOUNT)).state == "pending"
    assert len(await enquiries(staff)) == 1


async def test_an_org_without_the_fields_is_our_set_up(usual, staff):
    staff.switch(fieldMistakes=f"Account.{STATUS}:hidden")
    with pytest.raises(Misconfigured):
        await usual.read(ACCOUNT)


async def test_a_status_nobody_knows_is_work_under_way(sandbox, staff, connected, tmp_path):
    """C25: never a result, never a crash."""
    profile = tmp_path / "org.toml"
    profile.write_text('name = "org"\n[picklists."account.eligibilityStatus"]\nchecked = ["Finished"]\n')
    accounts = SalesforceEligibility(connected(sandbox, SF_DIALECT=str(profile)), internet_commodity=INTERNET)
    await staff.change("Account", ACCOUNT, **{RESULT: "Home 1G", STATUS: "Checked"})
    assert (await accounts.read(ACCOUNT)).state == "pending"
