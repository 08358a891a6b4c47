"""What notifications reads from its environment."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class MailSettings(BaseSettings):
    """The mail provider and our own addresses (R264)."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    sendgrid_base_url: str = Field(default="https://api.sendgrid.com", pattern=r"^https?://")
    sendgrid_api_key: SecretStr
    mail_from: str = Field(description="A verified sender's address")
    mail_from_name: str = "お客様ポータル"
    mail_support_cc: str | None = Field(default=None, description="Gets a copy of each welcome mail (R032)")
