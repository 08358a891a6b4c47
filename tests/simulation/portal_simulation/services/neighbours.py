"""Identity and catalog, which provisioning only asks: links and recipients of the customers, products on sale."""

from typing import Any

from portal_catalog.product import JudgedProduct, judge
from portal_catalog.salesforce import SalesforceProducts
from portal_catalog.snapshot import Snapshot
from portal_chassis.bus import Call
from portal_contracts.billing import BillingProduct
from portal_contracts.catalog import FindProducts, SoldProducts
from portal_contracts.identity import CustomerLink, FindCustomer, ReadRecipient, Recipient
from portal_contracts.problems import Refused
from portal_contracts.values import PersonName
from portal_sandbox.core.dataset import Dataset
from portal_simulation.sandbox_on_virtual_time import Customer
from portal_simulation.services.parts import Parts


async def wire_identity(parts: Parts) -> None:
    """Answer for the customers of the sandbox."""
    customers: dict[str, Customer] = {one.account_id: one for one in parts.settings["customers"]}

    def known(account_id: str) -> Customer:
        if account_id not in customers:
            raise Refused("CUSTOMER_NOT_LINKED")
        return customers[account_id]

    @parts.bus.answers(FindCustomer)
    async def find_customer(query: FindCustomer, _: Call) -> CustomerLink:
        customer = known(query.account_id)
        return CustomerLink(
            user_id=f"user-{customer.number}",
            account_id=customer.account_id,
            whmcs_client_id=customer.whmcs_client_id,
            customer_number=customer.number,
            locale="ja",
        )

    @parts.bus.answers(ReadRecipient)
    async def read_recipient(query: ReadRecipient, _: Call) -> Recipient:
        customer = known(query.account_id)
        return Recipient(
            email=f"{customer.number.lower()}@example.jp",
            name=PersonName(family_name="見本", given_name="花子"),
            locale="ja",
        )


async def wire_catalog(parts: Parts) -> None:
    """Answer from the catalog as it was read once."""
    snapshot: Snapshot = parts.settings["catalog"]

    @parts.bus.answers(FindProducts)
    async def find_products(query: FindProducts, _: Call) -> SoldProducts:
        return SoldProducts(products=snapshot.find(query.skus, query.product_ids))


async def read_catalog(source: SalesforceProducts, dataset: Dataset, at: Any) -> Snapshot:
    """Read the catalog by its own adapter and rules, with the verdicts billing would give on this data set."""
    listed = await source.products()
    verdicts = {
        product.pid: BillingProduct(
            whmcs_product_id=product.pid,
            exists=True,
            marker_mapped=product.marker_field,
            prices={_cycle(product.billing_cycle): product.price},
        )
        for product in dataset.products
    }
    judged = [
        judge(
            product,
            next((verdicts[int(value)] for value in product.whmcs_product_ids if int(value) in verdicts), None),
            verified=True,
        )
        for product in listed
    ]
    return Snapshot.of([one for one in judged if isinstance(one, JudgedProduct)], at)


def _cycle(word: str) -> Any:
    return {"Monthly": "monthly", "Annually": "annually", "One-time": "one_time"}[word]
