"""What cancelling reads from the environment."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CancellationSettings(BaseSettings):
    """Rules of the deployment (C22)."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    cancellation_automatic: bool = Field(
        default=False, description="End services in WHMCS at their date; else staff do, and the portal waits for it"
    )
    cancellation_overdue_hours: int = Field(
        default=24, ge=1, description="How long after its date a service may still be on"
    )
    cancellation_look_seconds: int = Field(
        default=3600, ge=1, description="Pause between two looks at a service that is to end"
    )
    cancellation_months_ahead: int = Field(
        default=12, ge=0, description="How many months ahead a SIM line may be cancelled for"
    )

    @property
    def overdue(self) -> timedelta:
        """The same as a duration."""
        return timedelta(hours=self.cancellation_overdue_hours)

    @property
    def look_again(self) -> timedelta:
        """The pause."""
        return timedelta(seconds=self.cancellation_look_seconds)
