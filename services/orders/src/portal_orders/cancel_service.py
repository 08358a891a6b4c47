"""Cancelling a service: preview, request, taking it back (R207-R218, C33, C34, D10)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from portal_chassis.clocks import TOKYO, BusinessClock
from portal_chassis.idempotency import fingerprint, key_of
from portal_chassis.process import ProcessEngine
from portal_contracts.billing import Subscription
from portal_contracts.cancellation import (
    Cancellation,
    CancellationPreview,
    Fee,
    PreviewCancellation,
    RequestCancellation,
    RevokeCancellation,
    ServiceContract,
)
from portal_contracts.catalog import Category, LocalizedText
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_text
from portal_orders import cancellation_wording as wording
from portal_orders.cancellation_dates import Ending, at_once, ending, initial_until
from portal_orders.cancellation_ports import (
    OPEN,
    Cancellations,
    Contract,
    Contracts,
    KeptCancellation,
    ServiceBilling,
)
from portal_orders.cancellation_process import KIND, SERVICE_OVER, TAKE_BACK, announce
from portal_orders.cancellation_settings import CancellationSettings
from portal_orders.cancellation_work import CancellationWork
from portal_orders.check_out import Buyer
from portal_orders.order import KeptOrder
from portal_orders.ports import OrderBook, Transactions
from portal_orders.settlement import paid_beyond
from portal_orders.take_reading import TakeReading

RUNNING: Final = frozenset({"active", "suspended"})


@dataclass(frozen=True, slots=True)
class OwnService:
    """One of the caller's services with what its three owners know of it."""

    subscription: Subscription
    order: KeptOrder | None
    contract: Contract | None
    group_category: Category | None = None

    @property
    def category(self) -> Category | None:
        """What kind of service it is: as it was ordered, else as the opportunity says (R231), else as WHMCS's group."""
        ordered = self.order.category if self.order is not None else None
        return ordered or (self.contract.category if self.contract is not None else None) or self.group_category

    @property
    def order_id(self) -> str | None:
        """The order it came from."""
        if self.order is not None:
            return self.order.order_id
        return self.contract.order_id if self.contract is not None else None

    @property
    def name(self) -> LocalizedText:
        """Its name in both languages; WHMCS's one for both, where nothing was ordered here."""
        name = self.subscription.name
        return self.order.name if self.order is not None else LocalizedText(en=name, ja=name)

    @property
    def activated_on(self) -> date | None:
        """Its first Japanese day."""
        at = self.order.activated_at if self.order is not None else None
        return at.astimezone(TOKYO).date() if at is not None else self.subscription.started_on


@dataclass(frozen=True, slots=True)
class FindService:
    """Joins a service of the caller's. `groups`: what kind of service a WHMCS group holds, by its comparable name.

    That is how services from before the portal are known, which have no order here and perhaps no opportunity (R177).
    """

    billing: ServiceBilling
    contracts: Contracts
    book: OrderBook
    groups: Mapping[str, Category]

    async def __call__(self, service_id: int, buyer: Buyer) -> OwnService:
        """Refused NOT_FOUND for anybody else's."""
        services = await self.billing.services(buyer.whmcs_client_id)
        found = next((one for one in services if one.service_id == service_id), None)
        if found is None:
            raise Refused("NOT_FOUND")
        orders = await self.book.of_account(buyer.account_id)
        order = next((one for one in orders if one.whmcs_service_id == service_id and not one.gone), None)
        contract = await self.contracts.of_service(buyer.account_id, service_id)
        return OwnService(found, order, contract, self.groups.get(comparable_text(found.group)))


@dataclass(frozen=True, slots=True)
class CancelService:
    """The use cases."""

    transactions: Transactions
    find: FindService
    cancellations: Cancellations
    processes: ProcessEngine
    take_reading: TakeReading
    clock: BusinessClock
    settings: CancellationSettings
    new_id: Callable[[], str]

    async def preview(self, query: PreviewCancellation, buyer: Buyer) -> CancellationPreview:
        """Refused as `PreviewCancellation` lists."""
        own = await self.find(query.service_id, buyer)
        category = await self._cancellable(own, buyer)
        end = self._ending(category, query.last_month)
        now = self.clock.now()  # after it: what ends at once cannot be taken back
        window = initial_until(category, own.activated_on)
        fees = remaining_fees(own.subscription, end.ends_on)
        equipment, refund = category == "internet", paid_beyond(own.subscription, end.ends_on)
        return CancellationPreview(
            service_id=query.service_id,
            name=own.name,
            category=category,
            ends_on=end.ends_on,
            effective_at=end.effective_at,
            notice_days=end.notice_days,
            remaining_fees=fees,
            remaining_total=sum(fee.amount for fee in fees),
            initial_cancellation=window is not None and self.clock.today() <= window,
            initial_cancellation_until=window,
            equipment_return=equipment,
            refund="staff_check" if refund else "none",
            revocable=end.revocable(now),
            next_steps=wording.next_steps(category, equipment=equipment, refund=refund),
        )

    async def request(self, command: RequestCancellation, buyer: Buyer) -> Cancellation:
        """Refused as `RequestCancellation` lists. A repeat gets the first one's date (C34)."""
        request = f"{command.subject}:{key_of(command)}"
        known = await self._known(command, request, buyer)
        if known is not None:
            return self._shown(known)
        own = await self.find(command.service_id, buyer)
        category = await self._cancellable(own, buyer)
        end = self._wanted(command, own, category)
        work = self._work(command, own, buyer, category, end)
        kept = KeptCancellation(
            cancellation_id=self.new_id(),
            account_id=buyer.account_id,
            service_id=command.service_id,
            order_id=own.order_id,
            category=category,
            request=request,
            fingerprint=fingerprint(command),
            initial=command.initial_cancellation,
            requested_at=self.clock.now(),
            ends_on=end.ends_on,
            effective_at=end.effective_at,
        )
        return self._shown(await self._keep(command, kept, work, buyer))

    async def _keep(
        self, command: RequestCancellation, kept: KeptCancellation, work: CancellationWork, buyer: Buyer
    ) -> KeptCancellation:
        """Keep cancellation, process and announcement in one transaction; of two at once, one gets in."""
        async with self.transactions() as transaction:
            added = await self.cancellations.add(transaction, kept)
            if added:
                await self.processes.start(transaction, KIND, kept.cancellation_id, work)
                entry = wording.requested(kept.ends_on, kept.requested_at)
                await announce(self.take_reading, kept.cancellation_id, work, "requested", entry)(transaction)
        if added:
            return kept
        known = await self._known(command, kept.request, buyer)
        if known is None:
            raise Refused("CANCELLATION_UNDER_WAY")
        return known

    async def revoke(self, command: RevokeCancellation, buyer: Buyer) -> Cancellation:
        """Take it back until it takes effect or staff end the service. Refused as `RevokeCancellation` lists."""
        newest = await self.cancellations.of_service(buyer.account_id, command.service_id)
        if newest is None:
            raise Refused("NOT_FOUND")
        if newest.state in ("withdrawing", "withdrawn"):
            return self._shown(newest)
        own = await self.find(command.service_id, buyer)
        if own.subscription.state in SERVICE_OVER or (own.contract is not None and own.contract.stage == "cancelled"):
            raise Refused("CANCELLATION_TOO_LATE")
        async with self.transactions() as transaction:
            kept = await self.cancellations.lock(transaction, newest.cancellation_id)
            in_time = kept is not None and self.clock.now() < kept.effective_at
            if not in_time or not await self.cancellations.move(
                transaction, newest.cancellation_id, ("requested",), "withdrawing"
            ):
                raise Refused("CANCELLATION_TOO_LATE")
            await self.processes.wake(transaction, KIND, newest.cancellation_id, step=TAKE_BACK)
        return await self.read(command.service_id, buyer)

    async def read(self, service_id: int, buyer: Buyer) -> Cancellation:
        """Tell how the newest one stands. Refused NOT_FOUND."""
        kept = await self.cancellations.of_service(buyer.account_id, service_id)
        if kept is None:
            raise Refused("NOT_FOUND")
        return self._shown(kept)

    async def contract(self, service_id: int, buyer: Buyer) -> ServiceContract:
        """Give the sales side of a service. Refused NOT_FOUND."""
        own = await self.find(service_id, buyer)
        kept = await self.cancellations.of_service(buyer.account_id, service_id)
        contract = own.contract
        return ServiceContract(
            service_id=service_id,
            order_id=own.order_id,
            category=own.category,
            stage=contract.stage if contract is not None else "unknown",
            ends_at=contract.ends_at if contract is not None else None,
            line_return=contract.line_return if contract is not None else "unknown",
            cancellation=self._shown(kept) if kept is not None else None,
        )

    async def _known(self, command: RequestCancellation, request: str, buyer: Buyer) -> KeptCancellation | None:
        known = await self.cancellations.of_request(buyer.account_id, request)
        if known is not None and bytes(known.fingerprint) != fingerprint(command):
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        return known

    async def _cancellable(self, own: OwnService, buyer: Buyer) -> Category:
        """Give what kind of service it is, if it can be cancelled."""
        state, category = own.subscription.state, own.category
        newest = await self.cancellations.of_service(buyer.account_id, own.subscription.service_id)
        if newest is not None and newest.state in OPEN:
            raise Refused("CANCELLATION_UNDER_WAY")
        if state not in RUNNING or category is None:
            raise Refused("CANCELLATION_NOT_POSSIBLE", facts={"state": state})
        if own.contract is not None and own.contract.stage == "cancelling":
            raise Refused("CANCELLATION_UNDER_WAY")  # staff took it by telephone
        return category

    def _ending(self, category: Category, last_month: date | None) -> Ending:
        return ending(category, self.clock.now(), last_month, months_ahead=self.settings.cancellation_months_ahead)

    def _wanted(self, command: RequestCancellation, own: OwnService, category: Category) -> Ending:
        """Give the end the customer was shown, or refuse when it would be another one now."""
        if command.initial_cancellation:
            window = initial_until(category, own.activated_on)
            if window is None or self.clock.today() > window:
                raise Refused("CANCELLATION_NOT_POSSIBLE", facts={"state": own.subscription.state})
            end = at_once(self.clock.now())
        else:
            end = self._ending(category, command.last_month)
        if end.ends_on != command.ends_on:
            raise Refused("CANCELLATION_DATE_CHANGED", facts={"ends_on": end.ends_on.isoformat()})
        return end

    @staticmethod
    def _work(
        command: RequestCancellation, own: OwnService, buyer: Buyer, category: Category, end: Ending
    ) -> CancellationWork:
        initial = command.initial_cancellation
        return CancellationWork(
            account_id=buyer.account_id,
            whmcs_client_id=buyer.whmcs_client_id,
            service_id=command.service_id,
            order_id=own.order_id,
            name=own.name,
            category=category,
            equipment=category == "internet",
            initial=initial,
            ends_on=end.ends_on,
            effective_at=end.effective_at,
            reason=command.reason or "",
            refund=initial or paid_beyond(own.subscription, end.ends_on),
        )

    def _shown(self, kept: KeptCancellation) -> Cancellation:
        return Cancellation(
            cancellation_id=kept.cancellation_id,
            service_id=kept.service_id,
            state=kept.state,
            status=wording.status_of(kept.state),
            requested_at=kept.requested_at,
            ends_on=kept.ends_on,
            effective_at=kept.effective_at,
            initial_cancellation=kept.initial,
            equipment_return=kept.category == "internet",
            revocable=kept.state == "requested" and self.clock.now() < kept.effective_at,
        )


def remaining_fees(subscription: Subscription, ends_on: date) -> Sequence[Fee]:
    """Give the monthly fees that fall due until the last day; other cycles are paid already."""
    due: Any = subscription.next_due_on
    if due is None or subscription.billing_cycle != "monthly" or not subscription.amount:
        return []
    fees: list[Fee] = []
    first = due.day
    while due <= ends_on:
        fees.append(wording.fee(subscription.amount, due))
        due = _month_later(due, first)
    return fees


def _month_later(day: date, first: int) -> date:
    """Give the same day of the following month, or that month's last one."""
    year, month = (day.year + day.month // 12, day.month % 12 + 1)
    after = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(first, (after - timedelta(days=1)).day))
