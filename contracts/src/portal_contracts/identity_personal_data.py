"""Personal data of a customer: everything in one file, and deletion per system with proof (D17)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from portal_contracts.identity import RequestId
from portal_contracts.message import Acknowledged, CustomerCommand, CustomerQuery, Event, Message
from portal_contracts.operators import OperatorQuery, Permission
from portal_contracts.values import PERSONAL, SalesforceId

DataSystem = Literal["portal", "salesforce", "whmcs", "orders", "billing", "fulfillment", "support", "notifications"]
"""`portal` is identity itself; staff see to the vendors'; the others are services that forget by themselves."""


class PersonalDataExport(Message):
    """What the portal, Salesforce and WHMCS keep about the caller, machine readable."""

    made_at: datetime
    systems: Mapping[str, Mapping[str, Any]] = Field(description="By system: portal, salesforce, whmcs", repr=False)


class ExportPersonalData(CustomerQuery[PersonalDataExport]):
    """Give everything that is kept about the caller (D17)."""

    subject: ClassVar[str] = "identity.personal_data.export.v1"
    client_address: Annotated[str, PERSONAL] = Field(default="", description="As the gateway saw it")


class ErasureProof(Message):
    """What was done in one system, when."""

    system: DataSystem
    action: Literal["erased", "anonymised", "retained", "handed_to_staff"]
    reason: str = Field(description="Why, or what remains: a law, a case", examples=["invoices are kept 7 years"])
    at: datetime


class SystemStanding(Message):
    """How one system stands: `open` until it has told what it did, `kept` when something stays, with its reason."""

    system: DataSystem
    state: Literal["open", "done", "kept"]
    reason: str = ""
    at: datetime | None = None


class Deletion(Message):
    """How far the deletion of an account is. Until `erase_at` it can be taken back."""

    state: Literal["none", "requested", "erased"]
    deletion_id: str | None = None
    erase_at: datetime | None = None
    proofs: Sequence[ErasureProof] = ()
    systems: Sequence[SystemStanding] = Field(default=(), description="Every system that keeps something of the person")


class ReadDeletion(CustomerQuery[Deletion]):
    """Tell how far the deletion of the caller's account is."""

    subject: ClassVar[str] = "identity.deletion.read.v1"


class RequestDeletion(CustomerCommand[Deletion]):
    """Have the caller's account deleted after a time to think it over (D17). A repeat changes nothing."""

    subject: ClassVar[str] = "identity.deletion.request.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    client_address: str


class WithdrawDeletion(CustomerCommand[Acknowledged]):
    """Keep the account after all. Refused with NOT_FOUND when nothing is to be deleted."""

    subject: ClassVar[str] = "identity.deletion.withdraw.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    client_address: str


class DeletionRecord(Message):
    """A deletion as staff see it, without personal data."""

    deletion_id: str
    account_id: SalesforceId
    whmcs_client_id: int
    requested_at: datetime
    erase_at: datetime
    erased_at: datetime | None = None
    withdrawn_at: datetime | None = None
    proofs: Sequence[ErasureProof] = ()
    systems: Sequence[SystemStanding] = ()


class DeletionList(Message):
    """The newest wish first."""

    deletions: Sequence[DeletionRecord]


class ListDeletions(OperatorQuery[DeletionList]):
    """List deletions with their proof per system (D17)."""

    subject: ClassVar[str] = "identity.deletion.list.v1"
    permission: ClassVar[Permission] = "action.read"
    limit: int = Field(default=100, ge=1, le=1000)


class CustomerErased(Event):
    """A customer's account is deleted; whoever keeps something about the person forgets what no law keeps."""

    subject: ClassVar[str] = "identity.customer.erased.v1"
    user_id: str
    account_id: SalesforceId
    whmcs_client_id: int
    erased_at: datetime | None = Field(
        default=None, description="Business time; what began later is of somebody who signed up anew"
    )


class DeletionRequested(Event):
    """A customer wants the account deleted; it is at `erase_at` unless they think better of it."""

    subject: ClassVar[str] = "identity.deletion.requested.v1"
    deletion_id: str
    account_id: SalesforceId
    erase_at: datetime
