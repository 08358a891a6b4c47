"""Contracts against their samples, schemas and rules (architecture §4)."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from portal_contracts.billing import ListInvoices
from portal_contracts.documents import asyncapi, bus_messages, documents, sample_of
from portal_contracts.identity import SignupForm
from portal_contracts.message import Command, CustomerCommand, CustomerQuery, Event, Message, Request, reply_type
from portal_contracts.operators import ROLES
from portal_contracts.topology import OPERATOR, SERVICES
from portal_contracts.topology_operators import answered_by_the_chassis
from portal_contracts.values import PersonalData

ROOT = Path(__file__).parents[3]
MESSAGES = bus_messages()
ACCOUNT_FIELDS = {"account_id", "whmcs_client_id", "user_id"}


def fields_of(model: type[BaseModel]) -> list[tuple[str, Any, type[BaseModel]]]:
    found: list[tuple[str, Any, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        found.append((name, field, model))
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found.extend(fields_of(inner))
    return found


@pytest.mark.parametrize("subject", MESSAGES)
def test_every_message_has_samples_and_todays_class_reads_each_of_them(subject: str) -> None:
    path = ROOT / "contracts" / "samples" / f"{subject}.json"
    assert path.exists(), f"run `make documents` to write {path.name}"
    message = MESSAGES[subject]
    for sample in json.loads(path.read_text()):
        assert isinstance(message.model_validate(sample["message"]), Message)
        if issubclass(message, Request):
            assert isinstance(reply_type(message).model_validate(sample["reply"]), Message)


def test_no_sample_is_left_of_a_message_that_nobody_speaks_any_more() -> None:
    assert {path.stem for path in (ROOT / "contracts" / "samples").glob("*.json")} == set(MESSAGES)


@pytest.mark.parametrize("subject", MESSAGES)
def test_a_reader_ignores_fields_it_does_not_know(subject: str) -> None:
    sample = sample_of(MESSAGES[subject])["message"]
    assert MESSAGES[subject].model_validate({**sample, "addedNextYear": 1}).model_dump(mode="json") == sample


@pytest.mark.parametrize("subject", MESSAGES)
def test_a_subject_says_owner_thing_action_and_version(subject: str) -> None:
    owner, *_, version = subject.split(".")
    assert owner in SERVICES
    assert version == "v1"
    assert len(subject.split(".")) == 4


@pytest.mark.parametrize("subject", [subject for subject, message in MESSAGES.items() if issubclass(message, Event)])
def test_an_event_carries_no_personal_data(subject: str) -> None:
    for name, field, model in fields_of(MESSAGES[subject]):
        marked = any(isinstance(mark, PersonalData) for mark in field.metadata)
        assert not marked, f"{model.__name__}.{name} is personal data and must not travel in {subject}"


@pytest.mark.parametrize(
    "subject",
    [subject for subject, message in MESSAGES.items() if issubclass(message, CustomerQuery | CustomerCommand)],
)
def test_a_customer_message_has_no_account_id_in_it(subject: str) -> None:
    assert not ACCOUNT_FIELDS & set(MESSAGES[subject].model_fields)


@pytest.mark.parametrize("subject", [subject for subject, message in MESSAGES.items() if issubclass(message, Command)])
def test_a_command_names_a_field_of_its_own_as_its_key(subject: str) -> None:
    message = MESSAGES[subject]
    assert issubclass(message, Command)
    assert message.key in message.model_fields


def test_the_wire_speaks_camel_case_and_the_code_snake_case() -> None:
    sent = json.loads(ListInvoices(limit=5, only_open=True).model_dump_json())
    assert {"limit": 5, "onlyOpen": True}.items() <= sent.items()
    assert '"customerNumber"' in json.dumps(sample_of(MESSAGES["billing.client.ensure.v1"])["message"])


def test_everything_asked_is_served_by_exactly_one_service() -> None:
    served = [request for service in SERVICES.values() for request in service.serves]
    asked = {request for service in SERVICES.values() for request in service.asks}
    assert len(served) == len(set(served))
    assert asked - set(answered_by_the_chassis()) == set(served)


def test_everything_consumed_or_watched_is_recorded_by_its_owner() -> None:
    recorded = {event for service in SERVICES.values() for event in service.records}
    heard = {event for service in SERVICES.values() for event in (*service.consumes, *service.watches)}
    assert heard <= recorded


def test_a_service_serves_and_records_only_under_its_own_name() -> None:
    for service in SERVICES.values():
        subjects = [message.subject for message in service.serves] + [event.subject for event in service.records]
        assert [subject for subject in subjects if not subject.startswith(f"{service.name}.")] == []


def test_the_gateway_asks_no_service_message() -> None:
    assert {request.audience for request in SERVICES["gateway"].asks} == {"public", "customer", "operator"}


def test_the_command_line_asks_what_operators_ask_and_how_they_sign_in() -> None:
    assert {request.audience for request in OPERATOR.asks} == {"public", "operator"}


@pytest.mark.parametrize("request_class", [one for one in OPERATOR.asks if one.audience == "operator"])
def test_an_operator_message_names_a_permission_that_some_role_grants(request_class: type[Any]) -> None:
    assert any(request_class.permission in granted for granted in ROLES.values())


def test_viewers_only_read_and_only_the_tech_lead_hands_out_access() -> None:  # R276
    assert {permission.rsplit(".", 1)[1] for permission in ROLES["operator_viewer"]} == {"read"}
    assert [role for role, granted in ROLES.items() if "operator.manage" in granted] == ["operator_tech_lead"]


def test_the_asyncapi_document_gives_every_request_its_reply() -> None:
    document = asyncapi()
    for operation in document["operations"].values():
        channel = operation["channel"]["$ref"].rsplit("/", 1)[1]
        message = MESSAGES[document["channels"][channel]["address"]]
        assert ("reply" in operation) == issubclass(message, Request)


def test_the_generated_documents_in_the_repository_are_up_to_date() -> None:
    stale = [path.name for path, text in documents(ROOT).items() if not path.exists() or path.read_text() != text]
    assert stale == [], "run `make documents`"


class TestTheSignupForm:
    def form(self, **changes: Any) -> dict[str, Any]:
        example: dict[str, Any] = sample_of(MESSAGES["identity.signup.request.v1"])["message"]["form"]
        return {**example, **changes}

    def test_takes_sf_number_for_the_customer_number(self) -> None:  # C11
        form = self.form(sfNumber="snx-10002")
        del form["customerNumber"]
        assert SignupForm.model_validate(form).customer_number == "SNX-10002"

    def test_refuses_two_different_customer_numbers(self) -> None:  # C11
        with pytest.raises(ValidationError) as caught:
            SignupForm.model_validate(self.form(sfNumber="SNX-99999"))
        assert caught.value.errors()[0]["type"] == "CUSTOMER_NUMBER_CONFLICT"

    @pytest.mark.parametrize(
        ("field", "other", "code"),
        [
            ("confirmEmail", "other@example.jp", "EMAILS_DIFFER"),
            ("confirmPassword", "another-fake-passphrase", "PASSWORDS_DIFFER"),
        ],
    )
    def test_names_the_field_that_was_not_confirmed(self, field: str, other: str, code: str) -> None:  # R016
        with pytest.raises(ValidationError) as caught:
            SignupForm.model_validate(self.form(**{field: other}))
        error = caught.value.errors()[0]
        assert (error["loc"], error["type"]) == ((field,), code)

    def test_leaves_it_to_identity_whether_a_customer_number_is_needed(self) -> None:  # C08
        form = self.form()
        del form["customerNumber"]
        assert SignupForm.model_validate(form).customer_number is None
