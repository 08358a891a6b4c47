"""An order read live with all that provisioning needs (R161, C05, C12)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from portal_contracts.billing import OrderLine
from portal_contracts.catalog import SoldProduct
from portal_contracts.orders import ProvisioningOrder
from portal_contracts.problems import Refused
from portal_orders.eligibility_ports import Verifications
from portal_orders.metrics import PRICE_MISMATCHES
from portal_orders.order import KeptItem, KeptOrder, SalesItem, SalesOrder, config_options_of, places_of, schedule_of
from portal_orders.porting import porting_of
from portal_orders.ports import Customers, OrderBook, Products, SalesOrders
from portal_orders.review import commodity_of


@dataclass(frozen=True, slots=True)
class ReadForProvisioning:
    """Joins Salesforce's order with the catalog's mapping and identity's link, all read at this moment."""

    sales: SalesOrders
    products: Products
    customers: Customers
    book: OrderBook
    verifications: Verifications | None = None
    """Asked where an approved order has to wait for its customer's verification (C26)."""

    async def __call__(self, order_id: str) -> ProvisioningOrder:
        """Raise Refused NOT_FOUND, CUSTOMER_NOT_LINKED, PRODUCT_UNMAPPED, PRICE_MISMATCH, PORTING_DATA_MISSING.

        And VERIFICATION_MISSING where the settings say that orders wait for it.
        """
        order = (await self.sales.read([order_id])).get(order_id)
        if order is None:
            raise Refused("NOT_FOUND")
        link = await self.customers.link(order.account_id)
        if link is None:
            raise Refused("CUSTOMER_NOT_LINKED")
        found = await self.products.find(product_ids={item.product_id for item in order.items})
        if self.verifications is not None and order.state == "approved":
            await self._verified(self.verifications, order, found)
        kept = await self.book.read(order_id)
        return self._joined(order, kept, {product.product_id: product for product in found}, link.whmcs_client_id)

    async def _verified(self, verifications: Verifications, order: SalesOrder, products: Sequence[SoldProduct]) -> None:
        """A voice line, say, is not set up on uploaded documents (C26)."""
        service = _service(order, {product.product_id: product for product in products})
        commodity = commodity_of(service)
        check = await verifications.check(order.account_id, commodity)
        if not check.passed:
            raise Refused("VERIFICATION_MISSING", facts={"commodity": commodity, "method": check.method})

    def _joined(
        self, order: SalesOrder, kept: KeptOrder | None, products: Mapping[str, SoldProduct], whmcs_client_id: int
    ) -> ProvisioningOrder:
        """Join what was read. What the org has no field for comes from the portal's own row."""
        scheduled, scheduled_at = schedule_of(order, kept)
        order = replace(order, scheduled=scheduled, scheduled_at=scheduled_at)
        service = _service(order, products)
        sim = service.category == "sim"
        return ProvisioningOrder(
            order_id=order.order_id,
            order_number=order.order_number,
            state=order.state,
            activation=order.activation,  # as Salesforce has it: what the portal shows is derived from the facts (C38)
            account_id=order.account_id,
            whmcs_client_id=whmcs_client_id,
            category=service.category,
            lines=[_line(item, products, snapshot) for item, snapshot in _with_snapshots(order, kept)],
            eid=order.eid or (kept.eid if kept else None),
            esim=service.esim,
            voice=service.voice,
            sim_plan=service.sku if sim else None,
            voice_options=_voice_options(order, products) if sim else (),
            porting=porting_of(order.porting, kept.porting if kept else None) if sim else None,
            sim_card_number=order.sim_card_number,
            activation_type="scheduled" if scheduled else "immediate",
            scheduled_at=scheduled_at if scheduled else None,
            checkout_traceparent=kept.traceparent if kept else None,
        )


def _sold(item: SalesItem, products: Mapping[str, SoldProduct]) -> SoldProduct:
    product = products.get(item.product_id)
    if product is None:
        raise Refused("PRODUCT_UNMAPPED", facts={"sku": item.product_id})
    return product


def _with_snapshots(order: SalesOrder, kept: KeptOrder | None) -> Iterator[tuple[SalesItem, KeptItem | None]]:
    """Give each item with what the portal kept of the day it was ordered (C30)."""
    known = kept.items if kept else ()
    for item, place in zip(order.items, places_of(order.items, known), strict=True):
        yield item, None if place is None else known[place]


def _line(item: SalesItem, products: Mapping[str, SoldProduct], snapshot: KeptItem | None) -> OrderLine:
    product = _sold(item, products)
    if product.whmcs_product_id is None:
        raise Refused("PRODUCT_UNMAPPED", facts={"sku": product.sku})
    price = item.unit_price
    if price != price.to_integral_value() or price < 0:
        billed = product.price if product.price is not None else "-"
        PRICE_MISMATCHES.labels("reading").inc()
        raise Refused("PRICE_MISMATCH", facts={"sku": product.sku, "ordered": str(price), "billed": billed})
    return OrderLine(
        sku=product.sku,
        whmcs_product_id=product.whmcs_product_id,
        billing_cycle=product.billing_cycle,
        quantity=item.quantity,
        unit_price=int(price),
        service=product.item_class == "service",
        config_options=_config_options(item, product, snapshot),
    )


def _config_options(item: SalesItem, product: SoldProduct, snapshot: KeptItem | None) -> dict[int, int]:
    """Give those of the day it was ordered (C30); an order the portal never saw has those of today."""
    return snapshot.config_options if snapshot is not None else config_options_of(product, item.options)


def _service(order: SalesOrder, products: Mapping[str, SoldProduct]) -> SoldProduct:
    """Give the one product that is the service (C12); an order made by hand may have none, or two."""
    sold = [_sold(item, products) for item in order.items]
    services = [product for product in sold if product.item_class == "service"]
    if len(services) != 1:
        raise Refused("PRODUCT_UNMAPPED", facts={"sku": " + ".join(product.sku for product in services) or "-"})
    return services[0]


def _voice_options(order: SalesOrder, products: Mapping[str, SoldProduct]) -> list[str]:
    sold = [products[item.product_id] for item in order.items]
    return [product.sku for product in sold if product.item_class == "add_on"]
