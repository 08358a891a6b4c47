"""What Portal_ConfigOptions_JSON__c says (R087): which keys the portal knows, and how they must look. No I/O.

    {"simType": "eSIM", "voice": true, "planCode": "PASI_20G"}                     a SIM plan
    {"installments": 12}                                                           a fee in monthly payments (R088)
    {"region": {"en": "Germany", "ja": "ドイツ"}}                                   where a VPN leads to (R089)
    {"choices": [{"name": "speed", "label": "Speed", "values": ["1G", "2G"]}]}     what an order settles (R078, R089)
    {"plans": ["SIM-VOICE-ESIM-20G"]}                                              the plans an add-on or fee fits
    {"whmcsOptions": {"12": 34}}                                      WHMCS's configurable option 12 is always its 34
    {"choices": [{"name": "speed", "label": "Speed", "whmcsOption": 12,
                  "values": [{"value": "1G", "label": "1 Gbps", "whmcsValue": 34}]}]}           or as it was chosen

A text is one for both languages, or one for each. Other keys are passed on as they are. Only options with one value out
of several are mapped, and they have to be free of charge in WHMCS: another price is another product.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from portal_contracts.catalog import Choice, ChoiceValue, ConfigOption, LocalizedText, Sku

MOST_CHOICES: Final = 20
MOST_VALUES: Final = 100


def _in_both(value: Any) -> Any:
    if isinstance(value, str):
        return {"en": value, "ja": value}
    if isinstance(value, dict) and isinstance(value.get("en"), str):
        return {"ja": value["en"], **value}
    return value


def _of_its_own_name(value: Any) -> Any:
    return {"value": value, "label": value} if isinstance(value, str) else value


_Text = Annotated[LocalizedText, BeforeValidator(_in_both)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]


_WhmcsId = Annotated[int, Field(ge=1, le=2**31)]
_WhmcsKey = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}$")]


class _Value(BaseModel):
    model_config = ConfigDict(strict=True)

    value: _Name
    label: _Text
    whmcs_value: _WhmcsId | None = Field(default=None, alias="whmcsValue")


class _Choice(BaseModel):
    model_config = ConfigDict(strict=True)

    name: _Name
    label: _Text
    required: bool = True
    values: list[Annotated[_Value, BeforeValidator(_of_its_own_name)]] = Field(min_length=1, max_length=MOST_VALUES)
    whmcs_option: _WhmcsId | None = Field(default=None, alias="whmcsOption")

    @model_validator(mode="after")
    def _values_differ(self) -> "_Choice":
        if len({one.value for one in self.values}) < len(self.values):
            raise ValueError("a value is there twice")
        mapped = self.whmcs_option is not None
        if any((one.whmcs_value is not None) is not mapped for one in self.values):
            raise ValueError("whmcsOption needs a whmcsValue for each value, and no other choice has one")
        return self


class ProductOptions(BaseModel):
    """The options of a product; everything is optional. Raises ValidationError naming the key that is wrong."""

    model_config = ConfigDict(strict=True, populate_by_name=True)

    sim_type: Literal["eSIM", "Physical SIM"] | None = Field(default=None, alias="simType")
    voice: bool = False
    installments: int | None = Field(default=None, ge=2, le=120)
    region: _Text | None = None
    choices: list[_Choice] = Field(default=[], max_length=MOST_CHOICES)
    plans: list[Sku] = []
    whmcs_options: dict[_WhmcsKey, _WhmcsId] = Field(default={}, alias="whmcsOptions", max_length=MOST_CHOICES)

    @model_validator(mode="after")
    def _choices_differ(self) -> "ProductOptions":
        if len({one.name for one in self.choices}) < len(self.choices):
            raise ValueError("a choice is there twice")
        mapped = [one.option_id for one in self.config_options()]
        if len(set(mapped)) < len(mapped):
            raise ValueError("a whmcsOption is there twice")
        return self

    def config_options(self) -> Sequence[ConfigOption]:
        """Give WHMCS's configurable options and what sets them."""
        fixed = [ConfigOption(option_id=int(key), value_id=value) for key, value in self.whmcs_options.items()]
        chosen = [
            ConfigOption(
                option_id=one.whmcs_option,
                choice=one.name,
                values={value.value: value.whmcs_value for value in one.values if value.whmcs_value is not None},
            )
            for one in self.choices
            if one.whmcs_option is not None
        ]
        return (*fixed, *chosen)

    def shown_choices(self) -> Sequence[Choice]:
        """Give the choices as customers see them."""
        return tuple(
            Choice(
                name=one.name,
                label=one.label,
                required=one.required,
                values=tuple(ChoiceValue(value=value.value, label=value.label) for value in one.values),
            )
            for one in self.choices
        )


NONE: Final = ProductOptions()


def first_fault(error: ValidationError) -> str:
    """Say in one line, without values, which key is wrong and why."""
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "it"
    return f"{place}: {fault['msg']}"
