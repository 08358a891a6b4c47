"""Answers in catalog's place after a sleep, on the chassis's bus: a slow backend behind the real gateway.

Started by the benchmark with catalog's environment; the argument is milliseconds.
"""

import asyncio
import sys
from datetime import UTC, datetime
from functools import partial
from typing import Final

from portal_chassis.bus import Call, Encoded
from portal_chassis.service import Service, run
from portal_contracts.catalog import Catalog, ListCatalog, LocalizedText, Product, ProductGroup

PRODUCTS: Final = 22
"""As many as make a reply of the size the peers answer with."""


def reply() -> bytes:
    """Make the catalog once; what is measured is waiting, not building."""
    text = LocalizedText(en="A plan of the benchmark that is only here to be read", ja="計測のためのプランです")
    products = [
        Product(
            sku=f"BENCH-{number}",
            name=text,
            description=text,
            category="internet",
            item_class="service",
            billing_cycle="monthly",
            price=3_000 + number,
            orderable=True,
        )
        for number in range(PRODUCTS)
    ]
    groups = [ProductGroup(category="internet", products=products)]
    return Catalog(version="bench", read_at=datetime.now(UTC), groups=groups).model_dump_json().encode()


async def wire(service: Service, milliseconds: int) -> None:
    """Answer one subject."""
    ready = reply()

    @service.bus.answers(ListCatalog)
    async def list_catalog(_: ListCatalog, __: Call) -> Encoded[Catalog]:
        await asyncio.sleep(milliseconds / 1000)
        return Encoded(ready)


if __name__ == "__main__":
    run("catalog", partial(wire, milliseconds=int(sys.argv[1])))
