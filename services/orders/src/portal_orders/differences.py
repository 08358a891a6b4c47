"""What counts as a difference between Salesforce, WHMCS and the portal's links, and what mends it (D14). No I/O.

Only what is settled is compared: an order that moved within the last hour is somebody's work under way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal_contracts.catalog import SoldProduct
from portal_contracts.drift import DriftKind
from portal_contracts.whmcs_orders import BilledClient, BilledService
from portal_orders.comparison_ports import ComparedAccount, Difference
from portal_orders.order import KeptOrder, SalesItem, SalesOrder, waits_for_its_time

SETTLED: Final = timedelta(hours=1)
_LIVE: Final = frozenset({"active", "pending", "suspended"})
_ENDED: Final = frozenset({"terminated", "cancelled", "fraud"})
_RECURRING: Final = frozenset({"monthly", "annually"})
_STANDING: Final = frozenset({"blocked", "needs_human", "scheduled", "preflight_passed", "preflight_failed"})
"""Stages in which fulfillment shows by itself what an order waits for."""
_WRITE_OUTCOME: Final = "Write to Salesforce that the order is active, with the ids of WHMCS."
_PREFERRED: Final = ("active", "suspended", "pending")


@dataclass(frozen=True, slots=True)
class Compared:
    """One WHMCS client and everything that is known of it elsewhere."""

    client: BilledClient
    account: ComparedAccount | None
    """None for a client that no portal user is linked to."""
    kept: Mapping[str, KeptOrder]
    products: Mapping[str, SoldProduct]
    now: datetime

    def differences(self) -> list[Difference]:
        """Give all that differ."""
        if self.account is None:
            return list(self._orphan())
        found = [difference for order in self.account.orders for difference in self._of_order(order)]
        found += [difference for order in self.account.orders for difference in self._copy(order)]
        return [*found, *self._without_order(self.account), *self._address(self.account)]

    def _orphan(self) -> Iterator[Difference]:
        """A client that a sign-up made and nobody is linked to (D05). Clients with a history of their own are not."""
        client = self.client
        made_by_us = not client.services or any(service.order_id for service in client.services)
        if client.customer_number is not None and made_by_us:
            yield self._difference(
                "orphan_client",
                str(client.whmcs_client_id),
                "Nobody signs in as this WHMCS client. Ask the customer to sign up or link again; "
                "if another client took its place, close this one in WHMCS.",
            )

    def _of_order(self, order: SalesOrder) -> Iterator[Difference]:
        services = services_of(order, self.client.services)
        if not services:
            yield from self._no_service(order)
            return
        main = self._main(order, services)
        if order.state == "completed" and main.state == "active":
            yield from self._ids(order, main)
            yield from self._price(order, services)
        yield from self._status(order, main)

    def _copy(self, order: SalesOrder) -> Iterator[Difference]:
        """The portal's own row, which customers see, says something else than Salesforce has said for an hour."""
        kept = self.kept.get(order.order_id)
        if not self._is_settled(order) or (kept is None and order.key is None):
            return
        ours = _said(kept) if kept is not None else "nothing"
        if ours != _said(order):
            yield self._difference(
                "copy_out_of_date",
                order.order_id,
                "Read the order again from Salesforce into the portal's row.",
                order=order,
                repairable=True,
                facts={"portal": ours, "salesforce": _said(order)},
            )

    def _no_service(self, order: SalesOrder) -> Iterator[Difference]:
        """An order without anything in WHMCS; what was completed before there was a portal is not looked for."""
        made_here = order.key is not None or order.whmcs_order_id is not None
        if order.state == "completed" and made_here:
            yield self._difference(
                "order_without_service",
                order.order_id,
                "Salesforce says active and WHMCS has no service. Look in WHMCS whether it was deleted; then correct "
                "the order in Salesforce or place a new one with the customer.",
                order=order,
            )
        elif order.state == "approved" and self._lies_still(order):
            yield self._difference(
                "order_without_service",
                order.order_id,
                "Ask for the provisioning of the approved order again.",
                order=order,
                repairable=True,
            )

    def _lies_still(self, order: SalesOrder) -> bool:
        """Whether an approved order waits for nobody: what stands, has failed or moved lately is known elsewhere."""
        kept = self.kept.get(order.order_id)
        progress = kept.progress if kept else None
        known = progress is not None and (progress.stage in _STANDING or progress.ended)
        waits = waits_for_its_time(kept or order, self.now)
        return not known and not waits and order.activation != "failed" and self._is_settled(order)

    def _ids(self, order: SalesOrder, main: BilledService) -> Iterator[Difference]:
        """The service that no opportunity names (R162)."""
        if not self._names_services:
            return
        named = (order.whmcs_service_id, order.whmcs_order_id)
        wanted = (main.service_id, main.whmcs_order_id)
        if named == wanted or main.whmcs_order_id is None:
            return
        fills = order.opportunity_id is not None and all(
            have in (None, want) for have, want in zip(named, wanted, strict=True)
        )
        repair = (
            f"Write WHMCS order {main.whmcs_order_id} and service {main.service_id} to the order and its opportunity."
        )
        if not fills:
            repair = (
                "Order or opportunity names something else in WHMCS, or there is no opportunity: correct it by hand."
            )
        yield self._difference(
            "service_without_opportunity",
            order.order_id,
            repair,
            order=order,
            service=main,
            repairable=fills,
            facts={"salesforce_service": named[0] or "-", "salesforce_order": named[1] or "-"},
        )

    def _status(self, order: SalesOrder, main: BilledService) -> Iterator[Difference]:
        repair = self._status_repair(order, main)
        if repair is None:
            return
        text, repairable = repair
        yield self._difference(
            "status_mismatch",
            order.order_id,
            text,
            order=order,
            service=main,
            repairable=repairable,
            facts={"salesforce": order.state, "whmcs": main.state},
        )

    def _status_repair(self, order: SalesOrder, main: BilledService) -> tuple[str, bool] | None:
        """Say what mends a status that differs; None when both say the same or it is somebody's work under way."""
        if not self._is_settled(order):
            return None
        match order.state:
            case "cancelled" if main.state in _LIVE:
                return "The order is cancelled and its service is not: end it in WHMCS.", False
            case "completed" if main.state == "pending":
                return "The order is active and its service still Pending: accept the order in WHMCS.", False
            case "completed" if main.state in _ENDED and self._stage(order) == "active":
                return "The service has ended and the opportunity is still Active: finish the cancellation.", False
            case "approved" | "completed" if main.state == "active":
                return self._not_shown_active(order, main)
        return None

    def _not_shown_active(self, order: SalesOrder, main: BilledService) -> tuple[str, bool] | None:
        """Say what makes Salesforce show an active service; None when it does, or says why not."""
        if order.state == "completed":
            return (_WRITE_OUTCOME, _is_named(main)) if self._taken_back(order) else None
        return None if order.activation == "failed" else self._unfinished(order, main)

    def _taken_back(self, order: SalesOrder) -> bool:
        """Whether the portal activated it and Salesforce says otherwise; orders from before the portal say anything."""
        kept = self.kept.get(order.order_id)
        return kept is not None and kept.finished and order.activation not in ("activated", "unknown")

    def _unfinished(self, order: SalesOrder, main: BilledService) -> tuple[str, bool]:
        """Say what mends an active service whose order is not: the outcome is written when provisioning was done."""
        kept = self.kept.get(order.order_id)
        done = kept is not None and kept.progress is not None and kept.progress.stage == "accepted"
        if done and _is_named(main):
            return _WRITE_OUTCOME, True
        return "The service is active and provisioning has not finished: look at it and retry it.", False

    def _price(self, order: SalesOrder, services: Sequence[BilledService]) -> Iterator[Difference]:
        """Compare what recurs; one-time fees are on the first invoice alone."""
        cycles = {item.product_id: product.billing_cycle for item in order.items if (product := self._product(item))}
        recurring = [item for item in order.items if cycles.get(item.product_id) in _RECURRING]
        ordered = sum(int(item.unit_price * item.quantity) for item in recurring)
        billed = sum(one.amount for one in services if one.billing_cycle in _RECURRING and one.state in _LIVE)
        if ordered != billed and len(cycles) == len({item.product_id for item in order.items}):
            yield self._difference(
                "price_mismatch",
                order.order_id,
                "Decide which price holds; correct the amounts in WHMCS or the order in Salesforce.",
                order=order,
                facts={"ordered": ordered, "billed": billed},
            )

    def _without_order(self, account: ComparedAccount) -> Iterator[Difference]:
        """Services that no order and no opportunity of the account knows, once for each WHMCS order."""
        known = {one.service_id for order in account.orders for one in services_of(order, self.client.services)}
        told: set[int] = set()
        for service in self.client.services:
            strange = service.service_id not in known | account.service_ids and service.state in _LIVE
            could_be_named = self._names_services and service.billing_cycle in _RECURRING
            if not strange or (service.order_id is None and not could_be_named):
                continue
            if service.whmcs_order_id is not None and service.whmcs_order_id in told:
                continue
            if service.whmcs_order_id is not None:
                told.add(service.whmcs_order_id)
            yield self._difference(
                "service_without_opportunity",
                f"service-{service.service_id}",
                "No order and no opportunity of the customer names this service: enter it where it belongs.",
                service=service,
            )

    def _address(self, account: ComparedAccount) -> Iterator[Difference]:
        if account.address_fingerprint not in (None, self.client.address_fingerprint):
            yield self._difference(
                "address_mismatch",
                str(self.client.whmcs_client_id),
                "Ask the customer which address is right; WHMCS's goes on bills, Salesforce's is for staff.",
            )

    def _main(self, order: SalesOrder, services: Sequence[BilledService]) -> BilledService:
        """Give the service itself among what belongs to an order, the liveliest first."""
        wanted = {
            product.whmcs_product_id
            for item in order.items
            if (product := self._product(item)) is not None and product.item_class == "service"
        }
        chosen = [service for service in services if service.whmcs_product_id in wanted] or list(services)
        return min(chosen, key=lambda one: (_rank(one.state), one.service_id))

    def _product(self, item: SalesItem) -> SoldProduct | None:
        return self.products.get(item.product_id)

    @property
    def _names_services(self) -> bool:
        return self.account is not None and self.account.names_services

    def _stage(self, order: SalesOrder) -> str | None:
        return self.account.stages.get(order.opportunity_id or "") if self.account else None

    def _is_settled(self, order: SalesOrder) -> bool:
        kept = self.kept.get(order.order_id)
        moved = [order.changed_at]
        if kept is not None:
            moved += [moment for moment in (kept.requested_at, kept.progressed_at) if moment is not None]
        return self.now - max(moved) >= SETTLED

    def _difference(
        self,
        kind: DriftKind,
        subject: str,
        repair: str,
        *,
        order: SalesOrder | None = None,
        service: BilledService | None = None,
        repairable: bool = False,
        facts: Mapping[str, str | int] | None = None,
    ) -> Difference:
        return Difference(
            kind=kind,
            subject=subject,
            repair=repair,
            repairable=repairable,
            order_id=order.order_id if order else (service.order_id if service else None),
            account_id=self.account.account_id if self.account else None,
            whmcs_client_id=self.client.whmcs_client_id,
            whmcs_service_id=service.service_id if service else None,
            whmcs_order_id=service.whmcs_order_id if service else None,
            facts=facts or {},
        )


def services_of(order: SalesOrder, services: Sequence[BilledService]) -> list[BilledService]:
    """Give what WHMCS has for an order: by its marker, else by the ids Salesforce was told."""
    marked = [service for service in services if service.order_id == order.order_id]
    if marked:
        return marked
    return [
        service
        for service in services
        if service.order_id is None
        and (
            (order.whmcs_service_id is not None and service.service_id == order.whmcs_service_id)
            or (order.whmcs_order_id is not None and service.whmcs_order_id == order.whmcs_order_id)
        )
    ]


def order_without_client(order: SalesOrder) -> Difference:
    """An order the portal placed, of an account that no compared WHMCS client belongs to."""
    return Difference(
        kind="order_without_service",
        subject=order.order_id,
        repair="The order's account has no linked WHMCS client: look at the customer's link and at WHMCS.",
        order_id=order.order_id,
        account_id=order.account_id,
    )


def _said(order: KeptOrder | SalesOrder) -> str:
    return f"{order.state}, {order.activation}"


def _rank(state: str) -> int:
    return _PREFERRED.index(state) if state in _PREFERRED else len(_PREFERRED)


def _is_named(service: BilledService) -> bool:
    """Whether WHMCS says which order of its own a service belongs to, so that both ids can be written."""
    return service.whmcs_order_id is not None
