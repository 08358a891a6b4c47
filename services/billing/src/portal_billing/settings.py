"""What billing reads from its environment. Seconds are whole numbers unless said otherwise."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_TO_SPARE = 5
"""Seconds of the quiet period beyond what our patience and WHMCS's ceiling explain."""


class WhmcsSettings(BaseSettings):
    """The WHMCS installation and the credentials of the portal's API role."""

    model_config = SettingsConfigDict(env_prefix="WHMCS_", env_ignore_empty=True, extra="ignore", frozen=True)

    api_url: HttpUrl = Field(description="https://<host>/<path>/includes/api.php")
    identifier: SecretStr
    secret: SecretStr
    access_key: SecretStr | None = Field(default=None, description="Stands in for the list of allowed addresses")
    fields_path: Path = Field(description="TOML file with the ids of the custom fields, see whmcs_fields.sandbox.toml")
    payment_method: str = Field(default="stripe", description="System name of the gateway new orders are billed by")
    public_host: str = Field(default="", description="Host single sign-on links must have; empty: the host of api_url")
    read_seconds: float = Field(default=15.0, gt=0, description="Longest read")
    write_seconds: float = Field(default=30.0, gt=0, description="Longest write of a record")
    order_seconds: float = Field(default=30.0, gt=0, description="Longest AddOrder, AcceptOrder or CancelOrder")
    answer_limit: int = Field(default=8_388_608, gt=0, description="Largest answer read, in bytes")
    page_rows: int = Field(
        default=100, ge=1, description="Rows of a list asked for at a time; WHMCS is good for 50 to 100 (whmcs.md 8)"
    )
    interactive_at_once: int = Field(default=6, ge=1, description="Calls in flight for what customers look at")
    lines_at_once: int = Field(
        default=3, ge=1, description="Calls in flight for the invoices of which one answer is made"
    )
    clicks_at_once: int = Field(default=2, ge=1, description="Calls in flight for links and changes customers wait for")
    orders_at_once: int = Field(default=4, ge=1, description="Calls in flight for orders and new clients")
    upkeep_at_once: int = Field(default=1, ge=1, description="Calls in flight for comparisons and posted events")
    patience_seconds: float = Field(
        default=0.7, gt=0, description="How long a customer waits for WHMCS before a dated copy, or being asked back"
    )
    crowd_seconds: float = Field(
        default=3.0,
        gt=0,
        description="How long one waits for the turn of a call while WHMCS answers the others in time",
    )
    stale_seconds: int = Field(
        default=3600, ge=0, description="How long a copy past its time still serves while WHMCS does not answer"
    )
    hook_secret: SecretStr | None = Field(default=None, description="Signs what WHMCS posts; none: nothing is taken")
    hook_secret_before: SecretStr | None = Field(default=None, description="The former one, while it is exchanged")

    def hook_secrets(self) -> tuple[SecretStr, ...]:
        """Give the secrets an event may be signed with, two at most."""
        return tuple(secret for secret in (self.hook_secret, self.hook_secret_before) if secret is not None)

    def sign_on_host(self) -> str:
        """Give the host a single sign-on link must point to."""
        return self.public_host or self.api_url.host or ""


class BillingSettings(BaseSettings):
    """Billing's own rules."""

    model_config = SettingsConfigDict(
        env_prefix="PORTAL_WHMCS_", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    order_seconds: float = Field(
        default=30.0, gt=0, validation_alias="WHMCS_ORDER_SECONDS", description="As WHMCS's settings have it"
    )
    write_seconds: float = Field(
        default=30.0, gt=0, validation_alias="WHMCS_WRITE_SECONDS", description="As WHMCS's settings have it"
    )
    ceiling_seconds: int = Field(
        default=90, ge=0, description="Longest request WHMCS's web server lets live: an operational contract"
    )
    quiet_seconds: int | None = Field(
        default=None, ge=0, description="Wait after an unclear write, when it is not our patience + ceiling + 5 s"
    )
    send_seconds: int = Field(
        default=10, ge=1, description="A write leaves this soon after its last check or not at all"
    )
    wanted_seconds: int = Field(
        default=60, ge=1, description="An order is made only if somebody asked for it within this time"
    )
    recheck_seconds: int = Field(
        default=900, ge=1, description="How often an unclear or stuck order is looked at again"
    )
    sweep_seconds: int = Field(default=240, ge=1, le=270, description="How often late twins of an order are looked for")
    sweep_hours: int = Field(default=6, ge=1, description="How long after an unclear write they are looked for")
    sign_on_kept_days: int = Field(default=396, ge=1, description="How long the audit of links into WHMCS goes back")
    sweep_ended_minutes: int = Field(
        default=15, ge=1, description="How long they are looked for after an acceptance or a release"
    )

    @property
    def quiet(self) -> timedelta:
        """The quiet period after an unclear write (rule 5)."""
        if self.quiet_seconds is not None:
            return timedelta(seconds=self.quiet_seconds)
        return timedelta(seconds=max(self.order_seconds, self.write_seconds) + self.ceiling_seconds + _TO_SPARE)

    @property
    def wanted(self) -> timedelta:
        """How long after an ask an order may be made."""
        return timedelta(seconds=self.wanted_seconds)

    @property
    def recheck(self) -> timedelta:
        """The pause between two looks at something stuck."""
        return timedelta(seconds=self.recheck_seconds)

    @property
    def sweep(self) -> timedelta:
        """The pause between two sweeps of one order."""
        return timedelta(seconds=self.sweep_seconds)

    @property
    def sweep_for(self) -> timedelta:
        """How long an order is swept after an unclear write."""
        return timedelta(hours=self.sweep_hours)

    @property
    def sweep_ended(self) -> timedelta:
        """How long an order is swept after its acceptance or release: the longest a lost write may still land."""
        return timedelta(minutes=self.sweep_ended_minutes)
