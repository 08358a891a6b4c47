"""Examples made from the messages themselves: for samples, OpenAPI and tests."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge
from pydantic import BaseModel
from pydantic.fields import FieldInfo

AN_INSTANT: Final = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
A_DAY: Final = date(2026, 11, 20)


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """Build a valid example of a message in wire form: every field filled, the first choice wherever there is one."""
    values = {name: _field_example(field) for name, field in model.model_fields.items()}
    values |= {
        name: values[name.removeprefix("confirm_")]
        for name in values
        if name.startswith("confirm_") and name.removeprefix("confirm_") in values
    }
    return model.model_validate(values).model_dump(mode="json")


def _field_example(field: FieldInfo) -> Any:
    if field.examples:
        return field.examples[0]
    bounds = [bound.ge for bound in field.metadata if isinstance(bound, Ge)]
    if field.annotation is int and bounds:
        return bounds[0]
    return _type_example(field.annotation)


def _type_example(annotation: Any) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is not None:
        return _compound_example(origin, arguments)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_validate(example_of(annotation))
    return {str: "text", int: 1, float: 1.5, bool: True, datetime: AN_INSTANT, date: A_DAY}[annotation]


def _compound_example(origin: Any, arguments: tuple[Any, ...]) -> Any:
    if origin is Annotated:
        return _annotated_example(arguments)
    if origin in (Union, UnionType):
        return _type_example(next(argument for argument in arguments if argument is not NoneType))
    if origin is Literal:
        return arguments[0]
    if issubclass(origin, Mapping):
        return {_type_example(arguments[0]): "x" if arguments[1] is Any else _type_example(arguments[1])}
    return [_type_example(arguments[0])]


def _annotated_example(arguments: tuple[Any, ...]) -> Any:
    for extra in arguments[1:]:
        if isinstance(extra, FieldInfo):
            if extra.examples:
                return extra.examples[0]
            if bounds := [bound.ge for bound in extra.metadata if isinstance(bound, Ge)]:
                return bounds[0]
    return _type_example(arguments[0])
