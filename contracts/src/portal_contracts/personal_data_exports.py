"""What each owner keeps of a customer, put together by identity for the customer's export (D17)."""

from collections.abc import Sequence
from typing import ClassVar

from portal_contracts.billing import Invoice, PaymentMethod, PositiveId, Subscription
from portal_contracts.message import Message, ServiceQuery
from portal_contracts.notifications import MailPreference, MailRecord
from portal_contracts.orders import OrderDetail
from portal_contracts.orders_of_customers import KeptCart
from portal_contracts.support import CaseDetail
from portal_contracts.values import SalesforceId


class OrderExport(Message):
    """A customer's orders in full, newest first, and the cart that waits for them."""

    orders: Sequence[OrderDetail]
    kept_cart: KeptCart = KeptCart()


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
    """A customer's invoices without drafts, newest first, their services and ways to pay.

    Lines and payments of invoices are in the portal's invoice pages.
    """

    invoices: Sequence[Invoice]
    services: Sequence[Subscription] = ()
    payment_methods: Sequence[PaymentMethod] = ()


class ExportInvoices(ServiceQuery[InvoiceExport]):
    """Give a client's invoices, services and payment methods, live; Refused NOT_FOUND for an unknown one (D17)."""

    subject: ClassVar[str] = "billing.personal_data.export.v1"
    whmcs_client_id: PositiveId


class MailExport(Message):
    """Which mails a customer wants to get, and what became of the newest thousand, newest first."""

    mail_preferences: Sequence[MailPreference]
    mails: Sequence[MailRecord]


class ExportMails(ServiceQuery[MailExport]):
    """Give what notifications keeps of an account; no mails for an unknown one (D17)."""

    subject: ClassVar[str] = "notifications.personal_data.export.v1"
    account_id: SalesforceId


EXPORTS = (ExportOrders, ExportCases, ExportInvoices, ExportMails)
