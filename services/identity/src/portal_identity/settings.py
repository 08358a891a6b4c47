"""What identity reads from its environment. Times are seconds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from portal_contracts.identity_signup_form import SignupMode, Wanted
from portal_contracts.identity_verification import VerificationMethod, VerifiedCommodity
from portal_identity.signup_form import DEFAULTS, FormPolicy
from portal_identity.verification_policy import METHODS


class IdentitySettings(BaseSettings):
    """Keys, lifetimes and limits (§5.1, §5.2 of the requirements)."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    actor_private_key_path: Path = Field(description="PEM of the Ed25519 key that signs Portal-Actor tokens")
    actor_key_id: str = Field(default="", description="Its name in the public keys file; empty: the only one there")
    identity_key_path: Path = Field(description="32 raw bytes that seal sign-up forms at rest")
    password_length: int = Field(default=15, ge=8, le=64, description="Least characters of a password (NIST 800-63B-4)")
    password_length_beside_factor: int = Field(
        default=8, ge=8, le=64, description="The same where an authenticator is on"
    )
    public_url: str = Field(default="http://127.0.0.1:8080", description="Browsers' origin, which passkeys belong to")
    signup_mode: SignupMode = Field(default="customer_number_required", description="Who may sign up (C08)")
    signup_fields: Annotated[Mapping[str, Wanted], NoDecode] = Field(
        default=DEFAULTS, description="Differences from the default form, e.g. `phone=required, gender=hidden` (C10)"
    )
    signup_link_seconds: int = Field(default=86_400, ge=60)
    reset_link_seconds: int = Field(default=1_800, ge=60, le=1_800, description="R046; at most half an hour")
    session_idle_seconds: int = Field(default=1_800, ge=60)
    session_seconds: int = Field(default=43_200, ge=300)
    operator_idle_seconds: int = Field(default=1_800, ge=60, le=1_800, description="Of an operator's session (D19)")
    operator_session_seconds: int = Field(default=43_200, ge=300, le=43_200)
    verification_methods: Annotated[Mapping[VerifiedCommodity, VerificationMethod], NoDecode] = Field(
        default=METHODS, description="Differences from the default, e.g. `sim_voice=external` (C26)"
    )
    signups_an_hour_per_address: int = Field(default=60, ge=1)
    signups_an_hour_per_email: int = Field(default=5, ge=1)
    signups_an_hour_per_number: int = Field(default=10, ge=1)
    resets_an_hour_per_address: int = Field(default=60, ge=1)
    resets_an_hour_per_email: int = Field(default=5, ge=1)
    logins_a_minute_per_address: int = Field(default=60, ge=1)
    retention_audit_months: int = Field(default=13, ge=13, description="§5.10; the database keeps 13 anyhow")
    retention_session_days: int = Field(default=90, ge=1, description="Of sessions and API tokens after their end")
    retention_email_change_days: int = Field(default=30, ge=2, description="Of former e-mail addresses")
    deletion_days: int = Field(default=14, ge=1, le=90, description="To think a deletion over (D17)")
    retention_signup_days: int = Field(default=30, ge=2, description="Of sign-up and linking forms nobody went on with")
    linkings_an_hour_per_address: int = Field(default=20, ge=1)
    linkings_an_hour_per_account: int = Field(default=3, ge=1, description="Tries of one WHMCS log-in (C21)")
    linkings_an_hour: int = Field(default=120, ge=1, description="Tries of all: WHMCS bans the portal's one address")

    @field_validator("signup_fields", mode="before")
    @classmethod
    def form_differences(cls, value: object) -> object:
        """Read `phone=required, gender=hidden` as differences from the default form."""
        return _differences(value, DEFAULTS)

    @field_validator("verification_methods", mode="before")
    @classmethod
    def method_differences(cls, value: object) -> object:
        """Read `sim_voice=external` as differences from the default methods."""
        return _differences(value, METHODS)

    def form_policy(self) -> FormPolicy:
        """Give what the sign-up form asks for."""
        return FormPolicy(self.signup_mode, self.signup_fields)


def _differences(value: object, defaults: Mapping[Any, Any]) -> object:
    """Read `name=value, name=value` over the defaults; ValueError for a name they do not have."""
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    unknown = [name for name, _, _ in pairs if name.strip() not in defaults]
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}")
    return {**defaults, **{name.strip(): wish.strip() for name, _, wish in pairs}}
