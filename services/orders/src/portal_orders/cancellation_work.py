"""The state of a cancellation's process: what is cancelled. No I/O."""

from datetime import date, datetime

from pydantic import BaseModel

from portal_contracts.catalog import Category, LocalizedText


class CancellationWork(BaseModel):
    """What is cancelled. `reason` are the customer's words: forgotten once staff have them."""

    account_id: str
    whmcs_client_id: int
    service_id: int
    order_id: str | None
    name: LocalizedText
    category: Category | None = None
    equipment: bool
    initial: bool
    ends_on: date
    effective_at: datetime
    reason: str = ""
    refund: bool = False
