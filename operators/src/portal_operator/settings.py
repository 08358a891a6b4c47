"""What the command line reads from its environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class OperatorSettings(BaseSettings):
    """Where the bus is, with which identity it is entered, and where the sign-in is kept."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    nats_url: str = "nats://127.0.0.1:4222"
    nats_seed_path: Path | None = Field(default=None, description="nkey seed file of the bus user `operator`")
    operator_session_path: Path = Field(
        default_factory=lambda: Path.home() / ".config" / "portal-operator" / "session",
        description="Where the session token is kept, readable by its owner alone",
    )
