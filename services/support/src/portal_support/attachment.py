"""What counts as a file of a case, and what it is called. No I/O."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from portal_contracts.problems import Refused
from portal_contracts.support_files import MOST_BYTES

_BEGINNINGS: Final = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"%PDF-", "pdf"))
_MEDIA_TYPES: Final[Mapping[str, str]] = {"jpg": "image/jpeg", "png": "image/png", "pdf": "application/pdf"}
ANY_MEDIA_TYPE: Final = "application/octet-stream"
LONGEST_STEM: Final = 80
_NOT_IN_NAMES: Final = re.compile(r'[\\/:*?"<>|;%]')


def file_kind(content: bytes) -> str:
    """Give a file's kind by its content, whatever it was called. Refused DOCUMENT_REFUSED (C41)."""
    kind = _kind(content)
    if kind is None or len(content) > MOST_BYTES:
        raise Refused("DOCUMENT_REFUSED", facts={"megabytes": MOST_BYTES // 1024 // 1024})
    return kind


def media_type(content: bytes) -> str:
    """Give the media type by content alone: neither a name nor whoever sent it is believed."""
    return _MEDIA_TYPES.get(_kind(content) or "", ANY_MEDIA_TYPE)


def safe_name(given: str, kind: str | None = None) -> str:
    """Give a name without path, control characters and tricks; with `kind` it ends with what the content is."""
    last = re.split(r"[\\/]", given)[-1]
    printable = "".join(letter for letter in unicodedata.normalize("NFC", last) if letter.isprintable())
    plain = _NOT_IN_NAMES.sub("_", printable)
    name = PurePosixPath(plain.strip(" .") or "file")
    if kind is None:
        return f"{name.stem[:LONGEST_STEM]}{name.suffix[:10]}"
    return f"{name.stem[:LONGEST_STEM]}.{kind}"


def file_path(case_id: str, content: bytes, kind: str) -> str:
    """Give the name a file is found by: the same content on the same case has the same."""
    return f"portal-{hashlib.sha256(case_id.encode() + content).hexdigest()}.{kind}"


def _kind(content: bytes) -> str | None:
    return next((kind for beginning, kind in _BEGINNINGS if content.startswith(beginning)), None)
