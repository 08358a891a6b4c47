from dataclasses import dataclass

from portal_catalog.ports import Desk
from portal_catalog.refresh_process import CLEAR, KEY, KIND
from portal_catalog.shelf import Shelf
from portal_chassis.call import Call
from portal_chassis.operator_actions import Plan
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.catalog import CatalogChanged
from portal_contracts.catalog_upkeep import ClearCatalog
from portal_contracts.operators import OperatorOutcome


@dataclass(frozen=True, slots=True)
class ClearEverything:
    """Has the catalog read anew, and told to everybody who keeps a copy of it (R092)."""

    desk: Desk
    shelf: Shelf
    processes: ProcessEngine

    async def __call__(self, command: ClearCatalog, call: Call) -> OperatorOutcome:
        """Give what was done or would be. What is on sale stays so until Salesforce and WHMCS have answered."""
        return await self.desk.carry_out(command, call, self._plan, target="catalog")

    async def _plan(self, _: Transaction) -> Plan:
        changes = (
            f"Drop the copies of catalog {self.shelf.version or '(none)'} that gateways keep.",
            "Read all products from Salesforce, and all their prices from WHMCS, now.",
        )
        return Plan(changes, self._clear)

    async def _clear(self, transaction: Transaction) -> None:
        await transaction.record(CatalogChanged(version=self.shelf.version))
        await self.processes.wake(transaction, KIND, KEY, step=CLEAR)
