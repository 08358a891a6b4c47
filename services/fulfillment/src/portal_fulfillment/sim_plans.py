"""Which plan of the operator a SKU is, and which voice option an add-on: a file, because both sides rename theirs.

It also lists the numbers that SIM cards were prepared with: the operator hands them over with a batch of cards.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from portal_contracts.orders import ProvisioningOrder
from portal_contracts.porting import NumberPorting
from portal_contracts.problems import Misconfigured, Refused
from portal_fulfillment.sim import (
    Activation,
    AssignedNumber,
    CardActivation,
    EsimActivation,
    Number,
    PortedNumber,
    PreparedNumber,
    SimKind,
    Target,
    VoiceOptions,
    target_of,
)

NO_OPTION: Final = "none"
MOST_MEGABYTES: Final = 512_000
"""More than this the operator adds at no time (freebit.md 3.3)."""
EID: Final = re.compile(r"[0-9]{32}")
CARD_NUMBER: Final = re.compile(r"[A-Z]{2}[0-9]{13}")
"""As printed on a SIM card (freebit.md 1)."""
OptionName = Literal["voice_mail", "call_waiting", "call_transfer", "roaming_calls", "international_calls", "none"]
"""`none` is an add-on the operator has no part in."""


class SimPlan(BaseModel):
    """A plan as it is set up at the operator. `sms` counts for a plan without voice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan_code: str
    network: Literal["4G", "5G"] = "5G"
    sms: bool = False


class SimPlans(BaseModel):
    """Plans and voice options by SKU. An order whose SKU is missing here waits as PRODUCT_UNMAPPED."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plans: Mapping[str, SimPlan] = {}
    voice_options: Mapping[str, OptionName] = {}
    card_numbers: Mapping[str, str] = {}
    """Phone number by the number on the card."""
    top_ups: Mapping[Annotated[int, Field(ge=1, le=MOST_MEGABYTES)], Annotated[int, Field(ge=0)]] = {}
    """Price of a top-up in yen, tax included, by its megabytes; what is not here is not on offer."""

    def activation_of(self, order: ProvisioningOrder) -> Activation:
        """Give what the operator is asked for. Refused PRODUCT_UNMAPPED, or as `target_of`."""
        target, number = self.target_of(order), self._number_of(order)
        plan = self.plans.get(order.sim_plan or "")
        if plan is None:
            raise Refused("PRODUCT_UNMAPPED", facts={"sku": order.sim_plan or "-"})
        without_voice = SimKind.DATA_WITH_SMS if plan.sms else SimKind.DATA
        kind = SimKind.VOICE if order.voice else without_voice
        if order.esim:
            return EsimActivation(target.eid, kind, plan.plan_code, plan.network, number)
        return CardActivation(target.card_number, kind, plan.plan_code, plan.network, number)

    def target_of(self, order: ProvisioningOrder) -> Target:
        """Give how to find the order's line. Refused EID_MISSING, SIM_CARD_NUMBER_MISSING or SIM_CARD_UNKNOWN."""
        if order.esim:
            if not EID.fullmatch(order.eid or ""):
                raise Refused("EID_MISSING")
            return target_of(self._number_of(order), eid=order.eid or "")
        if not order.sim_card_number:
            raise Refused("SIM_CARD_NUMBER_MISSING")
        if not CARD_NUMBER.fullmatch(order.sim_card_number):
            raise Refused("SIM_CARD_UNKNOWN", facts={"card": order.sim_card_number, "pair": "NUMBER_MALFORMED"})
        return target_of(self._number_of(order), card_number=order.sim_card_number)

    def _number_of(self, order: ProvisioningOrder) -> Number:
        if order.porting is not None:
            return _ported(order.porting)
        prepared = None if order.esim else self.card_numbers.get(order.sim_card_number or "")
        return AssignedNumber() if prepared is None else PreparedNumber(prepared)

    def options_of(self, order: ProvisioningOrder) -> VoiceOptions:
        """Give the voice options that were ordered, the two on sale said outright. Refused PRODUCT_UNMAPPED.

        An option is named by its add-on's SKU or by our own word for it.
        """
        chosen = {self._option(name): True for name in order.voice_options}
        chosen.pop(NO_OPTION, None)
        return VoiceOptions(**{"voice_mail": False, "call_waiting": False, **chosen})

    def _option(self, name: str) -> str:
        if name in VoiceOptions.__dataclass_fields__:
            return name
        if name not in self.voice_options:
            raise Refused("PRODUCT_UNMAPPED", facts={"sku": name})
        return self.voice_options[name]


def _ported(porting: NumberPorting) -> PortedNumber:
    return PortedNumber(
        porting.phone_number,
        porting.reservation_number,
        porting.reservation_expires_on,
        porting.family_name,
        porting.given_name,
        porting.family_name_kana,
        porting.given_name_kana,
        porting.gender,
        porting.born_on,
    )


def load_plans(path: Path | None) -> SimPlans:
    """Read the TOML file; no plans without one. Raises Misconfigured when it cannot be read."""
    if path is None:
        return SimPlans()
    try:
        return SimPlans.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        facts = {"message": f"{path.name}: {type(error).__name__}"}
        raise Misconfigured("FREEBIT_MISCONFIGURED", facts=facts) from error
