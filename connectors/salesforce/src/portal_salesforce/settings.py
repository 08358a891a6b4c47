"""How to reach the Salesforce org. Times are seconds; the names of R271 are exact."""

from base64 import b64decode
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from portal_contracts.problems import Misconfigured
from portal_contracts.values import SalesforceId

CLIENT_NAME: Final = "CustomerPortal"
"""Names our calls (`Sforce-Call-Options`); change events repeat it, which is how we know our own (reference 4.11)."""


class SalesforceSettings(BaseSettings):
    """Read from the environment; tests build it by field name."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True)

    login_url: str = Field(
        validation_alias="SF_LOGIN_URL",
        pattern=r"^https?://[^/\s?#]+/?$",
        description="https://login.salesforce.com, https://test.salesforce.com or the org's My Domain",
    )
    client_id: str = Field(validation_alias="SF_CLIENT_ID", min_length=1, description="The connected app's key (R269)")
    username: str = Field(validation_alias="SF_USERNAME", min_length=1, description="The integration user (R270)")
    private_key_path: Path | None = Field(default=None, validation_alias="SF_PRIVATE_KEY_PATH", description="RSA, PEM")
    private_key_base64: SecretStr | None = Field(
        default=None, validation_alias="SF_PRIVATE_KEY_BASE64", description="The same PEM file, base64"
    )
    audience: str | None = Field(
        default=None, validation_alias="SF_AUDIENCE", description="`aud` of the login; default: SF_LOGIN_URL"
    )
    api_version: str = Field(default="66.0", validation_alias="SF_API_VERSION", pattern=r"^\d{2,3}\.0$")
    ca_bundle: Path | None = Field(
        default=None,
        validation_alias="SF_CA_BUNDLE",
        description="PEM: authorities to trust, no others",
    )
    pubsub_endpoint: str = Field(
        default="api.pubsub.salesforce.com:7443", validation_alias="SF_PUBSUB_ENDPOINT", pattern=r"^\S+:\d+$"
    )
    dialect: str = Field(
        default="2025-12", validation_alias="SF_DIALECT", description="2025-12, 2025-08 or the path of a TOML profile"
    )
    pricebook_id: SalesforceId | None = Field(
        default=None, validation_alias="PORTAL_PRICEBOOK_ID", description="The Pricebook2 whose prices customers pay"
    )
    at_once: int = Field(default=20, validation_alias="SF_AT_ONCE", ge=1, description="Most calls under way at once")
    connect_seconds: float = Field(default=5.0, validation_alias="SF_CONNECT_SECONDS", gt=0)
    call_seconds: float = Field(default=25.0, validation_alias="SF_CALL_SECONDS", gt=0, description="For one call")

    def private_key(self) -> bytes:
        """Give the PEM of the RSA key; raises Misconfigured when there is none or it cannot be read."""
        try:
            if self.private_key_base64 is not None:
                return b64decode(self.private_key_base64.get_secret_value(), validate=False)
            if self.private_key_path is not None:
                return self.private_key_path.read_bytes()
        except (OSError, ValueError) as error:
            raise Misconfigured(
                "SALESFORCE_MISCONFIGURED", facts={"message": "the private key cannot be read"}
            ) from error
        raise Misconfigured(
            "SALESFORCE_MISCONFIGURED", facts={"message": "set SF_PRIVATE_KEY_PATH or SF_PRIVATE_KEY_BASE64"}
        )

    def require_pricebook(self) -> str:
        """Give the portal's price book; raises Misconfigured when none is set."""
        if self.pricebook_id is None:
            raise Misconfigured("SALESFORCE_MISCONFIGURED", facts={"message": "PORTAL_PRICEBOOK_ID is not set"})
        return self.pricebook_id
