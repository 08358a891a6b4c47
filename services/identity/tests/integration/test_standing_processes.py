"""What of identity's processes operators see and mend (D13)."""

import pytest

from portal_chassis.testing import operator_call
from portal_contracts.identity_processes import ListAccountProcesses, RetryAccountProcess
from portal_contracts.problems import Misconfigured, Refused
from portal_identity.testing import form

CALL = operator_call("tech-lead@staff.example")


def retry(key: str, *, dry_run: bool = False) -> RetryAccountProcess:
    return RetryAccountProcess(
        request_id="request-retry", kind="signup", process_key=key, dry_run=dry_run, reason="mended"
    )


async def test_a_sign_up_that_stands_is_listed_and_goes_on_when_an_operator_says_so(identity) -> None:
    identity.billing.fails_with = [Misconfigured("SALESFORCE_MISCONFIGURED", facts={"message": "refused"})]
    token = await identity.request(form())
    with pytest.raises(Misconfigured):
        await identity.confirm(token)
    (one,) = (await identity.standing_processes.list(ListAccountProcesses())).processes
    assert (one.kind, one.status, one.step) == ("signup", "blocked", "ensure_client")
    assert (one.code, one.facts["message"]) == ("SALESFORCE_MISCONFIGURED", "refused")
    shown = await identity.standing_processes.retry(retry(one.process_key, dry_run=True), CALL)
    assert not shown.carried_out
    assert identity.billing.asked == 1
    await identity.standing_processes.retry(retry(one.process_key), CALL)
    assert (await identity.confirm(token)).state == "done"
    assert (await identity.standing_processes.list(ListAccountProcesses())).processes == []


async def test_what_is_over_or_unknown_is_not_tried_again(identity) -> None:
    await identity.confirm(await identity.request(form()))
    done = str(await identity.database.fetchval("SELECT id FROM signup"))
    for key in (done, "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await identity.standing_processes.retry(retry(key), CALL)
