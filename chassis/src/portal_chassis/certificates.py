"""Shows when certificates end, so that alerts say so 30, 14 and 7 days before (R292–R294, C35).

Whoever uses a certificate names it in `PORTAL_CERTIFICATES`: a PEM file, or an end point whose certificate is fetched
without being trusted, because an expired one is what we want to hear of. A server that speaks before TLS begins, as
NATS does, is named by its file.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Final

from portal_chassis.logs import get_logger
from portal_chassis.metrics import gauge
from portal_chassis.settings import WatchedCertificate

LOOK_SECONDS: Final = 3600.0
RETRY_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 5.0

_EXPIRES: Final = gauge(
    "portal_certificate_expires_timestamp_seconds", "When a watched certificate ends", "certificate", "renewal"
)
_READABLE: Final = gauge("portal_certificate_readable", "1 while a watched certificate can be looked at", "certificate")
_log = get_logger(__name__)


async def watch_certificates(certificates: Iterable[WatchedCertificate], every: float = LOOK_SECONDS) -> None:
    """Look at all of them once in so many seconds, for ever; after a failure a minute later."""
    while True:
        seen = [await look_at(certificate) for certificate in certificates]
        await asyncio.sleep(every if all(seen) else min(every, RETRY_SECONDS))


async def look_at(certificate: WatchedCertificate) -> bool:
    """Set the gauges of one certificate; False when it could not be read, and then its last known end stays."""
    try:
        ends = await asyncio.to_thread(_end_of, certificate)
    except (OSError, ValueError) as error:
        _log.warning("a certificate cannot be looked at", certificate=certificate.name, error=type(error).__name__)
        _READABLE.labels(certificate.name).set(0)
        return False
    _EXPIRES.labels(certificate.name, certificate.renewal).set(ends)
    _READABLE.labels(certificate.name).set(1)
    return True


def _end_of(certificate: WatchedCertificate) -> float:
    """Give the Unix time at which the first of the file's certificates, or the end point's own, ends."""
    from cryptography import x509  # noqa: PLC0415 - only for a process that watches any

    if certificate.path is not None:
        pem = certificate.path.read_bytes()
    else:
        host, _, port = (certificate.endpoint or "").rpartition(":")
        pem = ssl.get_server_certificate((host, int(port)), timeout=_ANSWER_SECONDS).encode()
    return min(one.not_valid_after_utc.timestamp() for one in x509.load_pem_x509_certificates(pem))
