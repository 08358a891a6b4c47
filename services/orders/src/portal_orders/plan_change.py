"""Another plan for a running service: its price where WHMCS tells one, and a case for staff (§5 item 3)."""

import hashlib
from dataclasses import dataclass

from portal_contracts.cancellation import PlanChangePreview, PlanChangeRequested, PreviewPlanChange, RequestPlanChange
from portal_contracts.catalog import BillingCycle, SoldProduct
from portal_contracts.problems import Refused, TryLater
from portal_orders.cancel_service import RUNNING, FindService, OwnService
from portal_orders.cancellation_ports import RequestCases, ServiceLines
from portal_orders.cancellation_wording import case_text
from portal_orders.check_out import Buyer
from portal_orders.eligibility_ports import AccountEligibility
from portal_orders.ports import CommandLog, Products, Transactions


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Prices another plan and asks staff for it."""

    find: FindService
    products: Products
    accounts: AccountEligibility
    lines: ServiceLines
    cases: RequestCases
    commands: CommandLog
    transactions: Transactions

    async def preview(self, query: PreviewPlanChange, buyer: Buyer) -> PlanChangePreview:
        """Refused NOT_FOUND, PLAN_CHANGE_NOT_OFFERED or NOT_ELIGIBLE."""
        own, product = await self._offered(query.service_id, query.sku, buyer)
        return await self._priced(own, product, buyer)

    async def request(self, command: RequestPlanChange, buyer: Buyer) -> PlanChangeRequested:
        """Open staff's case, one for a key; Refused as `RequestPlanChange` lists."""
        own, product = await self._offered(command.service_id, command.sku, buyer)
        if own.contract is not None and own.contract.stage == "cancelling":
            raise Refused("CANCELLATION_UNDER_WAY")
        priced = await self._priced(own, product, buyer)
        line = await self._line(own, buyer) if own.category == "sim" else {}
        async with self.transactions() as transaction:  # the key first: under it nothing else may be asked for
            if not await self.commands.answered(transaction, command, buyer.account_id):
                await self.commands.remember(transaction, command, buyer.account_id)
        key = hashlib.sha256(f"{buyer.account_id}:{command.request_id}".encode()).hexdigest()[:40]
        case_id = await self.cases.open_inquiry(
            f"plan-change:{key}",
            buyer.account_id,
            f"Plan change: {product.name.en} / {product.name.ja} (WHMCS service {command.service_id})"[:255],
            case_text({**_wish(own, product, priced), **line}),
            own.contract.opportunity_id if own.contract is not None else None,
        )
        return PlanChangeRequested(case_id=case_id)

    async def _line(self, own: OwnService, buyer: Buyer) -> dict[str, str]:
        """Give how to find the line at the operator's; the wish does not wait for who is away."""
        try:
            line = await self.lines.find(buyer.account_id, own.subscription.service_id)
        except TryLater:
            line = None
        if line is None:
            return {"SIM line / SIM回線": "to be looked up / 要確認"}
        return {
            "Phone number / 電話番号": line.phone_number,
            "SIM": f"{'eSIM' if line.esim else 'SIM card'}, ICCID {line.iccid or '-'}",
            "The operator's plan now / 回線プラン": line.plan,
            "New plan on the line from / 回線プラン変更日": "the 1st of next month / 翌月1日",
        }

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
        await self._check_available(product, buyer)
        return own, product

    async def _check_available(self, product: SoldProduct, buyer: Buyer) -> None:
        """Refuse NOT_ELIGIBLE an Internet plan that staff did not find available (R080)."""
        if product.category != "internet" or product.eligibility is None:
            return
        found = await self.accounts.read(buyer.account_id)
        if found is None or not found.allows(product.eligibility):
            raise Refused("NOT_ELIGIBLE", facts={"sku": product.sku})

    async def _priced(self, own: OwnService, product: SoldProduct, buyer: Buyer) -> PlanChangePreview:
        if product.whmcs_product_id is None or product.price is None:
            raise Refused("PLAN_CHANGE_NOT_OFFERED", facts={"sku": product.sku})
        return PlanChangePreview(
            service_id=own.subscription.service_id,
            sku=product.sku,
            name=product.name,
            monthly=product.price,
            price_now=await self._price_now(own, product.whmcs_product_id, product.billing_cycle, buyer),
            starts_on=None,
        )

    async def _price_now(self, own: OwnService, product_id: int, cycle: BillingCycle, buyer: Buyer) -> int | None:
        """Give WHMCS's price; None where it calculates none, so that staff tell it (§5 item 3)."""
        service_id = own.subscription.service_id
        try:
            return (await self.find.billing.quote(buyer.whmcs_client_id, service_id, product_id, cycle)).price_now
        except Refused as no:
            if no.code != "PLAN_CHANGE_NOT_OFFERED":
                raise
            return None


def _wish(own: OwnService, product: SoldProduct, priced: PlanChangePreview) -> dict[str, str]:
    """Give what staff carry out, in words the customer reads as well."""
    now, then = own.subscription, priced.price_now
    return {
        "Service / サービス": f"No. {now.service_id}",
        "Plan now / 現在のプラン": f"{own.name.en} / {own.name.ja}, {now.amount} yen {now.billing_cycle}",
        "Plan wanted / 変更後のプラン": f"{product.name.en} / {product.name.ja} ({product.sku}), {priced.monthly} yen"
        f" {product.billing_cycle}",
        "Due at once, as shown / 差額": "to be told / 担当者よりご案内" if then is None else f"{then} yen",
    }
