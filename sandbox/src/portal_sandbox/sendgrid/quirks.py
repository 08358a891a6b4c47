"""How the SendGrid account is set up and misbehaves."""

from portal_sandbox.core import Switches

VENDOR = "sendgrid"


class Quirks:
    """The present values of SendGrid's switches, in typed words."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        switches.declare(
            VENDOR,
            "verifiedDomains",
            "example.jp,example.com,invalid,localhost",
            "Domains (with their subdomains) that may send, separated by commas; * allows all.",
        )
        switches.declare(VENDOR, "rateLimitHeaders", False, "Successful sends carry the three X-RateLimit headers.")
        switches.declare(VENDOR, "mailsAMinute", 0, "More requests than this in a clock minute get 429; 0: no limit.")
        switches.declare(VENDOR, "keyMayNotSend", False, "The key lacks the Mail Send permission (403).")
        switches.declare(VENDOR, "creditsUsedUp", False, "The plan is used up (401 Maximum credits exceeded).")
        switches.declare(
            VENDOR, "event", "delivered", "Last event of each mail.", ("delivered", "bounce", "dropped", "none")
        )
        switches.declare(VENDOR, "bounceFor", "", "Addresses, separated by commas, whose mail bounces.")
        switches.declare(VENDOR, "duplicateEvents", False, "Every webhook delivery is made twice.")

    def is_verified(self, sender: str) -> bool:
        """Whether this address may send."""
        domain = sender.rpartition("@")[2].lower()
        allowed = self._listed("verifiedDomains")
        return "*" in allowed or any(domain == one or domain.endswith(f".{one}") for one in allowed)

    @property
    def rate_limit_headers(self) -> bool:
        """Whether successful sends tell the limits."""
        return self._switches.is_on(VENDOR, "rateLimitHeaders")

    @property
    def mails_a_minute(self) -> int:
        """Requests in a clock minute before 429, 0 for no limit."""
        return int(self._switches.number(VENDOR, "mailsAMinute"))

    @property
    def key_may_not_send(self) -> bool:
        """Whether the key lacks its permission."""
        return self._switches.is_on(VENDOR, "keyMayNotSend")

    @property
    def credits_used_up(self) -> bool:
        """Whether the plan is used up."""
        return self._switches.is_on(VENDOR, "creditsUsedUp")

    @property
    def duplicates_events(self) -> bool:
        """Whether every delivery is made twice."""
        return self._switches.is_on(VENDOR, "duplicateEvents")

    def last_event_of(self, email: str) -> str:
        """`delivered`, `bounce`, `dropped` or `none`."""
        if email.lower() in self._listed("bounceFor"):
            return "bounce"
        return self._switches.text(VENDOR, "event")

    def _listed(self, name: str) -> set[str]:
        return {part.strip().lower() for part in self._switches.text(VENDOR, name).split(",")} - {""}
