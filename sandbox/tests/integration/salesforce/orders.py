"""Orders as the portal makes them."""

from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID
from portal_sandbox.salesforce.seed import account_id, entry_id


async def draft_order(rest, number="SNX-10001", key=None, skus=("INT-HOME-1G", "INT-INSTALL-SINGLE")):
    """Opportunity, Draft order and items; answers the order's id."""
    opportunity = await rest.create(
        "Opportunity",
        Name="Internet",
        AccountId=account_id(number),
        StageName="Post Processing",
        CloseDate="2026-12-01",
        CommodityType="Personal SonixNet Home Internet",
        Portal_Source__c="Portal - Order Placement",
    )
    order = await rest.create(
        "Order",
        AccountId=account_id(number),
        OpportunityId=opportunity,
        Status="Draft",
        EffectiveDate="2026-11-21",
        Pricebook2Id=PORTAL_PRICEBOOK_ID,
        Portal_Order_Key__c=key,
    )
    for sku in skus:
        await rest.create("OrderItem", OrderId=order, PricebookEntryId=entry_id(sku), Quantity=1)
    return order


async def submitted_order(rest, **options):
    order = await draft_order(rest, **options)
    await rest.change("Order", order, Status="Pending Review")
    return order
