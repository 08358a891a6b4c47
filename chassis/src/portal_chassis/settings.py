"""What every portal process reads from its environment. Seconds and ports are whole numbers unless said otherwise."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class WatchedCertificate(BaseModel):
    """A certificate to look at. `renewal` says who renews it: a machine, or a person (R292)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    path: Path | None = None
    endpoint: str | None = None
    """host:port that speaks TLS at once."""
    renewal: Literal["automatic", "manual"] = "manual"

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.endpoint is None):
            raise ValueError("a certificate has a path or an endpoint")
        return self


class ChassisSettings(BaseSettings):
    """The settings a service shares with all others; its own stand in its `settings.py`."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    environment: Literal["development", "production"] = "production"
    nats_url: str = "nats://127.0.0.1:4222"
    nats_seed_path: Path | None = Field(default=None, description="nkey seed file; none means no authentication")
    database_url: SecretStr | None = None
    database_connections: int = Field(default=10, ge=2, description="Most connections one process opens")
    process_lease_seconds: int = Field(
        default=30, ge=2, description="How long the processes of a worker that died wait for another one"
    )
    retention_process_days: int = Field(
        default=400,
        ge=90,
        description="§5.10: then a finished process is reduced to its proof; longer than anything that may come late",
    )
    retention_dead_letter_days: int = Field(default=400, ge=30, description="Of dead letters after they were closed")
    retention_operator_action_months: int = Field(default=13, ge=13, description="The database keeps 13 anyhow")
    retention_event_months: int = Field(default=13, ge=3, description="§5.10: of what happened, such as a timeline")
    retention_contract_years: int = Field(default=7, ge=7, description="§5.10: of what invoices and contracts refer to")
    redis_url: SecretStr | None = Field(default=None, description="None means live reads only")
    actor_public_keys_path: Path | None = Field(default=None, description="JSON object: key id to base64 raw Ed25519")
    clock: Literal["real", "sandbox"] = "real"
    sandbox_control_url: str | None = Field(default=None, description="Where the sandbox's clock is asked for")
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=0, ge=0, le=65535, description="0 lets the kernel pick")
    leave_seconds: float = Field(
        default=0,
        ge=0,
        le=30,
        description="How long a process told to stop goes on, unready, until whatever stands before it looks elsewhere",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    trace_endpoint: str | None = Field(default=None, description="OTLP/HTTP base such as http://collector:4318")
    log_endpoint: str | None = Field(default=None, description="OTLP/HTTP base that gets every log line, too")
    trace_ratio: float = Field(default=0.1, ge=0, le=1, description="Share of new traces that are recorded")
    certificates: tuple[WatchedCertificate, ...] = Field(
        default=(),
        description="JSON list of certificates to look at: name, path or endpoint, renewal",
    )
    public_url: str = Field(default="http://127.0.0.1:8080", description="Base of links in mails")
