"""The headers of a signed call, read strictly: each once, each in its one canonical form (R139, R267)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from portal_contracts.problems import Refused

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
TIMESTAMP: Final = "X-Timestamp"
NONCE: Final = "X-Nonce"
KEY_ID: Final = "X-Key-Id"
SIGNATURE: Final = "X-Signature"

FORMS: Final[Mapping[str, re.Pattern[bytes]]] = {
    IDEMPOTENCY_KEY: re.compile(rb"[\x21-\x7e]{8,255}"),
    TIMESTAMP: re.compile(rb"0|[1-9][0-9]{0,15}"),
    NONCE: re.compile(rb"[0-9a-f]{32}"),
    KEY_ID: re.compile(rb"[A-Za-z0-9._-]{1,64}"),
    SIGNATURE: re.compile(rb"v1=[0-9a-f]{64}(?:,v1=[0-9a-f]{64}){0,7}"),
}
"""One spelling for each value, so that no two requests mean the same and are signed differently. All are bounded."""
_BY_WIRE_NAME: Final = {name.lower().encode(): name for name in FORMS}


@dataclass(frozen=True, slots=True)
class SignedCallHeaders:
    """What the headers say. `signatures` are lower-case hexadecimal, eight at most."""

    idempotency_key: str
    timestamp: str
    nonce: str
    key_id: str
    signatures: tuple[bytes, ...]


def signed_call_headers(headers: Iterable[tuple[bytes, bytes]]) -> SignedCallHeaders:
    """Read the five headers.

    Refused SIGNATURE_MALFORMED naming the first that is missing, repeated or not as described; a compressed body is
    refused as UNSUPPORTED_MEDIA_TYPE, since what is signed are the bytes as sent.
    """
    found: dict[str, bytes] = {}
    for wire_name, value in headers:
        name = _BY_WIRE_NAME.get(wire_name)
        if name is not None:
            if name in found:
                raise Refused("SIGNATURE_MALFORMED", facts={"header": name})
            found[name] = value
        elif wire_name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            raise Refused("UNSUPPORTED_MEDIA_TYPE")
    for name, form in FORMS.items():
        if form.fullmatch(found.get(name, b"")) is None:
            raise Refused("SIGNATURE_MALFORMED", facts={"header": name})
    return SignedCallHeaders(
        idempotency_key=found[IDEMPOTENCY_KEY].decode("ascii"),
        timestamp=found[TIMESTAMP].decode("ascii"),
        nonce=found[NONCE].decode("ascii"),
        key_id=found[KEY_ID].decode("ascii"),
        signatures=tuple(part.removeprefix(b"v1=") for part in found[SIGNATURE].split(b",")),
    )
