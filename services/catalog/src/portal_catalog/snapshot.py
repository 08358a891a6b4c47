"""The catalog at one moment, ready to be answered without work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Final

from pydantic import BaseModel

from portal_catalog.product import JudgedProduct
from portal_catalog.related_products import with_related
from portal_contracts.catalog import Catalog, Category, ItemClass, LocalizedText, Product, ProductGroup, SoldProduct

CATEGORIES: Final[Mapping[Category, LocalizedText]] = {
    "internet": LocalizedText(en="Internet", ja="インターネット"),
    "sim": LocalizedText(en="SIM", ja="SIM"),
    "vpn": LocalizedText(en="VPN", ja="VPN"),
}
CLASSES: Final[tuple[ItemClass, ...]] = ("service", "activation", "add_on")


class SavedSnapshot(BaseModel):
    """A snapshot as it is stored."""

    version: str
    read_at: datetime
    shown: list[Product]
    sold: list[SoldProduct]


@dataclass(frozen=True)
class Snapshot:
    """What is on sale, and what an order needs of each product."""

    read_at: datetime
    shown: Sequence[Product]
    sold: Sequence[SoldProduct]
    version: str = field(default="")

    @classmethod
    def of(cls, products: Sequence[JudgedProduct], read_at: datetime) -> "Snapshot":
        """Make a snapshot; its version is a digest of everything in it but the time."""
        shown = sorted(
            with_related(products), key=lambda product: (CLASSES.index(product.item_class), product.price, product.sku)
        )
        sold = sorted((product.sold for product in products), key=lambda product: (product.sku, product.product_id))
        digest = sha256()
        for product in (*shown, *sold):
            digest.update(product.model_dump_json().encode())
        return cls(read_at, shown, sold, digest.hexdigest()[:16])

    @classmethod
    def restored(cls, saved: SavedSnapshot) -> "Snapshot":
        """Make a snapshot of a stored one."""
        return cls(saved.read_at, saved.shown, saved.sold, saved.version)

    def saved(self) -> SavedSnapshot:
        """Give the form that is stored."""
        return SavedSnapshot(version=self.version, read_at=self.read_at, shown=list(self.shown), sold=list(self.sold))

    @cached_property
    def groups(self) -> Sequence[ProductGroup]:
        """What is on show, in groups."""
        return tuple(
            ProductGroup(
                category=category,
                name=name,
                products=[product for product in self.shown if product.category == category],
            )
            for category, name in CATEGORIES.items()
        )

    @cached_property
    def catalog(self) -> bytes:
        """The catalog as a finished reply, made once."""
        return self.with_groups(self.groups)

    def with_groups(self, groups: Sequence[ProductGroup]) -> bytes:
        """Give this catalog with other groups as a finished reply."""
        return Catalog(version=self.version, read_at=self.read_at, groups=groups).model_dump_json().encode()

    @cached_property
    def pages(self) -> dict[str, bytes]:
        """Each product on show as a finished reply, by SKU."""
        return {product.sku: product.model_dump_json().encode() for product in self.shown}

    @cached_property
    def internet_plans(self) -> Sequence[int]:
        """The WHMCS ids of all Internet plans, also of those that are not sold any more."""
        plans = (one for one in self.sold if (one.category, one.item_class) == ("internet", "service"))
        return tuple(sorted({one.whmcs_product_id for one in plans if one.whmcs_product_id is not None}))

    @cached_property
    def _by_sku(self) -> dict[str, SoldProduct]:
        """Every product by its SKU; the one that can be ordered where an old one has it, too."""
        return {product.sku: product for product in sorted(self.sold, key=lambda product: product.orderable)}

    @cached_property
    def _by_id(self) -> dict[str, SoldProduct]:
        return {product.product_id: product for product in self.sold}

    def find(self, skus: Sequence[str], product_ids: Sequence[str]) -> list[SoldProduct]:
        """Give the products with one of these SKUs or ids, on show or not, each once."""
        found = [self._by_sku[sku] for sku in skus if sku in self._by_sku]
        found += [self._by_id[product_id] for product_id in product_ids if product_id in self._by_id]
        return list({product.product_id: product for product in found}.values())
