"""Fulfillment's wiring: the only place where its objects are built and joined."""

import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

import httpx
from pydantic import ValidationError

from portal_chassis.forgetting import serve as forget_customers
from portal_chassis.logs import get_logger
from portal_chassis.outbound import Outbound
from portal_chassis.process import ProcessDefinition
from portal_chassis.sealing import Seal
from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_contracts.forgetting import FulfillmentForgotten
from portal_fulfillment.adopt_line import AdoptOldLine
from portal_fulfillment.after_pivot_steps import AfterPivotSteps
from portal_fulfillment.billing_steps import BillingSteps
from portal_fulfillment.bus_billing import BusBilling, BusCharges, BusServices
from portal_fulfillment.bus_orders import BusOrders
from portal_fulfillment.change_line import ChangeLine, LineTerms
from portal_fulfillment.check_setup import CheckSetup
from portal_fulfillment.close_line_change import CloseStandingChange
from portal_fulfillment.close_line_ending import CloseStandingEnding
from portal_fulfillment.consumers import PeoplesUseCases, register, register_people
from portal_fulfillment.end_line import EndOwnedLine
from portal_fulfillment.esim_codes import EsimCodes
from portal_fulfillment.export_lines import ExportLines
from portal_fulfillment.freebit import Freebit, FreebitSettings
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.freebit_sims import FreebitSims
from portal_fulfillment.freebit_wire import connections
from portal_fulfillment.line_change_process import LineChangeProcess
from portal_fulfillment.line_consumers import LineUseCases, register_lines
from portal_fulfillment.line_ending_process import LineEndingProcess
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.operate_on_line import OperateOnLine
from portal_fulfillment.operate_provisioning import OperateProvisioning
from portal_fulfillment.order_checks import OrderChecks
from portal_fulfillment.order_steps import OrderSteps
from portal_fulfillment.porting_rules import PortingRules
from portal_fulfillment.ports import Attempts, Billing, Lines, Operations, Orders, Sims
from portal_fulfillment.postgres_esim_codes import PostgresEsimCodes
from portal_fulfillment.postgres_forgetting import PostgresMemory
from portal_fulfillment.postgres_line_changes import PostgresLineChanges, PostgresOwnedLines
from portal_fulfillment.postgres_records import PostgresRecords
from portal_fulfillment.postgres_retention import forget_what_is_old
from portal_fulfillment.progress import Progress
from portal_fulfillment.provisioning_process import ProvisioningProcess
from portal_fulfillment.provisioning_state import ProvisioningState
from portal_fulfillment.reveal_esim_code import ShowEsimCode
from portal_fulfillment.rounds import Rounds
from portal_fulfillment.schedule import SchedulePatience
from portal_fulfillment.schedule_steps import ScheduleSteps
from portal_fulfillment.settings import FreebitEnvironment, FulfillmentSettings
from portal_fulfillment.show_line import ShowLine
from portal_fulfillment.show_provisioning import ShowProvisioning
from portal_fulfillment.sim_plans import SimPlans, load_plans
from portal_fulfillment.sim_steps import SimPatience, SimSteps
from portal_fulfillment.store import PostgresAttempts, PostgresLines, PostgresOperations
from portal_fulfillment.voice_steps import VoiceSteps

_SCHEDULES: Final = SchedulePatience()
_PORTING: Final = PortingRules()

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
    http = connections()
    service.on_stop(http.aclose)
    tables = FreebitTables().overridden(settings.freebit_tables)
    attempts = PostgresAttempts(service.database)
    seal = Seal.from_file(settings.fulfillment_key_path, setting="PORTAL_FULFILLMENT_KEY_PATH")
    ends = Ends(
        orders=BusOrders(service.bus),
        billing=BusBilling(service.bus),
        sims=FreebitSims(on_freebit(freebit, tables, http), tables),
        attempts=attempts,
        operations=PostgresOperations(service.database),
        lines=PostgresLines(service.database, seal),
    )
    plans = load_plans(settings.sim_plans_path)
    if not plans.plans:
        _log.warning("no SIM plan is mapped: SIM orders will wait as PRODUCT_UNMAPPED", setting="PORTAL_SIM_PLANS_PATH")
    definition = provisioning(
        ends, plans, settings.patience, settings.recheck, schedules=settings.schedules, porting=settings.porting
    )
    service.processes.register(definition)
    codes = PostgresEsimCodes(service.database, seal)
    _listen(service, attempts, codes)
    register_lines(service.bus, _lines(service, ends, plans, settings, codes))
    memory = PostgresMemory(service.database)
    forget_customers(service.bus, service.processes, service.clock, memory, FulfillmentForgotten)
    forget_what_is_old(service.pruning, service.clock, service.settings)
    setup = CheckSetup(freebit, tables, plans)
    serve_setup(service, setup.look, product=setup.look_at_product)


def _listen(service: Service, attempts: Attempts, codes: EsimCodes) -> None:
    """Join what messages are handed to, and what runs beside them."""
    records = PostgresRecords(service.database)
    look = LookAtSignal(attempts, service.processes, service.clock)
    register(service.bus, look)
    people = PeoplesUseCases(
        show=ShowProvisioning(records, service.clock),
        operate=OperateProvisioning(service.operator_desk, look),
        show_esim_code=ShowEsimCode(service.database.transaction, codes, service.machine),
    )
    register_people(service.bus, people)
    service.background("fulfillment-rounds", Rounds(records, codes, service.clock, service.machine).run)


def _lines(
    service: Service, ends: Ends, plans: SimPlans, settings: FulfillmentSettings, codes: EsimCodes
) -> LineUseCases:
    """Join what customers see of their lines and do with them."""
    owned, changes = PostgresOwnedLines(service.database), PostgresLineChanges(service.database)
    operate = OperateOnLine(ends.sims, ends.operations, settings.patience.quiet, settings.patience.spacing)
    process = LineChangeProcess(operate, ends.sims, ends.lines, changes, BusCharges(service.bus), settings.recheck)
    service.processes.register(process.definition())
    service.processes.register(LineEndingProcess(operate, settings.recheck).definition())
    return LineUseCases(
        show=ShowLine(owned, changes, ends.sims, plans, service.clock, settings.reissue_pause),
        change=ChangeLine(
            service.database.transaction,
            owned,
            changes,
            ends.sims,
            ends.billing,
            plans,
            service.processes,
            service.clock,
            service.machine,
            LineTerms(settings.line_change_seconds, settings.reissue_pause),
            new_id=lambda: uuid4().hex,
        ),
        close=CloseStandingChange(service.operator_desk, changes, ends.operations, service.processes),
        close_ending=CloseStandingEnding(
            service.operator_desk, ends.sims, ends.lines, ends.operations, service.processes
        ),
        adopt=AdoptOldLine(
            service.operator_desk,
            ends.orders,
            BusServices(service.bus),
            ends.sims,
            ends.attempts,
            ends.lines,
            owned,
            service.clock,
        ),
        end=EndOwnedLine(service.database.transaction, owned, service.processes),
        show_esim_code=ShowEsimCode(service.database.transaction, codes, service.machine),
        export=ExportLines(owned, changes, ends.sims),
    )


def provisioning(
    ends: Ends,
    plans: SimPlans,
    patience: SimPatience,
    recheck: timedelta,
    *,
    schedules: SchedulePatience = _SCHEDULES,
    porting: PortingRules = _PORTING,
) -> ProcessDefinition[ProvisioningState]:
    """Build the process on whatever stands behind the ports."""
    progress = Progress(ends.attempts)
    obstacles = Obstacles(ends.orders, progress, recheck)
    checks = OrderChecks(ends.billing, plans, porting)
    schedule = ScheduleSteps(ends.orders, ends.attempts, checks, progress, schedules)
    return ProvisioningProcess(
        order=OrderSteps(ends.orders, ends.operations, checks, schedule, progress, obstacles),
        billing=BillingSteps(ends.orders, ends.billing, progress, ends.lines),
        sim=SimSteps(
            ends.orders, ends.sims, ends.operations, ends.lines, plans, progress, obstacles, patience, porting
        ),
        voice=VoiceSteps(ends.sims, ends.operations, plans, obstacles, patience),
        after_pivot=AfterPivotSteps(ends.orders, ends.sims, ends.lines, obstacles),
        obstacles=obstacles,
    ).definition()


def on_freebit(environment: FreebitEnvironment, tables: FreebitTables, http: httpx.AsyncClient) -> Freebit:
    """Build the adapter, behind one bulkhead for the whole process."""
    settings = FreebitSettings.of(
        environment.base_url, environment.oem_id, environment.oem_key.get_secret_value(), tables
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
