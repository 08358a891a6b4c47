"""What the gateway reads from its environment, beside the chassis's settings."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Network = IPv4Network | IPv6Network


class GatewaySettings(BaseSettings):
    """Where it listens, what a request may cost, and whom it believes. Seconds are whole unless said otherwise."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8080, ge=0, le=65535, description="0 lets the kernel pick")
    cookie_secure: bool = Field(default=True, description="False only for plain HTTP on loopback (architecture §7)")
    public_url: str = Field(default="http://127.0.0.1:8080", description="The origin browsers see")
    step_up_seconds: int = Field(default=900, ge=60, description="How long a proof counts for what is sensitive (§9)")
    request_seconds: float = Field(default=8.0, gt=0, le=60, description="Until when an answer is wanted")
    upload_seconds: float = Field(default=60.0, gt=0, le=600, description="The same where a file is sent")
    requests_at_once: int = Field(default=256, ge=1, description="More are told OVERLOADED")
    catalog_reads_a_minute_per_address: int = Field(default=3000, ge=1, description="Reading without a session (D18)")
    carts_a_minute_per_address: int = Field(default=60, ge=1, description="Carts kept for nobody in particular yet")
    account_calls_a_minute_per_address: int = Field(default=300, ge=1, description="Sign-up, log-in, mailed links")
    machine_calls_a_minute_per_address: int = Field(default=6000, ge=1, description="Signed calls and hooks")
    session_writes_at_once: int = Field(default=4, ge=1, description="State changes of one session at a time")
    strangers_writes_at_once: int = Field(
        default=16, ge=1, description="State changes of one kind without a session, such as log-ins, at a time"
    )
    streams_at_once: int = Field(default=1000, ge=1, description="Open event streams of this instance")
    session_streams_at_once: int = Field(default=8, ge=1)
    stream_heartbeat_seconds: float = Field(default=15.0, gt=0)
    stream_seconds: float = Field(default=3600.0, gt=0, description="Longest life of an event stream")
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(), description="Networks, separated by commas, whose X-Forwarded-For is believed"
    )
    signed_call_keys_path: Path | None = Field(
        default=None, description="Keys of signed calls; none means there are no signed calls"
    )
    signed_callers: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(), description="Networks, separated by commas, that signed calls may come from"
    )
    trace_writes: bool = Field(default=True, description="Record the trace of every state change, whatever the ratio")
    micro_cache: bool = Field(default=True, description="Keep declared replies in memory; off to measure the miss path")

    @property
    def is_on_loopback(self) -> bool:
        """Whether browsers reach it on their own machine only."""
        return urlsplit(self.public_url).hostname in {"127.0.0.1", "localhost", "::1"}

    @field_validator("trusted_proxies", "signed_callers", mode="before")
    @classmethod
    def networks(cls, value: object) -> object:
        """Read `10.0.0.0/8, ::1`."""
        if isinstance(value, str):
            return tuple(ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip())
        return value
