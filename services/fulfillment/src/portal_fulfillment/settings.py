"""What fulfillment reads from its environment. Seconds are whole numbers unless said otherwise."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from portal_fulfillment.porting_rules import PortingRules
from portal_fulfillment.schedule import SchedulePatience
from portal_fulfillment.sim_steps import SimPatience


class FreebitEnvironment(BaseSettings):
    """Freebit's address and the company's credentials."""

    model_config = SettingsConfigDict(env_prefix="FREEBIT_", env_ignore_empty=True, extra="ignore", frozen=True)

    base_url: str = Field(pattern=r"^https?://", description="…/emptool/api")
    oem_id: str
    oem_key: SecretStr
    at_once: int = Field(default=3, ge=1, description="Requests in flight for this process")


class FulfillmentSettings(BaseSettings):
    """Fulfillment's own rules."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    fulfillment_key_path: Path = Field(description="32 raw bytes that seal activation codes")
    recheck_seconds: int = Field(default=900, ge=1, description="How often what stands still is looked at again")
    sim_plans_path: Path | None = Field(
        default=None, description="TOML file: operator's plan by SKU, see sim_plans.sandbox.toml"
    )
    freebit_tables: dict[str, Any] = Field(
        default_factory=dict, description="JSON with rows of freebit_codes.py that differ at this Freebit"
    )
    freebit_quiet_seconds: int = Field(
        default=900, ge=0, description="How long an activation whose end is unknown may still land"
    )
    freebit_silence_seconds: int = Field(
        default=900, ge=1, description="How long looks at a line may go unanswered before a person is told"
    )
    freebit_spacing_seconds: int = Field(
        default=1800, ge=0, description="Pause between changes of voice options, network or plan of one line"
    )

    esim_reissue_hours: int = Field(
        default=24, ge=0, description="Cool-down between two re-issues of a line's eSIM (D11)"
    )
    line_change_seconds: float = Field(
        default=6.0,
        gt=0,
        description="Longest time a change of a line is worked on before its caller is told `working`",
    )

    preflight_days: int = Field(default=3, ge=0, description="How long before its time a scheduled order is checked")
    porting_one_stop: bool = Field(default=False, description="Whether the operator fetches MNP reservations itself")
    porting_days_esim: int = Field(default=2, ge=1, description="Days a reservation must still be good, for an eSIM")
    porting_days_card: int = Field(default=10, ge=1, description="The same for a SIM card")

    @property
    def schedules(self) -> SchedulePatience:
        """The patience with orders that have a date."""
        return SchedulePatience(preflight=timedelta(days=self.preflight_days))

    @property
    def porting(self) -> PortingRules:
        """What the operator asks of a reservation."""
        return PortingRules(self.porting_one_stop, self.porting_days_esim, self.porting_days_card)

    @property
    def reissue_pause(self) -> timedelta:
        """The cool-down between two re-issues."""
        return timedelta(hours=self.esim_reissue_hours)

    @property
    def recheck(self) -> timedelta:
        """The pause between two looks at what stands still."""
        return timedelta(seconds=self.recheck_seconds)

    @property
    def patience(self) -> SimPatience:
        """The patience with the operator."""
        return SimPatience(
            timedelta(seconds=self.freebit_quiet_seconds),
            timedelta(seconds=self.freebit_silence_seconds),
            timedelta(seconds=self.freebit_spacing_seconds),
        )
