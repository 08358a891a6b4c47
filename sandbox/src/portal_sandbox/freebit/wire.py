"""Bodies in, envelopes out. Three encodings carry the same JSON (reference/freebit.md section 1)."""

import json
import re
from collections.abc import Mapping
from typing import Literal

from starlette.datastructures import UploadFile
from starlette.requests import Request

from portal_sandbox.freebit.codes import FIELD_INVALID, FIELD_MISSING, SUCCESS, Code, RefusedError

ResultCodeType = Literal["string", "number"]

ACCOUNT = re.compile(r"\d{11,14}")
ACCOUNT_OR_GROUP = re.compile(r"\d{11,14}|[A-Z]{3}\d_\d{11}")
EID = re.compile(r"\d{32}")
PRODUCT_NUMBER = re.compile(r"[A-Z]{2}\d{13}")
PLAN_CODE = re.compile(r".{1,32}")
FLAG = re.compile(r"10|20")
DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
LOOSE_DATE = re.compile(r"\d{4}([/-]?)\d{2}\1\d{2}")
CONTRACT_LINE = re.compile(r"4G|5G")
ANYTHING = re.compile(r"(?s).*")
TEXT = re.compile(r"(?s).{1,512}")


async def read_fields(request: Request) -> "Fields":
    """The JSON object of a request, whichever of the three encodings carries it.

    Raises `RefusedError` with 400-301 when the field `json` is missing and 400-302 when it holds no object.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    version: str | None = None
    if kind == "application/json":
        text = (await request.body()).decode("utf-8", "replace")
    else:
        async with request.form() as form:
            text = _form_text(form.get("json"))
            version = _form_text(form.get("version")) or None
    if not text:
        raise RefusedError(FIELD_MISSING, "json")
    try:
        values = json.loads(text)
    except ValueError as error:
        raise RefusedError(FIELD_INVALID, "json") from error
    if not isinstance(values, dict):
        raise RefusedError(FIELD_INVALID, "json")
    if version is not None:
        values.setdefault("version", version)
    return Fields(values)


def _form_text(value: UploadFile | str | None) -> str:
    return value if isinstance(value, str) else ""


class Fields:
    """A JSON object that is taken apart field by field; what nobody asked for is refused by `finish`.

    Freebit sends and wants numbers as strings: any other JSON type is refused with 400-302.
    """

    def __init__(self, values: Mapping[str, object], prefix: str = "") -> None:
        self._values = dict(values)
        self._prefix = prefix
        self._asked: set[str] = set()

    def required(self, name: str, pattern: re.Pattern[str] = ANYTHING, invalid: Code = FIELD_INVALID) -> str:
        """The text of a field that must be there; 400-301 without it, `invalid` when it has another shape."""
        value = self.optional(name, pattern, invalid)
        if value is None:
            raise RefusedError(FIELD_MISSING, self._prefix + name)
        return value

    def optional(self, name: str, pattern: re.Pattern[str] = ANYTHING, invalid: Code = FIELD_INVALID) -> str | None:
        """The text of a field, None when it is absent or empty."""
        self._asked.add(name)
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise RefusedError(invalid, self._prefix + name)
        return value

    def group(self, name: str) -> "Fields | None":
        """A nested object, None when it is absent."""
        self._asked.add(name)
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise RefusedError(FIELD_INVALID, self._prefix + name)
        return Fields(value, f"{self._prefix}{name}.")

    def only_element(self, name: str) -> "Fields":
        """The one object of a list that takes a single element (PA03-02)."""
        self._asked.add(name)
        value = self._values.get(name)
        if value is None:
            raise RefusedError(FIELD_MISSING, self._prefix + name)
        if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
            raise RefusedError(FIELD_INVALID, self._prefix + name)
        return Fields(value[0], f"{self._prefix}{name}[0].")

    def named_lines(self) -> set[str]:
        """Accounts and EIDs the request is about, wherever it names them first."""
        inner = self._values.get("requestDatas")
        places = [self._values, *(inner if isinstance(inner, list) else [])]
        return {
            str(place[name])
            for place in places
            if isinstance(place, dict)
            for name in ("account", "eid")
            if name in place
        }

    def finish(self) -> None:
        """Refuses what no rule of the call knows, so that a misspelt field cannot pass unseen."""
        unknown = sorted(set(self._values) - self._asked)
        if unknown:
            raise RefusedError(FIELD_INVALID, self._prefix + unknown[0])


def envelope(
    code: Code, extra: Mapping[str, object] | None = None, *, number: ResultCodeType = "string", field: str = ""
) -> dict[str, object]:
    """The reply around every answer; `number` sends `resultCode` as a JSON number, as the specification words it."""
    message = f"{code.message} ({field})" if field else code.message
    return {
        "resultCode": int(code.result) if number == "number" else code.result,
        "status": {"message": message, "statusCode": code.status},
        **(extra or {}),
    }


def success(extra: Mapping[str, object] | None, number: ResultCodeType) -> dict[str, object]:
    """The envelope of a call that worked."""
    return envelope(SUCCESS, extra, number=number)
