"""The rules of a cart: every fault at once, then one service per order (C12, R081, R103-R106). No I/O."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from portal_contracts.catalog import SoldProduct
from portal_contracts.field_hints import Hint
from portal_contracts.orders import CartLine, CheckOut
from portal_contracts.problems import Fact, FieldError, Refused
from portal_contracts.values import Address
from portal_orders.porting import PortingCheck

MOST_ITEMS: Final = 20
"""Items of one order, as many as billing takes."""
NEEDS_ACTIVATION_FEE: Final = frozenset({"sim", "vpn"})
_OWN_NAME: Final = Hint("each line needs a name of its own", "行ごとに異なる名前を付けてください。")
_OWN_LINE: Final = Hint("order each service on a line of its own", "サービスは1行に1つずつご注文ください。")
_NO_CHOICE: Final = Hint("this product leaves nothing to choose", "この商品に選択肢はありません。")
_TOO_MANY: Final = Hint(
    f"at most {MOST_ITEMS} items belong to one service", f"1つのサービスに追加できるのは{MOST_ITEMS}点までです。"
)
_EID: Final = re.compile(r"[0-9]{32}")
_NAMED_ALONE: Final = ("ADDRESS_NOT_CONFIRMED", "INTERNET_ALREADY_ORDERED")
"""Faults that, when they are the only kind found, name the whole refusal: a client has an own way to mend them."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A line with its product."""

    line: CartLine
    product: SoldProduct
    position: int

    @property
    def field(self) -> str:
        """Where the line stands in the request."""
        return f"lines[{self.position}]"


@dataclass(frozen=True, slots=True)
class ServiceOrder:
    """One order of the split cart: exactly one service, and what belongs to it."""

    service: Ordered
    extras: tuple[Ordered, ...]
    eid: str | None

    @property
    def items(self) -> tuple[Ordered, ...]:
        """The service first, then the rest in the order of the cart."""
        return (self.service, *self.extras)


def normalised_eid(text: str | None) -> str | None:
    """Give the 32 digits of an EID whatever width, spaces and hyphens it was typed with; None when it is none."""
    if text is None:
        return None
    digits = re.sub(r"[\s\u2010-\u2015\u2212\u30fc-]", "", unicodedata.normalize("NFKC", text))
    return digits if _EID.fullmatch(digits) else None


def fingerprint(command: CheckOut) -> str:
    """Give the digest of the normalised cart: the same whatever the lines are called and in which order they stand.

    Needs no catalog, so that a repeat is recognised while the catalog is away.
    """
    children: dict[str, list[Any]] = {}
    for line in command.lines:
        if line.parent is not None:
            children.setdefault(line.parent, []).append(_plain(line))
    known = {line.reference for line in command.lines}
    trees = [(*_plain(line), sorted(children.get(line.reference, []))) for line in command.lines if line.parent is None]
    lost = sorted(entry for parent, entries in children.items() if parent not in known for entry in entries)
    address = command.installation_address
    content = [sorted(trees), lost, command.address_confirmed, address.model_dump() if address else None]
    if command.activate_at is not None:
        content.append(command.activate_at.isoformat())
    if command.instructions is not None:
        content.append({"instructions": command.instructions})
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _plain(line: CartLine) -> tuple[Any, ...]:
    options = sorted(line.options.items())
    eid = normalised_eid(line.eid) or (line.eid or "")
    plain = (line.sku, line.quantity, eid, [list(pair) for pair in options])
    return plain if line.porting is None else (*plain, [line.porting.model_dump_json()])


def split_cart(command: CheckOut, products: Sequence[SoldProduct], porting: PortingCheck) -> tuple[ServiceOrder, ...]:
    """Check a cart and split it into one service per order.

    Raises Refused with every fault in `fields`: CART_EMPTY, ADDRESS_NOT_CONFIRMED or INTERNET_ALREADY_ORDERED when
    that alone is wrong, CART_INVALID otherwise.
    """
    if not command.lines:
        raise Refused("CART_EMPTY", fields=[FieldError(field="lines", code="CART_EMPTY")])
    checker = _Checker(command, {product.sku: product for product in products}, porting)
    orders = checker.run()
    if checker.faults:
        codes = {fault.code for fault in checker.faults}
        alone = next((code for code in _NAMED_ALONE if codes == {code}), "CART_INVALID")
        raise Refused(alone, fields=checker.faults)
    return orders


class _Checker:
    """Walks the cart once and collects what is wrong."""

    def __init__(self, command: CheckOut, products: Mapping[str, SoldProduct], porting: PortingCheck) -> None:
        self._command = command
        self._products = products
        self._porting = porting
        self.faults: list[FieldError] = []

    def run(self) -> tuple[ServiceOrder, ...]:
        lines = self._lines()
        services = {one.line.reference: one for one in lines if one.product.item_class == "service"}
        extras: dict[str, list[Ordered]] = {reference: [] for reference in services}
        for one in lines:
            self._check_porting(one)
            self._check_choices(one)
            if one.product.item_class == "service":
                self._check_service(one)
            elif (parent := self._parent_of(one, services)) is not None:
                extras[parent].append(one)
        orders = tuple(
            ServiceOrder(service, tuple(extras[reference]), self._eid_of(service))
            for reference, service in services.items()
        )
        for order in orders:
            self._check_order(order)
        self._check_internet([order.service for order in orders if order.service.product.category == "internet"])
        return orders

    def _lines(self) -> list[Ordered]:
        """Give the lines whose product may be sold; a line named twice counts once."""
        found: list[Ordered] = []
        seen: set[str] = set()
        for position, line in enumerate(self._command.lines):
            field = f"lines[{position}]"
            if line.reference in seen:
                self._invalid(f"{field}.reference", _OWN_NAME)
                continue
            seen.add(line.reference)
            product = self._products.get(line.sku)
            if product is None or not sellable(product):
                problem = product.problem if product and product.problem else "PRODUCT_NOT_ORDERABLE"
                self._fault(f"{field}.sku", "PRODUCT_NOT_ORDERABLE", {"sku": line.sku, "problem": problem})
            if product is not None:
                found.append(Ordered(line, product, position))
        return found

    def _check_service(self, one: Ordered) -> None:
        if one.line.parent is not None:
            self._fault(f"{one.field}.parent", "ITEM_NOT_FITTING", {"sku": one.product.sku})
        if one.line.quantity != 1:
            self._invalid(f"{one.field}.quantity", _OWN_LINE)

    def _check_porting(self, one: Ordered) -> None:
        """Only a voice line has a number to bring along, and its reservation must last (D09)."""
        if one.line.porting is None:
            return
        field = f"{one.field}.porting"
        if not (one.product.item_class == "service" and one.product.voice):
            self._fault(field, "ITEM_NOT_FITTING", {"sku": one.product.sku})
        elif (fault := self._porting.fault(field, one.line.porting, esim=one.product.esim)) is not None:
            self.faults.append(fault)

    def _check_choices(self, one: Ordered) -> None:
        """What a product leaves to choose is chosen, from what it offers, and nothing else (R078, R089, C30)."""
        choices = {choice.name for choice in one.product.choices}
        for name in one.line.options:
            if name not in choices:
                self._invalid(f"{one.field}.options.{name}", _one_of(sorted(choices)) if choices else _NO_CHOICE)
        for choice in one.product.choices:
            chosen = one.line.options.get(choice.name)
            field = f"{one.field}.options.{choice.name}"
            offered = [value.value for value in choice.values]
            if chosen is None:
                if choice.required:
                    self._invalid(field, _one_of(offered))
            elif chosen not in offered:
                self._invalid(field, _one_of(offered))

    def _parent_of(self, one: Ordered, services: Mapping[str, Ordered]) -> str | None:
        parent = one.line.parent
        if parent is None or parent not in services:
            self._fault(f"{one.field}.parent", "SERVICE_MISSING", {"sku": one.product.sku})
            return None
        plan, fits = services[parent].product, one.product.plans
        if one.product.category != plan.category or (fits and plan.sku not in fits):
            self._fault(f"{one.field}.parent", "ITEM_NOT_FITTING", {"sku": one.product.sku})
            return None
        return parent

    def _eid_of(self, service: Ordered) -> str | None:
        if not service.product.esim:
            return None
        eid = normalised_eid(service.line.eid)
        if eid is None:
            self._fault(f"{service.field}.eid", "EID_MISSING", {"sku": service.product.sku})
        return eid

    def _check_order(self, order: ServiceOrder) -> None:
        service = order.service
        fees = [one for one in order.extras if one.product.item_class == "activation"]
        if service.product.category in NEEDS_ACTIVATION_FEE and not fees:
            self._fault(service.field, "ACTIVATION_FEE_MISSING", {"category": service.product.category.upper()})
        for fee in fees:
            if fee.line.quantity != 1 or fee is not fees[0]:
                self._fault(fee.field, "ITEM_NOT_FITTING", {"sku": fee.product.sku})
        if len(order.items) > MOST_ITEMS:
            self._invalid(service.field, _TOO_MANY)

    def _check_internet(self, services: Sequence[Ordered]) -> None:
        if services and not self._command.address_confirmed:
            self._fault("addressConfirmed", "ADDRESS_NOT_CONFIRMED")
        for service in services[1:]:
            self._fault(service.field, "INTERNET_ALREADY_ORDERED", {"sku": service.product.sku})

    def _invalid(self, field: str, hint: Hint) -> None:
        self._fault(field, "FIELD_INVALID", {"reason": hint.en, "reason_ja": hint.ja})

    def _fault(self, field: str, code: str, facts: Mapping[str, Fact] | None = None) -> None:
        self.faults.append(FieldError(field=field, code=code, facts=facts or {}))


def _one_of(values: Sequence[str]) -> Hint:
    listed = ", ".join(values)
    return Hint(f"choose one of {listed}", f"次のいずれかを選択してください：{listed}")


def sellable(product: SoldProduct) -> bool:
    """Say whether an order of the product can be placed, priced and billed (R081)."""
    return (
        product.orderable
        and product.price is not None
        and product.pricebook_entry_id is not None
        and product.whmcs_product_id is not None
    )


def changed_address(command: CheckOut, orders: Sequence[ServiceOrder]) -> Address | None:
    """Give the installation address the customer typed; only an Internet order has one (C09)."""
    internet = any(order.service.product.category == "internet" for order in orders)
    return command.installation_address if internet else None
