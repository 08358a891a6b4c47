"""What catalog reads from its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CatalogSettings(BaseSettings):
    """How old what the catalog says may get (C24, R092)."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_CATALOG_", env_ignore_empty=True, extra="ignore", frozen=True)

    check_seconds: int = Field(
        default=300, ge=1, le=86_400, description="How often all is compared although no change was announced"
    )
    price_hold_hours: float = Field(
        default=24, gt=0, le=168, description="How long a price that WHMCS confirmed holds while WHMCS is away"
    )
