"""What orders reads from its environment, beside the chassis's and the Salesforce connector's settings."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from portal_contracts.values import comparable_text
from portal_orders.porting import DEFAULT_DAYS_FOR_CARD, DEFAULT_DAYS_FOR_ESIM, PortingTerms


class OrdersSettings(BaseSettings):
    """Times are whole seconds."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    sweep_seconds: int = Field(default=300, ge=1, description="Pause between two sweeps of approved orders (C01)")
    sweep_again_seconds: int = Field(
        default=600, ge=1, description="How long a request may go without any progress before the sweeper repeats it"
    )
    sweep_silent_seconds: int = Field(
        default=3600,
        ge=1,
        description="How long nothing may be heard of an order that has begun before the sweeper asks for it again",
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

    schedule_days: int = Field(default=90, ge=1, description="How many days ahead an activation may be wanted (R164)")
    porting_one_stop: bool = Field(
        default=False, description="Take numbers without a reservation: operators fetch it themselves (D09)"
    )
    porting_days_esim: int = Field(
        default=DEFAULT_DAYS_FOR_ESIM, ge=1, description="Days a reservation must be good for on the day of activation"
    )
    porting_days_card: int = Field(
        default=DEFAULT_DAYS_FOR_CARD, ge=1, description="The same for a SIM card, which travels by post"
    )
    comparison_hour: int = Field(
        default=2, ge=0, le=23, description="Hour of the nightly comparison of systems, Japanese time (D14)"
    )
    comparison_pause_seconds: float = Field(
        default=1.0, ge=0, description="Pause between two pages of the comparison, so that vendors hardly notice it"
    )
    comparison_clients: int = Field(default=25, ge=1, le=100, description="WHMCS clients in one page of it")

    @property
    def porting_terms(self) -> PortingTerms:
        """What a reservation must be good for."""
        return PortingTerms(self.porting_one_stop, self.porting_days_esim, self.porting_days_card)

    @property
    def early(self) -> timedelta:
        """How long an event may be ahead of the approval it announces."""
        return timedelta(seconds=self.early_event_seconds)

    @property
    def stuck_after(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.stuck_seconds)

    @property
    def internet_group_names(self) -> frozenset[str]:
        """The group names in their comparable form."""
        return frozenset(comparable_text(name) for name in self.internet_groups.split(",") if name.strip())
