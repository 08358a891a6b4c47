"""What catalog reads from its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CatalogSettings(BaseSettings):
    """How often Salesforce is compared although no change was announced (C24)."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_CATALOG_", env_ignore_empty=True, extra="ignore", frozen=True)

    check_seconds: int = Field(default=300, ge=1, le=86_400)
