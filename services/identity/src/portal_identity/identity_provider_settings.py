"""How identity speaks to an eKYC provider (C26). Without an issuer there is none."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from portal_identity.identity_comparison import Compared

PREFIX: Final = "PORTAL_IDENTITY_PROVIDER_"
NEEDED: Final = f"{PREFIX}ISSUER, {PREFIX}CLIENT_ID and {PREFIX}KEY_PATH or {PREFIX}CLIENT_SECRET"
_LOOPBACK: Final = re.compile(r"127\.0\.0\.1|::1|(.+\.)?localhost")


class IdentityProviderSettings(BaseSettings):
    """An OpenID provider, and what it must prove. Defaults fit one that reads the My Number card."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    issuer: str = Field(default="", description="As in its discovery document; https, or http on loopback")
    client_id: str = ""
    client_secret: SecretStr | None = Field(default=None, description="Where it knows us by a secret")
    key_path: Path | None = Field(default=None, description="PEM of the private key it knows us by (private_key_jwt)")
    key_id: str = Field(default="", description="The name of that key's public half in the JWKS it was given")
    key_algorithm: Literal["", "ES256", "ES384", "RS256", "PS256"] = Field(
        default="", description="Of that key's signatures; empty: ES256 or RS256, by its kind"
    )
    key_audience: Literal["token_endpoint", "issuer"] = Field(
        default="token_endpoint", description="Whom those signatures are for"
    )
    algorithms: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("RS256", "PS256", "ES256"), description="Signatures of the provider's that count"
    )
    scopes: str = Field(default="openid name address birthdate", description="What is asked for")
    acr_values: str = Field(default="", description="Asked for; the provider's words, such as `aal3 crl`")
    required_acr: str = Field(default="", description="Words that must all be in the answer's `acr`")
    trust_framework: str = Field(
        default="", description="Only claims it verified by this framework count (OpenID Connect for IDA); empty: all"
    )
    compares: Annotated[tuple[Compared, ...], NoDecode] = Field(
        default=("name", "birth_date"), description="What must be alike: name, birth_date, address"
    )
    minutes: int = Field(default=15, ge=2, le=60, description="How long a customer may take")
    seconds: float = Field(default=4.0, gt=0, le=30, description="Longest wait for one answer of the provider")

    @field_validator("algorithms", "compares", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("algorithms")
    @classmethod
    def _asymmetric(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """A shared secret or none must never pass for the provider's own key."""
        if not value or any(name[:2] not in {"RS", "PS", "ES"} for name in value):
            raise ValueError("only RS…, PS… and ES… count")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.issuer:
            return self
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and not (parts.scheme == "http" and _LOOPBACK.fullmatch(parts.hostname or "")):
            raise ValueError(f"{PREFIX}ISSUER must be https")
        if not self.client_id:
            raise ValueError(f"{PREFIX}CLIENT_ID is missing")
        if (self.key_path is None) == (self.client_secret is None):
            raise ValueError(f"exactly one of {PREFIX}KEY_PATH and {PREFIX}CLIENT_SECRET is needed")
        if "openid" not in self.scopes.split():
            raise ValueError(f"{PREFIX}SCOPES must have openid")
        if "name" not in self.compares or "birth_date" not in self.compares:
            raise ValueError(f"{PREFIX}COMPARES must have name and birth_date")
        return self

    @property
    def host(self) -> str:
        """What staff read as the provider's name."""
        return urlsplit(self.issuer).netloc
