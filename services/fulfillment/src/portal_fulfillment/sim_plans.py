"""Which plan of the operator a SKU is, and which voice option an add-on: a file, because both sides rename theirs."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from portal_contracts.orders import ProvisioningOrder
from portal_contracts.problems import Misconfigured, Refused
from portal_fulfillment.sim import EsimActivation, SimKind, VoiceOptions

NO_OPTION: Final = "none"
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

    def activation_of(self, order: ProvisioningOrder) -> EsimActivation:
        """Give what the operator is asked for. Refused PRODUCT_UNMAPPED."""
        plan = self.plans.get(order.sim_plan or "")
        if plan is None:
            raise Refused("PRODUCT_UNMAPPED", facts={"sku": order.sim_plan or "-"})
        without_voice = SimKind.DATA_WITH_SMS if plan.sms else SimKind.DATA
        return EsimActivation(
            eid=order.eid or "",
            sim_kind=SimKind.VOICE if order.voice else without_voice,
            plan_code=plan.plan_code,
            network=plan.network,
        )

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


def load_plans(path: Path | None) -> SimPlans:
    """Read the TOML file; no plans without one. Raises Misconfigured when it cannot be read."""
    if path is None:
        return SimPlans()
    try:
        return SimPlans.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        facts = {"message": f"{path.name}: {type(error).__name__}"}
        raise Misconfigured("FREEBIT_MISCONFIGURED", facts=facts) from error
