"""What the sign-up form asks for in this deployment: mode, fields, and why (C08, C10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from portal_contracts.identity import SF_NUMBER, SignupForm
from portal_contracts.identity_signup_form import SignupFormDescription, SignupMode, Wanted
from portal_contracts.problems import FieldError, Refused
from portal_contracts.values import CUSTOMER_NUMBER_PATTERN, EMAIL_PATTERN, PHONE_PATTERN, POSTCODE_PATTERN

NUMBER: Final = "customerNumber"
DEFAULTS: Final[Mapping[str, Wanted]] = {
    "company": "optional",
    "phone": "optional",
    "nationality": "optional",
    "dateOfBirth": "optional",
    "gender": "optional",
}
"""Fields a deployment may require, leave open or hide; the others are always needed."""
_PURPOSES: Final[Mapping[str, tuple[str, str]]] = {
    "phone": ("To reach you about your order.", "ご注文に関するご連絡のため"),
    "nationality": ("To choose the identity check that applies.", "本人確認方法の判定のため"),
    "dateOfBirth": ("To check your age and identity.", "年齢・本人確認のため"),
    "gender": ("For number transfers of some carriers.", "一部事業者の番号移行手続きのため"),
}
_PATTERNS: Final[Mapping[str, str]] = {
    NUMBER: CUSTOMER_NUMBER_PATTERN,
    "email": EMAIL_PATTERN,
    "confirmEmail": EMAIL_PATTERN,
    "phone": PHONE_PATTERN,
}
"""Of values once they are half-width and trimmed, as the portal makes them before it looks (D16)."""


@dataclass(frozen=True, slots=True)
class FormPolicy:
    """The mode and what is wanted of each field."""

    mode: SignupMode
    wanted: Mapping[str, Wanted]

    def accepted(self, form: SignupForm) -> SignupForm:
        """Give the form without what is not asked for here. Refused BAD_REQUEST naming each field that is missing."""
        by_alias = {field.alias or name: name for name, field in SignupForm.model_fields.items()}
        missing = [alias for alias in self._required() if not getattr(form, by_alias[alias])]
        if missing:
            raise Refused("BAD_REQUEST", fields=[FieldError(field=alias, code="FIELD_MISSING") for alias in missing])
        hidden = [by_alias[alias] for alias, wish in self.wanted.items() if wish == "hidden"]
        blank = {name: SignupForm.model_fields[name].default for name in hidden}
        return form.model_copy(update=blank)

    def described(self) -> SignupFormDescription:
        """Give the form as a JSON Schema."""
        schema = SignupForm.model_json_schema(mode="validation")
        properties: dict[str, Any] = schema["properties"]
        for alias, wish in self.wanted.items():
            if wish == "hidden":
                del properties[alias]
        for alias, (english, japanese) in _PURPOSES.items():
            if alias in properties:
                properties[alias]["x-purpose"] = {"en": english, "ja": japanese}
        for alias in _PATTERNS.keys() & properties.keys():
            properties[alias]["pattern"] = _PATTERNS[alias]
        schema["$defs"]["Address"]["properties"]["postcode"]["pattern"] = POSTCODE_PATTERN
        properties[NUMBER]["x-alias"] = SF_NUMBER
        schema["required"] = sorted({*schema["required"], *self._required()})
        return SignupFormDescription(mode=self.mode, form=schema)

    def _required(self) -> list[str]:
        number = [NUMBER] if self.mode == "customer_number_required" else []
        return [*number, *(alias for alias, wish in self.wanted.items() if wish == "required")]
