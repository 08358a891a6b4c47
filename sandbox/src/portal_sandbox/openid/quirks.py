"""How the provider words what it proves, and how its answers go wrong."""

from portal_sandbox.core import Switches

VENDOR = "openid"


class Quirks:
    """The present values of the provider's switches, in typed words."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        switches.declare(VENDOR, "acr", "", "Answered as `acr`; empty: what was asked for.")
        switches.declare(VENDOR, "codeSeconds", 60, "How long a code lives, on the machine clock.")
        switches.declare(VENDOR, "nameForm", "whole", "How a name comes.", ("whole", "parts"))
        switches.declare(VENDOR, "addressForm", "formatted", "How an address comes.", ("formatted", "parts", "text"))
        switches.declare(VENDOR, "userinfoForm", "json", "How userinfo comes.", ("json", "jwt"))
        switches.declare(VENDOR, "trustFramework", "", "Claims come as `verified_claims` of this framework.")
        switches.declare(VENDOR, "wrongNonce", False, "The id_token has another nonce.")
        switches.declare(VENDOR, "wrongSignature", False, "Tokens are signed with a key that is not published.")
        switches.declare(VENDOR, "expiredToken", False, "The id_token is of an hour ago.")
        switches.declare(VENDOR, "wrongAudience", False, "The id_token is for another client.")
        switches.declare(VENDOR, "wrongIssuer", False, "The id_token is of another issuer.")
        switches.declare(VENDOR, "otherSubject", False, "userinfo is about another subject than the id_token.")
        switches.declare(VENDOR, "signingKey", 1, "Number of the key that signs; only it is published.")

    def is_on(self, name: str) -> bool:
        """The present value of a yes/no switch."""
        return self._switches.is_on(VENDOR, name)

    def text(self, name: str) -> str:
        """The present value as text."""
        return self._switches.text(VENDOR, name)

    def number(self, name: str) -> float:
        """The present value as a number."""
        return self._switches.number(VENDOR, name)
