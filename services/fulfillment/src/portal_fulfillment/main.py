"""Fulfillment's wiring: the only place where its objects are built and joined."""

import sys
from dataclasses import dataclass
from datetime import timedelta

import httpx
from pydantic import ValidationError

from portal_chassis.logs import get_logger
from portal_chassis.outbound import Outbound
from portal_chassis.process import ProcessDefinition
from portal_chassis.sealing import Seal
from portal_chassis.service import Service
from portal_fulfillment.billing_steps import BillingSteps
from portal_fulfillment.bus_billing import BusBilling
from portal_fulfillment.bus_orders import BusOrders
from portal_fulfillment.consumers import register
from portal_fulfillment.freebit import Freebit, FreebitSettings
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.freebit_sims import FreebitSims
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.order_steps import OrderSteps
from portal_fulfillment.ports import Attempts, Billing, Lines, Operations, Orders, Sims
from portal_fulfillment.progress import Progress
from portal_fulfillment.provisioning_process import ProvisioningProcess
from portal_fulfillment.provisioning_state import ProvisioningState
from portal_fulfillment.settings import FreebitEnvironment, FulfillmentSettings
from portal_fulfillment.sim_plans import SimPlans, load_plans
from portal_fulfillment.sim_steps import SimPatience, SimSteps
from portal_fulfillment.store import PostgresAttempts, PostgresLines, PostgresOperations
from portal_fulfillment.voice_steps import VoiceSteps

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ends:
    """Everything provisioning needs from outside; tests put fakes here."""

    orders: Orders
    billing: Billing
    sims: Sims
    attempts: Attempts
    operations: Operations
    lines: Lines


async def wire(service: Service) -> None:
    """Join everything for one process."""
    freebit, settings = _settings()
    http = httpx.AsyncClient()
    service.on_stop(http.aclose)
    tables = FreebitTables().overridden(settings.freebit_tables)
    attempts = PostgresAttempts(service.database)
    ends = Ends(
        orders=BusOrders(service.bus),
        billing=BusBilling(service.bus),
        sims=FreebitSims(on_freebit(freebit, tables, http), tables),
        attempts=attempts,
        operations=PostgresOperations(service.database),
        lines=PostgresLines(Seal.from_file(settings.fulfillment_key_path, setting="PORTAL_FULFILLMENT_KEY_PATH")),
    )
    plans = load_plans(settings.sim_plans_path)
    if not plans.plans:
        _log.warning("no SIM plan is mapped: SIM orders will wait as PRODUCT_UNMAPPED", setting="PORTAL_SIM_PLANS_PATH")
    service.processes.register(provisioning(ends, plans, settings.patience, settings.recheck))
    register(service.bus, LookAtSignal(attempts, service.processes, service.clock))


def provisioning(
    ends: Ends, plans: SimPlans, patience: SimPatience, recheck: timedelta
) -> ProcessDefinition[ProvisioningState]:
    """Build the process on whatever stands behind the ports."""
    progress = Progress(ends.attempts)
    obstacles = Obstacles(ends.orders, progress, recheck)
    return ProvisioningProcess(
        order=OrderSteps(ends.orders, ends.billing, ends.attempts, ends.operations, plans, progress, obstacles),
        billing=BillingSteps(ends.billing, progress),
        sim=SimSteps(ends.orders, ends.sims, ends.operations, ends.lines, plans, progress, obstacles, patience),
        voice=VoiceSteps(ends.sims, ends.operations, plans, obstacles),
        obstacles=obstacles,
    ).definition()


def on_freebit(environment: FreebitEnvironment, tables: FreebitTables, http: httpx.AsyncClient) -> Freebit:
    """Build the adapter, behind one bulkhead for the whole process."""
    settings = FreebitSettings(
        environment.base_url, environment.oem_id, environment.oem_key.get_secret_value(), tables=tables
    )
    return Freebit(settings, http, Outbound("freebit", at_once=environment.at_once, longest_wait=5.0))


def _settings() -> tuple[FreebitEnvironment, FulfillmentSettings]:
    """Read the environment; what is wrong there is said in one line, without values."""
    try:
        return FreebitEnvironment.model_validate({}), FulfillmentSettings.model_validate({})
    except ValidationError as error:
        prefix = "FREEBIT" if error.title == "FreebitEnvironment" else "PORTAL"
        names = ", ".join(f"{prefix}_{str(problem['loc'][0]).upper()}" for problem in error.errors())
        sys.exit(f"fulfillment: these settings are missing or wrong: {names}")
