"""Parts of billing's answers and queries: how old a copy is, how to ask for a newer one, sums (R241–R249, R253)."""

from datetime import datetime

from pydantic import Field

from portal_contracts.message import Message


class Dated(Message):
    """An answer that may be a copy of what WHMCS has."""

    as_of: datetime | None = Field(
        default=None,
        description="When WHMCS said so. Only given while WHMCS does not answer and this copy is past its time",
    )


class Freshness(Message):
    """Part of a query that may be answered from a copy."""

    fresh: bool = Field(
        default=False,
        description="Nothing older than seconds, as on return from a page of WHMCS",
    )


class InvoiceTotals(Message):
    """What is still to be paid, of all invoices whatever the filter; whole yen, without part payments."""

    open: int
    open_amount: int
    overdue: int = Field(description="How many of them are overdue")
    overdue_amount: int
