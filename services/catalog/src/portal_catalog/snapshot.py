"""The catalog at one moment, ready to be answered without work."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Final

from pydantic import BaseModel

from portal_catalog.product import JudgedProduct
from portal_contracts.catalog import Catalog, Category, ItemClass, Product, ProductGroup, SoldProduct

CATEGORIES: Final[tuple[Category, ...]] = ("internet", "sim", "vpn")
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
            (product.shown for product in products if product.shown is not None),
            key=lambda product: (CLASSES.index(product.item_class), product.price, product.sku),
        )
        sold = sorted((product.sold for product in products), key=lambda product: product.sku)
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
    def catalog(self) -> bytes:
        """The catalog as a finished reply, made once."""
        groups = [
            ProductGroup(
                category=category, products=[product for product in self.shown if product.category == category]
            )
            for category in CATEGORIES
        ]
        return Catalog(version=self.version, read_at=self.read_at, groups=groups).model_dump_json().encode()

    @cached_property
    def pages(self) -> dict[str, bytes]:
        """Each product on show as a finished reply, by SKU."""
        return {product.sku: product.model_dump_json().encode() for product in self.shown}

    def find(self, skus: Sequence[str], product_ids: Sequence[str]) -> list[SoldProduct]:
        """Give the products with one of these SKUs or ids, on show or not."""
        return [product for product in self.sold if product.sku in skus or product.product_id in product_ids]
