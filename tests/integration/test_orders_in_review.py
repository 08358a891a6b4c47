"""An order between its customer and staff: withdrawn, approved meanwhile, rejected in curated words (C36, C40)."""

import pytest

from portal_testing.invariants import broken_invariants, broken_silence
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack
from portal_testing.subscribers import at_once, refusal, until

REASONS = {
    "ADDRESS": ("the address could not be verified", "ご住所を確認できなかったため"),
    "IDENTITY": ("your identity could not be verified", "ご本人様確認ができなかったため"),
    "UNAVAILABLE": ("the service is not available at your address", "ご住所ではサービスをご利用いただけないため"),
    "": ("We could not accept this order. Nothing was charged.", "今回のご注文はお受けできませんでした"),
}
REJECTED = "ご注文をお受けできませんでした"


async def test_an_order_is_withdrawn_once_from_two_tabs_and_not_by_others(
    shopper: Shopper, shoppers, portal_stack: PortalStack
) -> None:
    order_id = await shopper.order_vpn()
    path = f"/orders/{order_id}/withdraw"
    somebody = await shoppers.somebody(with_card=False)
    assert await refusal(somebody.customer.post(path, {})) == (404, "NOT_FOUND")
    assert (await shopper.read(order_id))["withdrawable"]
    tabs = await at_once(*(shopper.customer.post(path, {}, key=f"not-now-{tab}") for tab in ("one", "one", "two")))
    assert [one for one in tabs if isinstance(one, str)] == []
    shown = await shopper.read(order_id)
    assert (shown["status"], shown["withdrawable"]) == ({"en": "Withdrawn", "ja": "取り下げ済み"}, False)
    assert shown["whoActs"]["owner"] == "nobody"
    assert [one["kind"] for one in await shopper.timeline(order_id)] == ["order.placed", "order.withdrawn"]
    assert await broken_silence(portal_stack, order_id) == []
    again = await shopper.order_vpn()  # nothing is in the way of the same order again
    assert again != order_id


async def test_an_order_that_staff_approve_meanwhile_is_either_withdrawn_or_activated(
    shopper: Shopper, portal_stack: PortalStack
) -> None:
    order_id = await shopper.order_vpn()
    path = f"/orders/{order_id}/withdraw"
    await shopper.change(order_id, Status="Approved")
    assert await refusal(shopper.customer.post(path, {})) == (409, "ORDER_NOT_WITHDRAWABLE")
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id) == []
    assert await refusal(shopper.customer.post(path, {})) == (409, "ORDER_NOT_WITHDRAWABLE")


@pytest.mark.parametrize("code", REASONS)
async def test_a_rejection_reads_alike_in_the_portal_and_in_the_mail(code: str, shopper: Shopper) -> None:  # R129, R265
    order_id = await shopper.order_vpn()
    await shopper.change(order_id, Status="Cancelled", Description=f"Rejected: {code} seen with a false passport")
    entry = await shopper.see(order_id, "order.rejected")
    english, japanese = REASONS[code]
    assert english in entry["text"]["en"]
    assert japanese in entry["text"]["ja"]
    shown = await shopper.read(order_id)
    assert (shown["status"]["ja"], shown["whoActs"]["owner"]) == ("お受けできませんでした", "nobody")

    async def mails() -> list[str]:
        mails = await shopper.customer.mails(shopper.person.email)
        return [mail["text"] for mail in mails if mail["subject"].startswith(REJECTED)]

    (mail,) = await until(mails, bool, "the mail")
    assert entry["text"]["ja"] in mail
    assert "passport" not in str((shown, mail, await shopper.timeline(order_id)))
    order = await shopper.salesforce.read("Order", order_id)

    async def stage() -> str:
        return str((await shopper.salesforce.read("Opportunity", order["OpportunityId"]))["StageName"])

    await until(stage, lambda seen: seen == "Void", "the opportunity to be void")
