"""What each owner keeps of a customer, put together by identity for the customer's export (D17)."""

from collections.abc import Sequence
from typing import ClassVar

from portal_contracts.billing import Invoice, PositiveId
from portal_contracts.message import Message, ServiceQuery
from portal_contracts.orders import OrderDetail
from portal_contracts.support import CaseDetail
from portal_contracts.values import SalesforceId


class OrderExport(Message):
    """A customer's orders in full, newest first."""

    orders: Sequence[OrderDetail]


class ExportOrders(ServiceQuery[OrderExport]):
    """Give all orders of an account as its customer may see them; none for an unknown one (D17)."""

    subject: ClassVar[str] = "orders.personal_data.export.v1"
    account_id: SalesforceId


class CaseExport(Message):
    """A customer's cases with their published comments, newest first."""

    cases: Sequence[CaseDetail]


class ExportCases(ServiceQuery[CaseExport]):
    """Give all cases of an account as its customer may see them; none for an unknown one (D17)."""

    subject: ClassVar[str] = "support.personal_data.export.v1"
    account_id: SalesforceId


class InvoiceExport(Message):
    """A customer's invoices without drafts, newest first; lines and payments are in the portal's invoice pages."""

    invoices: Sequence[Invoice]


class ExportInvoices(ServiceQuery[InvoiceExport]):
    """Give all invoices of a client; Refused with NOT_FOUND for an unknown one (D17)."""

    subject: ClassVar[str] = "billing.personal_data.export.v1"
    whmcs_client_id: PositiveId


EXPORTS = (ExportOrders, ExportCases, ExportInvoices)
