"""What support reads from its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SupportSettings(BaseSettings):
    """How Salesforce treats the cases we open, and how often it is asked what staff did to them."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_CASE_", env_ignore_empty=True, extra="ignore", frozen=True)

    auto_assign: str = Field(
        default="false",
        pattern=r"^(?:true|false|[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?)$",
        description="Header Sforce-Auto-Assign: whether the org's assignment rules run, or the id of the one that does",
    )
    watch_seconds: float = Field(
        default=60.0, gt=0, description="Pause between two looks at what staff did: two calls to Salesforce each"
    )
