"""What customers do with orders and carts beside checking out: withdrawing, and carts from before signing up."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import Field

from portal_contracts.catalog import Sku
from portal_contracts.identity import CartId, RequestId
from portal_contracts.message import Acknowledged, CustomerCommand, CustomerQuery, Message, PublicCommand, Request
from portal_contracts.orders import MOST_OPTIONS, LineReference, OptionName, OptionValue
from portal_contracts.values import SalesforceId


class WithdrawOrder(CustomerCommand[Acknowledged]):
    """Withdraw the caller's order while it waits for its review (§5.7, C40).

    The order is cancelled and its opportunity voided; nothing was charged. Refused with NOT_FOUND, or
    ORDER_NOT_WITHDRAWABLE once it was approved or has ended.
    """

    subject: ClassVar[str] = "orders.order.withdraw.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    order_id: SalesforceId


class KeptCartLine(Message):
    """A line of a cart that is kept: what is wanted, nothing personal. EID and numbers are asked for at checkout."""

    reference: LineReference
    sku: Sku
    quantity: int = Field(default=1, ge=1, le=20)
    parent: LineReference | None = None
    options: Mapping[OptionName, OptionValue] = Field(
        default_factory=dict, max_length=MOST_OPTIONS, description="Chosen options, e.g. the VPN's region (R089)"
    )


class KeptCart(Message):
    """A cart that waits for its customer, as it was filled; prices are those of the checkout."""

    lines: Sequence[KeptCartLine] = ()
    kept_until: datetime | None = Field(default=None, description="None when no cart waits")


class KeepCart(PublicCommand[KeptCart]):
    """Keep a cart that was filled before signing up, or change it; the sign-up form carries its id on (R029).

    Whoever knows the id can write it, so it is made by chance and nothing personal is in a cart. Once its customer has
    registered, the id is used up: refused with NOT_FOUND.
    """

    subject: ClassVar[str] = "orders.cart.keep.v1"
    key: ClassVar[str] = "cart_id"
    cart_id: CartId
    lines: Sequence[KeptCartLine] = Field(max_length=50)


class ReadKeptCart(CustomerQuery[KeptCart]):
    """Read the cart that waits for the caller since before signing up; an empty one when none does."""

    subject: ClassVar[str] = "orders.cart.read.v1"


ASKED_THROUGH_THE_GATEWAY: Final[tuple[type[Request[Any]], ...]] = (WithdrawOrder, KeepCart, ReadKeptCart)
