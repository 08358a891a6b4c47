"""The catalog: having it read anew."""

import click

from portal_contracts.catalog_upkeep import ClearCatalog
from portal_operator.acting import Wish, acting, carry_out


@click.group()
def catalog() -> None:
    """What is on sale."""


@catalog.command("clear")
@acting
def clear(context: click.Context, wish: Wish) -> None:
    """Read all products and prices anew, and drop the copies that are kept of them."""
    carry_out(context, ClearCatalog(**wish.fields()))
