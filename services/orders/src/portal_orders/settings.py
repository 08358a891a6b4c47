"""What orders reads from its environment, beside the chassis's and the Salesforce connector's settings."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import get_args

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from portal_contracts.catalog import Category
from portal_contracts.values import comparable_text
from portal_orders.business_calendar import BusinessCalendar
from portal_orders.eligibility import CheckTerms
from portal_orders.porting import DEFAULT_DAYS_FOR_CARD, DEFAULT_DAYS_FOR_ESIM, PortingTerms
from portal_orders.review import ReviewTerms


class OrdersSettings(BaseSettings):
    """Times are whole seconds."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore", frozen=True)

    sweep_seconds: int = Field(default=300, ge=1, description="Pause between two sweeps of approved orders (C01)")
    sweep_again_seconds: int = Field(
        default=600, ge=1, description="How long a request may go without any progress before the sweeper repeats it"
    )
    sweep_silent_seconds: int = Field(
        default=3600,
        ge=1,
        description="How long nothing may be heard of an order that has begun before the sweeper asks for it again",
    )
    early_event_seconds: int = Field(
        default=60, ge=0, description="How long an event may be ahead of the approval it announces"
    )
    stuck_seconds: int = Field(
        default=1800, ge=1, description="After this time of activating an order counts as taking too long (§2.2)"
    )
    checkout_seconds: float = Field(
        default=7.0, gt=0, description="Longest time a checkout is worked on before its caller is told `working`"
    )
    internet_groups: str = Field(
        default="Internet,インターネット",
        description="Names of WHMCS product groups that hold Internet services, comma list (C14)",
    )
    sim_groups: str = Field(
        default="SIM", description="The same for SIM services: how one from before the portal is known (R177)"
    )
    vpn_groups: str = Field(default="VPN", description="The same for VPN services")
    internet_commodity: str = Field(
        default="Personal SonixNet Home Internet", description="CommodityType of Internet opportunities (R231)"
    )

    schedule_days: int = Field(default=90, ge=1, description="How many days ahead an activation may be wanted (R164)")
    porting_one_stop: bool = Field(
        default=False, description="Take numbers without a reservation: operators fetch it themselves (D09)"
    )
    porting_days_esim: int = Field(
        default=DEFAULT_DAYS_FOR_ESIM, ge=1, description="Days a reservation must be good for on the day of activation"
    )
    porting_days_card: int = Field(
        default=DEFAULT_DAYS_FOR_CARD, ge=1, description="The same for a SIM card, which travels by post"
    )
    eligibility_standard_hours: int = Field(default=48, ge=1, description="Business hours of a standard check (R191)")
    eligibility_express_hours: int = Field(default=4, ge=1, description="Business hours of an express check (R192)")
    review_hours: int = Field(default=2, ge=1, description="Business hours of a standard review (R130)")
    review_priority_minutes: int = Field(
        default=30, ge=1, description="Minutes of a priority review, at any time of the day (R131)"
    )
    review_priority_yen: int | None = Field(
        default=None, ge=1, description="Orders of this value are priority orders; none by value without it (C31)"
    )
    review_priority_categories: str = Field(
        default="", description="Categories whose orders are priority orders: internet, sim, vpn; comma list (C31)"
    )
    review_orders_a_day: int = Field(default=3, ge=2, description="Orders of a customer in 24 hours to escalate (C32)")
    review_most_yen: int = Field(default=100_000, ge=1, description="Value above which an order is escalated (C32)")
    closed_days: str = Field(
        default="", description="Days the company is closed beside holidays, month-day, comma list, e.g. 12-29,12-30"
    )
    verification_required: bool = Field(
        default=False, description="Approved orders wait until the customer's identity is verified (C26)"
    )

    comparison_hour: int = Field(
        default=2, ge=0, le=23, description="Hour of the nightly comparison of systems, Japanese time (D14)"
    )
    comparison_pause_seconds: float = Field(
        default=1.0, ge=0, description="Pause between two pages of the comparison, so that vendors hardly notice it"
    )
    comparison_clients: int = Field(default=25, ge=1, le=100, description="WHMCS clients in one page of it")

    @field_validator("closed_days")
    @classmethod
    def real_days(cls, value: str) -> str:
        """Refuse what is no day of a year."""
        _month_days(value)
        return value

    @field_validator("review_priority_categories")
    @classmethod
    def known_categories(cls, value: str) -> str:
        """Refuse what nothing is sold in."""
        _categories(value)
        return value

    @property
    def calendar(self) -> BusinessCalendar:
        """When staff work (§5.11)."""
        return BusinessCalendar(closed=_month_days(self.closed_days))

    @property
    def check_terms(self) -> CheckTerms:
        """How long eligibility checks take."""
        return CheckTerms(
            self.calendar,
            standard=timedelta(hours=self.eligibility_standard_hours),
            express=timedelta(hours=self.eligibility_express_hours),
        )

    @property
    def review_terms(self) -> ReviewTerms:
        """Deadlines and thresholds of reviews."""
        return ReviewTerms(
            calendar=self.calendar,
            standard=timedelta(hours=self.review_hours),
            priority=timedelta(minutes=self.review_priority_minutes),
            priority_yen=self.review_priority_yen,
            priority_categories=_categories(self.review_priority_categories),
            orders_a_day=self.review_orders_a_day,
            most_yen=self.review_most_yen,
            internet_groups=self.internet_group_names,
        )

    @property
    def porting_terms(self) -> PortingTerms:
        """What a reservation must be good for."""
        return PortingTerms(self.porting_one_stop, self.porting_days_esim, self.porting_days_card)

    @property
    def early(self) -> timedelta:
        """How long an event may be ahead of the approval it announces."""
        return timedelta(seconds=self.early_event_seconds)

    @property
    def stuck_after(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.stuck_seconds)

    @property
    def internet_group_names(self) -> frozenset[str]:
        """The group names in their comparable form."""
        return _names(self.internet_groups)

    @property
    def group_categories(self) -> Mapping[str, Category]:
        """What kind of service a WHMCS group holds, by its comparable name; Internet's first where names are twice."""
        named: tuple[tuple[Category, str], ...] = (
            ("vpn", self.vpn_groups),
            ("sim", self.sim_groups),
            ("internet", self.internet_groups),
        )
        return {name: category for category, names in named for name in _names(names)}


def _names(text: str) -> frozenset[str]:
    return frozenset(comparable_text(name) for name in text.split(",") if name.strip())


def _month_days(text: str) -> frozenset[tuple[int, int]]:
    """Read `12-29,12-30`; ValueError for what is no day of a leap year."""
    days = [date.fromisoformat(f"2024-{part.strip()}") for part in text.split(",") if part.strip()]
    return frozenset((day.month, day.day) for day in days)


def _categories(text: str) -> frozenset[Category]:
    """Read `internet,vpn`; ValueError for another word."""
    words = {part.strip() for part in text.split(",") if part.strip()}
    known: tuple[Category, ...] = get_args(Category)
    if not words <= set(known):
        raise ValueError(f"not categories: {', '.join(sorted(words - set(known)))}")
    return frozenset(category for category in known if category in words)
