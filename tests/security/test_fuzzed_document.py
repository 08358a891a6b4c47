"""The API fuzzed from the document it serves, signed in: documented answers alone, and nobody in without signing in."""

import os
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.core.failures import FailureGroup

from portal_local.demo.journey import PASSWORD
from portal_security.crowd import Crowd, Member
from portal_security.ready_members import ReadyMembers, on_a_line, prepared
from portal_security.served import Served, ServedOperation
from portal_testing.stack import PortalStack

EXAMPLES = int(os.environ.get("PORTAL_FUZZ_EXAMPLES", "5"))
"""Drawn for each operation, beside the document's own example; thousands for a long run."""
SEED = int(os.environ.get("PORTAL_FUZZ_SEED", "11"))
ENOUGH = 0.7
"""The share of operations that must have answered 2xx, or the run has fuzzed nothing but refusals."""
IDS = {
    "service": "billing",
    "id": "7",
    "mailId": "welcome:001000000000001AAA",
    "commodity": "internet",
    "sku": "VPN-UK",
    "checkoutId": "5d1f7c1e-0000-4000-8000-0000000000c9",
    "cartId": "5d1f7c1e-0000-4000-8000-0000000000ca",
    "cancellationId": "5d1f7c1e000040008000000000000005",
}
PROVING = {"/auth/login", "/auth/step-up"}
"""Where the member's own password is asked for."""
PASSED_BY = {"positive_data_acceptance", "unsupported_method", "use_after_free", "ensure_resource_availability"}
"""What the form allows may still be refused: a code of yesterday, an id of somebody else, a card that is missing."""


@pytest.fixture
async def ready(crowd: Crowd, portal_stack: PortalStack) -> ReadyMembers:
    return await ReadyMembers.on(portal_stack, crowd)


@pytest.fixture
async def members(crowd: Crowd, served: Served, ready: ReadyMembers) -> dict[str, Member]:
    """One for each operation that needs it, as what one ends or deletes is nobody else's; reading shares one."""
    operations = in_turn(served)
    own = [one.name for one in operations if one.method != "GET" or prepared(one.name) or on_a_line(one.name)]
    *owners, reader = await crowd.grow(len(own) + 1, in_service=sum(map(on_a_line, own)))
    found = {one.name: reader for one in operations} | dict(zip(own, owners, strict=True))
    await ready.prepare(found)
    return found


@pytest.fixture
async def operators_token(portal_stack: PortalStack) -> str:
    return await portal_stack.operator.token()


def own(operation: ServedOperation, member: Member, ready: ReadyMembers) -> Any:
    """Give the document's example as this member would fill it in."""
    if operation.name in ready.bodies:
        return ready.bodies[operation.name]
    if operation.body is None:
        return None
    known = {**member.ids, **({"email": member.email, "password": PASSWORD} if operation.path in PROVING else {})}
    known["currentPassword"] = PASSWORD
    left_empty = ("code", "passkey") if operation.path in PROVING else ()
    return {name: known.get(name, value) for name, value in operation.body.items() if name not in left_empty}


@pytest.mark.timeout(600)
def test_whatever_is_sent_the_answer_is_one_of_the_document(
    served: Served,
    members: dict[str, Member],
    ready: ReadyMembers,
    operators_token: str,
    portal_stack: PortalStack,
) -> None:
    settled = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_dict(dict(served.document), config=settled)
    left_out = [check for check in schemathesis.checks.CHECKS.get_all() if check.__name__ in PASSED_BY]
    statuses: dict[str, Counter[int]] = {}
    faults: dict[str, str] = {}

    def fuzz(operation: ServedOperation, member: Member) -> None:
        seen = statuses.setdefault(operation.name, Counter())
        described = schema[operation.path][operation.method]
        token = operators_token if operation.of_operators else member.token
        headers = {"Authorization": f"Bearer {token}"} if operation.needs_session else {}
        ids = {name: str({**IDS, **member.ids}[name]) for name in operation.parameters}

        def send(case: schemathesis.Case) -> None:
            case.headers.update(headers)
            case._has_explicit_auth = bool(headers)  # the check for ignored auth takes it away again and asks anew
            answer = case.call(base_url=portal_stack.gateway_url, timeout=30)
            seen[answer.status_code] += 1
            case.validate_response(answer, excluded_checks=left_out)

        @seed(SEED)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=of_form(described, ids))
        def anything(case: schemathesis.Case) -> None:
            send(case)

        body = own(operation, member, ready)
        usual = {} if body is None else {"body": body, "media_type": "application/json"}
        send(described.Case(path_parameters=ids, **usual))
        anything()

    for operation in in_turn(served):
        try:
            fuzz(operation, members[operation.name])
        except (FailureGroup, AssertionError) as fault:
            faults[operation.name] = str(getattr(fault, "exceptions", fault))[:600]
    answered = {name for name, seen in statuses.items() if any(200 <= status < 300 for status in seen)}
    share = len(answered) / len(statuses)
    print(f"{len(answered)} of {len(statuses)} operations ({share:.0%}) seen at 2xx")  # noqa: T201 - the figure, with -s
    assert faults == {}
    assert share >= ENOUGH, sorted(set(statuses) - answered)


def of_form(described: schemathesis.APIOperation, ids: dict[str, str]) -> Any:
    """Give requests of the form the document asks for, and where there is a body, of another form too."""
    good = described.as_strategy(path_parameters=ids)
    if not described.body:
        return good
    return good | described.as_strategy(schemathesis.GenerationMode.NEGATIVE, path_parameters=ids)


def in_turn(served: Served) -> list[ServedOperation]:
    """Give the operations without streams: first those that need one of Freebit's few lines, last the log-out."""
    last = "DELETE /operator/session"
    return sorted(
        (one for one in served if not one.streams), key=lambda one: (one.name == last, not on_a_line(one.name))
    )
