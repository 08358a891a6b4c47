"""What the viewer reads from its environment."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_PROJECT = Path(__file__).parents[2]
"""This project as it is checked out; an image gives its own copy."""


class ViewerSettings(BaseSettings):
    """Its address, what it scrapes, and where rules and dashboards lie."""

    model_config = SettingsConfigDict(env_prefix="VIEWER_", env_ignore_empty=True, extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=4318, ge=0, le=65535)
    scrape: str = Field(default="", description="name=URL of /metrics, separated by commas")
    scrape_seconds: float = Field(default=10, gt=0)
    rules_dir: Path = Field(default=_PROJECT, description="Where slo.yaml, alerts.yaml and dashboards/ lie")

    @property
    def targets(self) -> Mapping[str, str]:
        """What to scrape: URLs by name."""
        pairs = (pair.strip().partition("=") for pair in self.scrape.split(",") if pair.strip())
        return {name: url for name, _, url in pairs}
