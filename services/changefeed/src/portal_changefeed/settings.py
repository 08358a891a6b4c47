"""What changefeed reads from its environment beside the chassis' and Salesforce's settings. Times are seconds."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ChangefeedSettings(BaseSettings):
    """How patient the one connection to Salesforce's event bus is."""

    model_config = SettingsConfigDict(
        env_prefix="PORTAL_CHANGEFEED_", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    watchdog_seconds: float = Field(default=300.0, gt=0, description="Silence after which the connection is dead")
    ping_seconds: float = Field(default=45.0, ge=10, description="Between HTTP/2 pings on an idle connection")
    ping_answer_seconds: float = Field(default=15.0, gt=0, description="How long a ping may stay unanswered")
