"""What orders reads from its environment, beside the chassis's and the Salesforce connector's settings."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from portal_contracts.values import comparable_text


class OrdersSettings(BaseSettings):
    """Times are whole seconds."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    sweep_seconds: int = Field(default=300, ge=1, description="Pause between two sweeps of approved orders (C01)")
    sweep_again_seconds: int = Field(
        default=600, ge=1, description="How long a request may go without any progress before the sweeper repeats it"
    )
    early_event_seconds: int = Field(
        default=60, ge=0, description="How long an event may be ahead of the approval it announces"
    )
    stuck_seconds: int = Field(
        default=1800, ge=1, description="After this time of activating an order counts as taking too long (§2.2)"
    )
    checkout_seconds: float = Field(
        default=7.0, gt=0, description="Longest time a checkout is worked on before its caller is told `working`"
    )
    internet_groups: str = Field(
        default="Internet,インターネット",
        description="Names of WHMCS product groups that hold Internet services, comma list (C14)",
    )
    internet_commodity: str = Field(
        default="Personal SonixNet Home Internet", description="CommodityType of Internet opportunities (R231)"
    )

    @property
    def stuck_after(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.stuck_seconds)

    @property
    def internet_group_names(self) -> frozenset[str]:
        """The group names in their comparable form."""
        return frozenset(comparable_text(name) for name in self.internet_groups.split(",") if name.strip())
