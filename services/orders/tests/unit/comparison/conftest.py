"""Systems that agree, and what makes them differ (D14)."""

import pytest

from portal_chassis.testing.operators import operator_call
from portal_contracts.drift import CompareSystems
from portal_contracts.whmcs_orders import BilledClient, BilledService
from portal_orders import comparison_process
from portal_orders.comparison_process import ComparisonState
from portal_orders.testing import CLIENT


class Systems:
    """WHMCS and Salesforce beside the portal, and what operators ask for."""

    hour = 3601

    def __init__(self, world):
        self.world = world

    @staticmethod
    def service(order_id, number=8, **facts):
        return BilledService(
            **{
                "service_id": number,
                "whmcs_order_id": 7,
                "order_id": order_id,
                "whmcs_product_id": 301,
                "state": "active",
                "billing_cycle": "monthly",
                "amount": 2500,
                **facts,
            }
        )

    @staticmethod
    def fee(order_id):
        return Systems.service(order_id, 9, whmcs_product_id=311, billing_cycle="one_time", amount=3000)

    def bill(self, *services, client=CLIENT, number="SNX-10001", address="0" * 64):
        self.world.clients.clients[client] = BilledClient(
            whmcs_client_id=client, customer_number=number, address_fingerprint=address, services=services
        )

    async def place(self, **facts):
        """An order that is as it should be everywhere, and has been for an hour, unless `facts` say otherwise."""
        order_id = await self.world.place_one()
        order = self.world.sales.orders[order_id]
        wanted = {"state": "completed", "activation": "activated", "whmcs_order_id": 7, "whmcs_service_id": 8}
        opportunity = self.world.sales.opportunities[order.opportunity_id]
        opportunity.stage, opportunity.service_id = "active", 8
        await self.world.change(order_id, "Status", **{**wanted, **facts})
        self.bill(self.service(order_id), self.fee(order_id))
        self.world.clock.advance(self.hour)
        return order_id

    async def begin(self):
        """Begin a comparison, as far as its first page."""
        async with self.world.database.transaction() as transaction:
            kind, key = comparison_process.KIND, comparison_process.KEY
            await self.world.processes.start(transaction, kind, key, ComparisonState())
        await self.world.processes.run_until_idle()
        await self.command(CompareSystems)
        await self.world.processes.run_until_idle()

    async def compare(self):
        """Run a whole comparison."""
        await self.begin()
        for _ in range(20):
            await self.world.processes.run_until_idle()
            self.world.clock.advance(1)
        return await self.report()

    async def report(self, kind=None):
        return await self.world.orders.use.drifts.report(kind)

    async def command(self, kind, *, dry_run=False, request_id=None, **facts):
        number = len(self.world.desk.actions)
        message = kind(request_id=request_id or f"request-{number:04}", dry_run=dry_run, reason="A test", **facts)
        drifts = self.world.orders.use.drifts
        return await (drifts.compare if kind is CompareSystems else drifts.repair)(message, operator_call())

    async def kinds(self):
        return [drift.kind for drift in (await self.compare()).drifts]


@pytest.fixture
def systems(world):
    return Systems(world)
