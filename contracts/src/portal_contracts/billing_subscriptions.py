"""What belongs to one subscription."""

from typing import ClassVar

from portal_contracts.billing import InvoiceList, PositiveId
from portal_contracts.billing_answers import Freshness
from portal_contracts.message import CustomerQuery


class ListSubscriptionInvoices(CustomerQuery[InvoiceList], Freshness):
    """List the invoices of one of the caller's subscriptions, among the caller's newest. Refused with NOT_FOUND.

    WHMCS can only be asked invoice by invoice: the first time it may take longer than a customer waits, and then
    TryLater says when to come back for the rest.
    """

    subject: ClassVar[str] = "billing.subscription.list_invoices.v1"
    service_id: PositiveId
