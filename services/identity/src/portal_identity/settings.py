"""What identity reads from its environment. Times are seconds."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IdentitySettings(BaseSettings):
    """Keys, lifetimes and limits (§5.1, §5.2 of the requirements)."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    actor_private_key_path: Path = Field(description="PEM of the Ed25519 key that signs Portal-Actor tokens")
    actor_key_id: str = Field(default="", description="Its name in the public keys file; empty: the only one there")
    identity_key_path: Path = Field(description="32 raw bytes that seal sign-up forms at rest")
    password_length: int = Field(default=15, ge=8, le=64, description="Least characters of a password (NIST 800-63B-4)")
    signup_link_seconds: int = Field(default=86_400, ge=60)
    reset_link_seconds: int = Field(default=1_800, ge=60, le=1_800, description="R046; at most half an hour")
    session_idle_seconds: int = Field(default=1_800, ge=60)
    session_seconds: int = Field(default=43_200, ge=300)
    operator_idle_seconds: int = Field(default=1_800, ge=60, le=1_800, description="Of an operator's session (D19)")
    operator_session_seconds: int = Field(default=43_200, ge=300, le=43_200)
    signups_an_hour_per_address: int = Field(default=60, ge=1)
    signups_an_hour_per_email: int = Field(default=5, ge=1)
    signups_an_hour_per_number: int = Field(default=10, ge=1)
    resets_an_hour_per_address: int = Field(default=60, ge=1)
    resets_an_hour_per_email: int = Field(default=5, ge=1)
    logins_a_minute_per_address: int = Field(default=60, ge=1)
