"""What the org's wordings mean and what customers read of them, in one table for both dialects (§2.2, C02, C03)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal_orders.order import PAYMENT_MISSING
from portal_orders.wording import status_words
from portal_salesforce.profile import load_profile

DIALECTS = ("2025-12", "2025-08")
STUCK = timedelta(minutes=30)
WAITING = {"error_code": PAYMENT_MISSING}
WORDS = [
    # requirement, Status, Activation_Status__c, what else is known, shown activation, English, Japanese
    ("R111", "Draft", None, {}, None, "Being created", "作成中"),
    ("R112 R118", "Pending Review", "Pending Review", {}, None, "Awaiting review", "審査中"),
    ("R112 R122", "Pending Review", "Not Started", {}, None, "Awaiting review", "審査中"),
    ("R113 R118", "Approved", "Pending Review", {}, "not_started", "Approved", "承認済み"),
    ("R113 R122", "Approved", "Not Started", {}, "not_started", "Approved", "承認済み"),
    ("R117", "Approved", "Created", {}, "not_started", "Approved", "承認済み"),
    ("R122", "Approved", None, {}, "not_started", "Approved", "承認済み"),
    ("R119", "Approved", "Activating", {}, "activating", "Activating", "開通作業中"),
    (
        "R119",
        "Approved",
        "Activating",
        {"parked": True},
        "needs_reconciliation",
        "Taking longer than usual",
        "通常より時間がかかっています",
    ),
    ("R121", "Approved", "Failed", {}, "failed", "Delayed, we are on it", "確認中"),
    (
        "R121",
        "Approved",
        "Failed",
        WAITING,
        "awaiting_payment_method",
        "Awaiting payment method",
        "お支払い方法の登録待ち",
    ),
    ("R120", "Approved", "Provisioned", {}, "activated", "Active", "開通済み"),
    ("R123", "Approved", "Activated", {}, "activated", "Active", "開通済み"),
    ("R114 R120", "Activated", "Provisioned", {}, "activated", "Active", "開通済み"),
    ("R116 R123", "Completed", "Activated", {}, "activated", "Active", "開通済み"),
    ("R115", "Cancelled", "Pending Review", {}, None, "Cancelled", "キャンセル済み"),
    ("R124", "Cancelled", "Failed", {}, None, "Cancelled", "キャンセル済み"),
    ("C02", "Something Else", "Activating", {}, None, "Being checked", "確認中"),
    ("C03", "Approved", "Something Else", {}, "unknown", "Being checked", "確認中"),
]
STAGES = [
    ("R224", "Introduction", "introduction"),
    ("R225", "Ready", "ready"),
    ("R226", "Post Processing", "post_processing"),
    ("R227", "Active", "active"),
    ("R228", "\u25b3Cancelling", "cancelling"),
    ("R229", "\u25b3Cancelled", "cancelled"),
    ("R230", "Void", "void"),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("number", "status", "activation", "facts", "shown", "en", "ja"), WORDS)
async def test_each_wording_of_the_org_is_told_in_the_customers_words(
    world, dialect, number, status, activation, facts, shown, en, ja
):
    order_id = await world.place_one()
    picklists = load_profile(dialect).picklists
    read = {
        "state": picklists["order.status"].read(status),
        "activation": picklists["order.activation"].read(activation),
    }
    order = world.book.orders[order_id] = replace(world.book.orders[order_id], **read, **facts)
    words = status_words(order, world.clock.now(), STUCK)
    assert (words.en, words.ja) == (en, ja), number
    if order.state != "draft":
        detail = await world.detail(order_id)
        assert (detail.activation, detail.status) == (shown, words), number  # R124: hidden before approval


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_scheduled_order_says_for_when_whatever_its_activation_is_called(world, dialect):
    """§2.2, C38: in Japanese time."""
    at = world.clock.now() + timedelta(days=2)
    order_id = await world.place_one()
    picklist = load_profile(dialect).picklists["order.activation"]
    facts = {"state": "approved", "activation": picklist.read(picklist.write("scheduled")), "scheduled": True}
    order = replace(world.book.orders[order_id], **facts, scheduled_at=at)
    words = status_words(order, world.clock.now(), STUCK)
    assert words.en.startswith("Scheduled for ")
    assert words.ja == f"{words.en.removeprefix('Scheduled for ')} 開通予定"


@pytest.mark.parametrize(
    ("dialect", "completed", "not_started", "activated"),
    [("2025-12", "Activated", "Pending Review", "Provisioned"), ("2025-08", "Completed", "Not Started", "Activated")],
)
def test_what_is_written_is_the_orgs_own_wording_and_reads_as_what_was_meant(
    dialect, completed, not_started, activated
):
    """C02, C03."""
    status, activation = (load_profile(dialect).picklists[name] for name in ("order.status", "order.activation"))
    assert status.write("completed") == completed
    assert (activation.write("not_started"), activation.write("activated")) == (not_started, activated)
    assert (activation.write("awaiting_payment_method"), activation.write("needs_reconciliation")) == (
        "Failed",
        "Activating",
    )
    for state in ("draft", "pending_review", "approved", "completed", "cancelled"):
        assert status.read(status.write(state)) == state


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("number", "text", "stage"), STAGES)
def test_each_stage_of_an_opportunity_has_its_meaning_and_its_exact_text(dialect, number, text, stage):
    """C27: the two with a triangle by its code point."""
    picklist = load_profile(dialect).picklists["opportunity.stage"]
    assert (picklist.read(text), picklist.write(stage)) == (stage, text), number
