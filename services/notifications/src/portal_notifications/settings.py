"""What notifications reads from its environment."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class MailSettings(BaseSettings):
    """The mail provider and our own addresses (R264)."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    mail_transport: Literal["sendgrid", "smtp"] = "sendgrid"
    mail_from: str = Field(description="A verified sender's address", pattern=r"^[^\s@<>]+@[^\s@<>]+$")
    mail_from_name: str = Field(default="お客様ポータル", pattern=r"^[^\x00-\x1f\x7f]*$")
    portal_retention_mail_days: int = Field(
        default=400, ge=90, description="How long what became of a mail is kept after its end (§5.10)"
    )
    mail_support_cc: str | None = Field(default=None, description="Gets a copy of each welcome mail (R032)")

    sendgrid_base_url: str = Field(default="https://api.sendgrid.com", pattern=r"^https?://")
    sendgrid_api_key: SecretStr | None = None
    sendgrid_event_public_key: str = Field(
        default="",
        description="Verification key of the Event Webhook; two with a comma between while one is replaced. "
        "None means that what becomes of mails is not heard",
    )

    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="none is for a server on this machine"
    )
    smtp_username: str = ""
    smtp_password: SecretStr | None = None

    @model_validator(mode="after")
    def _the_transport_is_set_up(self) -> Self:
        if self.mail_transport == "sendgrid" and self.sendgrid_api_key is None:
            raise ValueError("SENDGRID_API_KEY is missing")
        if self.mail_transport == "smtp" and not self.smtp_host:
            raise ValueError("SMTP_HOST is missing")
        if self.smtp_username and self.smtp_password is None:
            raise ValueError("SMTP_PASSWORD is missing")
        return self

    @property
    def bearer(self) -> str:
        """The header SendGrid knows us by."""
        return f"Bearer {self.sendgrid_api_key.get_secret_value() if self.sendgrid_api_key is not None else ''}"

    @property
    def event_keys(self) -> list[str]:
        """The verification keys, each by itself."""
        return [key.strip() for key in self.sendgrid_event_public_key.split(",") if key.strip()]
