"""Another plan for a running service: its price where WHMCS tells one, and a case for staff (§5 item 3)."""

from dataclasses import dataclass

from portal_contracts.cancellation import PlanChangePreview, PlanChangeRequested, PreviewPlanChange, RequestPlanChange
from portal_contracts.catalog import SoldProduct
from portal_contracts.problems import Refused
from portal_orders.cancel_service import RUNNING, FindService, OwnService
from portal_orders.cancellation_ports import RequestCases
from portal_orders.cancellation_wording import case_text
from portal_orders.check_out import Buyer
from portal_orders.ports import Products


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Prices another plan and asks staff for it."""

    find: FindService
    products: Products
    cases: RequestCases

    async def preview(self, query: PreviewPlanChange, buyer: Buyer) -> PlanChangePreview:
        """Refused NOT_FOUND or PLAN_CHANGE_NOT_OFFERED."""
        own, product = await self._offered(query.service_id, query.sku, buyer)
        return await self._priced(own, product, buyer)

    async def request(self, command: RequestPlanChange, buyer: Buyer) -> PlanChangeRequested:
        """Open staff's case, one for a key. Refused as the preview, or CANCELLATION_UNDER_WAY."""
        own, product = await self._offered(command.service_id, command.sku, buyer)
        if own.contract is not None and own.contract.stage == "cancelling":
            raise Refused("CANCELLATION_UNDER_WAY")
        priced = await self._priced(own, product, buyer)
        text = case_text(
            {
                "WHMCS service": str(command.service_id),
                "Plan now": own.name.en,
                "Plan wanted": f"{product.sku} ({product.name.en})",
                "Monthly, as shown": f"{priced.monthly} yen",
                "Due at once, as shown": "not told by WHMCS" if priced.price_now is None else f"{priced.price_now} yen",
                "A SIM line": "change the plan at Freebit to the 1st of next month as well"
                if own.category == "sim"
                else "",
            }
        )
        case_id = await self.cases.open_inquiry(
            f"plan-change:{buyer.account_id}:{command.request_id}"[:80],
            buyer.account_id,
            f"Plan change: {product.name.en} / {product.name.ja} (WHMCS service {command.service_id})"[:255],
            text,
            own.contract.opportunity_id if own.contract is not None else None,
        )
        return PlanChangeRequested(case_id=case_id)

    async def _offered(self, service_id: int, sku: str, buyer: Buyer) -> tuple[OwnService, SoldProduct]:
        own = await self.find(service_id, buyer)
        product = next(iter(await self.products.find(skus=[sku])), None)
        if (
            product is None
            or not product.orderable
            or product.item_class != "service"
            or own.subscription.state not in RUNNING
            or own.category != product.category
            or product.whmcs_product_id == own.subscription.whmcs_product_id
        ):
            raise Refused("PLAN_CHANGE_NOT_OFFERED", facts={"sku": sku})
        return own, product

    async def _priced(self, own: OwnService, product: SoldProduct, buyer: Buyer) -> PlanChangePreview:
        if product.whmcs_product_id is None or product.price is None:
            raise Refused("PLAN_CHANGE_NOT_OFFERED", facts={"sku": product.sku})
        quote = await self.find.billing.quote(
            buyer.whmcs_client_id, own.subscription.service_id, product.whmcs_product_id, product.billing_cycle
        )
        return PlanChangePreview(
            service_id=own.subscription.service_id,
            sku=product.sku,
            name=product.name,
            monthly=product.price,
            price_now=quote.price_now,
            starts_on=None,
        )
