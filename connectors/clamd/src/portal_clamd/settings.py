"""What whoever takes files from customers reads from its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ScannerSettings(BaseSettings):
    """Where the virus scanner is, if there is one (§5 item 6)."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    virus_scanner: str = Field(
        default="",
        pattern=r"^(?:[A-Za-z0-9._-]+:[0-9]{1,5})?$",
        description="host:port of a clamd that looks into every file customers send; empty: no scanner",
    )
    virus_scanner_seconds: float = Field(
        default=10.0, gt=0, le=20, description="How long it may take for one file; nothing passes without its answer"
    )

    @property
    def place(self) -> tuple[str, int] | None:
        """The scanner's host and port."""
        host, _, port = self.virus_scanner.rpartition(":")
        return (host, int(port)) if host else None
