import pytest
from pydantic import Field, ValidationError, field_validator

from portal_chassis.dead_letters import described
from portal_chassis.validation import refused_input
from portal_contracts.field_hints import ELSEWHERE, NOT_JSON
from portal_contracts.message import Message
from portal_contracts.problems import CATALOGUE


class Place(Message):
    post_code: str = Field(min_length=7, max_length=7)


class Form(Message):
    full_name: str
    places: tuple[Place, ...] = ()
    age: int = 0

    @field_validator("age")
    @classmethod
    def _grown_up(cls, age: int) -> int:
        if age > 150:
            raise ValueError("nobody is that old")
        return age


def refuse(body):
    with pytest.raises(ValidationError) as caught:
        Form.model_validate_json(body)
    return refused_input(caught.value), caught.value


def test_fields_are_named_by_their_place_on_the_wire():
    problem, _ = refuse('{"places":[{"postCode":"1"},{"postCode":"123456789"}],"age":200}')
    assert [(field.field, field.code, dict(field.facts)) for field in problem.fields] == [
        ("fullName", "FIELD_MISSING", {}),
        ("places[0].postCode", "FIELD_TOO_SHORT", {"limit": 7}),
        ("places[1].postCode", "FIELD_TOO_LONG", {"limit": 7}),
        ("age", "FIELD_INVALID", {"reason": "nobody is that old", "reason_ja": ELSEWHERE.ja}),
    ]
    assert {field.code for field in problem.fields} <= set(CATALOGUE)


def test_values_stay_out_of_problems_and_dead_letters():
    problem, error = refuse('{"fullName":["secret value"],"age":"secret value"}')
    assert "secret value" not in repr(problem.fields)
    assert "secret value" not in described(error)


def test_what_is_no_json_is_a_fault_of_the_whole_body():
    problem, _ = refuse("{")
    assert problem.code == "BAD_REQUEST"
    reasons = {"reason": NOT_JSON.en, "reason_ja": NOT_JSON.ja}
    assert [(field.field, field.facts) for field in problem.fields] == [("body", reasons)]


def test_a_flood_of_bad_fields_is_cut():
    problem, _ = refuse('{"fullName":"x","places":[' + ",".join(["{}"] * 500) + "]}")
    assert len(problem.fields) == 50
