"""What each owner keeps of a customer, put together by identity for the customer's export (D17)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from portal_contracts.billing import Invoice, PaymentMethod, PositiveId, Subscription
from portal_contracts.message import Message, ServiceQuery
from portal_contracts.notifications import MailPreference, MailRecord
from portal_contracts.orders import OrderDetail
from portal_contracts.orders_of_customers import KeptCart
from portal_contracts.sim_lines import LineChange, LineState
from portal_contracts.support import CaseDetail
from portal_contracts.values import PERSONAL, SalesforceId


class OrderedPorting(Message):
    """What stands in Salesforce of a number an order was to bring along (MNP), by the names of the order's form."""

    order_id: SalesforceId
    data: Annotated[Mapping[str, str | bool | None], PERSONAL] = Field(repr=False)


class OrderExport(Message):
    """A customer's orders in full, newest first, with numbers to bring along, and the cart that waits for them."""

    orders: Sequence[OrderDetail]
    kept_cart: KeptCart = KeptCart()
    number_portings: Sequence[OrderedPorting] = ()


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


class LineOnFile(Message):
    """A SIM line: what is kept of it, and how the operator shows it now.

    EID and ICCID are the customer's own, as their phone and the card show them. Activation codes are secrets and no
    part of it: `code_shown_at` says when the newest one was shown.
    """

    service_id: int | None = Field(description="The WHMCS service it is billed as; none before it is accepted")
    order_id: SalesforceId
    phone_number: Annotated[str, PERSONAL]
    kind: Literal["esim", "card"]
    voice: bool
    plan: str = Field(description="The operator's name of the plan")
    network: str
    state: LineState
    eid: Annotated[str, PERSONAL] = Field(description="Of the phone; empty for a card")
    iccid: Annotated[str, PERSONAL]
    activated_at: datetime
    code_shown_at: datetime | None = None


class LineExport(Message):
    """A customer's SIM lines and all that was changed about them, re-issued eSIMs too; the newest first."""

    sim_lines: Sequence[LineOnFile]
    line_changes: Sequence[LineChange]


class ExportLines(ServiceQuery[LineExport]):
    """Give the SIM lines of an account, their state live from the operator; none for an unknown one (D17)."""

    subject: ClassVar[str] = "fulfillment.personal_data.export.v1"
    account_id: SalesforceId


EXPORTS = (ExportOrders, ExportCases, ExportInvoices, ExportMails, ExportLines)
