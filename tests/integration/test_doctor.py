"""The doctor on the whole portal: every service asked, at the command line and over HTTP (R298-R300, D07)."""

from portal_contracts.setup_checks import CHECKED, SetupReport


async def test_a_portal_that_runs_is_set_up_and_a_broken_item_is_named_with_its_fix(operator, portal_stack) -> None:
    healthy = await operator.command_line("doctor")
    assert healthy.exit_code == 0, healthy.output
    assert all(f"{service}: " in healthy.output for service in CHECKED)
    await portal_stack.sandbox.set_switches({"whmcs": {"gatewaysOff": "stripe"}})
    try:
        broken = await operator.command_line("--json", "doctor")
        over_http = await operator.get("/operator/billing/setup")
    finally:
        await portal_stack.sandbox.set_switches({"whmcs": {"gatewaysOff": ""}})
    assert broken.exit_code == 1
    for report in (SetupReport.model_validate_json(broken.output), SetupReport.model_validate(over_http)):
        assert [check.id for check in report.checks if check.result == "failed"] == ["whmcs.gateway"]
