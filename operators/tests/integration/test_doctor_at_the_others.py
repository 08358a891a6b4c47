"""Every line about WHMCS, Freebit and the mail provider: its item is broken, and that line alone fails (D07, R180)."""

import asyncio
import base64
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import REGISTRY

from portal_billing.whmcs_setup import ACCESS, ACTIONS
from portal_chassis.setup_checks import report_start
from portal_contracts.setup_checks import CheckSetupBase

pytestmark = pytest.mark.asyncio(loop_scope="module")

SKU, PID, MARKER = "SIM-VOICE-ESIM-20G", 202, 1202


def of(result, checks):
    return {check.id for check in checks if check.result == result}


@pytest.mark.parametrize("vendor", ["whmcs", "freebit", "mail"])
async def test_a_healthy_vendor_passes_every_line(vendors, vendor):
    checks = await getattr(vendors, vendor)().look()
    assert {check.id: check.detail for check in checks if check.result != "passed"} == {}
    assert len({check.id for check in checks}) == len(checks) >= 5


@pytest.mark.parametrize(
    ("switches", "changes", "line"),
    [
        ({"allowedIps": "203.0.113.7"}, {}, "whmcs.address"),
        ({"allowedIps": "203.0.113.7", "accessKey": "right"}, {"access_key": "wrong"}, "whmcs.address"),
        ({}, {"secret": "wrong"}, "whmcs.credentials"),
        ({}, {"identifier": "wrong"}, "whmcs.credentials"),
        ({"adminApiAccess": False}, {}, "whmcs.api_access"),
    ],
)
async def test_a_closed_door_fails_alone_and_what_is_behind_it_is_unknown(vendors, switches, changes, line):  # D07
    vendors.break_("whmcs", **switches)
    checks = await vendors.whmcs(**changes).look()
    assert of("failed", checks) == {line}
    assert of("passed", checks) <= {"whmcs.clock", *(way.id for way in ACCESS)}


async def test_an_access_key_stands_in_for_the_address(vendors):
    vendors.break_("whmcs", allowedIps="203.0.113.7", accessKey="right")
    assert of("failed", await vendors.whmcs(access_key="right").look()) == set()


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_right_that_is_missing_fails_alone(vendors, action):  # D07
    vendors.break_("whmcs", deniedActions=action)
    assert of("failed", await vendors.whmcs().look_at_rights()) == {f"whmcs.action.{action}"}


async def test_what_a_missing_right_hides_is_unknown(vendors):
    vendors.break_("whmcs", deniedActions="GetProducts")
    checks = await vendors.whmcs().look()
    assert of("failed", checks) == {"whmcs.action.GetProducts"}
    assert "whmcs.product.301" in of("unknown", checks)


@pytest.mark.parametrize(
    ("switches", "changes", "line"),
    [
        ({"extraActions": "DeleteOrder"}, {}, "whmcs.least_rights"),
        ({"currency": "USD"}, {}, "whmcs.currency"),
        ({"gatewaysOff": "stripe"}, {}, "whmcs.gateway"),
        ({}, {"payment_method": "paypal"}, "whmcs.gateway"),
        ({"missingFields": "198"}, {}, "whmcs.client_field.customer_number"),
        ({"missingProducts": "301"}, {}, "whmcs.product.301"),
        ({"unpricedProducts": "202"}, {}, "whmcs.product.202"),
        ({"dateSkewSeconds": 120}, {}, "whmcs.clock"),
    ],
)
async def test_an_installation_set_up_wrongly_fails_one_line(vendors, switches, changes, line):
    vendors.break_("whmcs", **switches)
    assert of("failed", await vendors.whmcs(**changes).look()) == {line}


async def test_a_product_without_marker_fails_alone(vendors, tmp_path):
    fields = tmp_path / "fields.toml"
    fields.write_text("customer_number = 198\n[products]\n301 = { marker = 1301 }\n302 = {}\n")
    assert of("failed", await vendors.whmcs(fields).look()) == {"whmcs.product.302"}


async def test_the_doctor_changes_nothing_at_whmcs(vendors):
    before = len(vendors.core.ledger.entries())
    await vendors.whmcs().look()
    assert len(vendors.core.ledger.entries()) == before


async def test_a_start_with_a_closed_door_is_told_and_not_refused(vendors):  # D07
    vendors.break_("whmcs", allowedIps="203.0.113.7")
    await report_start(vendors.whmcs().look_at_access)
    assert REGISTRY.get_sample_value("portal_setup_failed_checks") == 1
    vendors.break_("whmcs", allowedIps="", deniedActions="AddOrder,AcceptOrder")
    await report_start(vendors.whmcs().look_at_rights)
    assert REGISTRY.get_sample_value("portal_setup_failed_checks") == 2
    vendors.break_("whmcs", deniedActions="")
    await report_start(vendors.whmcs().look_at_rights)
    assert REGISTRY.get_sample_value("portal_setup_failed_checks") == 0


@pytest.mark.parametrize("vendor", ["whmcs", "freebit", "sendgrid"])
async def test_a_vendor_that_is_away_fails_nothing(vendors, vendor):
    vendors.core.faults.arm({"vendor": vendor, "call": "*", "kind": "refused", "times": None})
    look = {"whmcs": vendors.whmcs, "freebit": vendors.freebit, "sendgrid": vendors.mail}[vendor]().look
    try:
        checks = await look()
    finally:
        vendors.core.faults.disarm()
    assert of("failed", checks) == set()
    assert of("passed", checks) <= {"freebit.sim_plans"}


@pytest.mark.parametrize(
    ("switches", "changes", "line"),
    [
        ({}, {"oem_key": "wrong"}, "freebit.login"),
        ({"forbiddenFor": "00000000000"}, {}, "freebit.query"),
        ({"eidLookup": False}, {}, "freebit.lines_by_eid"),
        ({}, {"tables": {"eid_field": ""}}, "freebit.lines_by_eid"),
        ({}, {"plans": None}, "freebit.sim_plans"),
        ({"dateSkewSeconds": -120}, {}, "freebit.clock"),
    ],
)
async def test_what_is_wrong_at_freebit_fails_one_line(vendors, switches, changes, line):
    vendors.break_("freebit", **switches)
    assert of("failed", await vendors.freebit(**changes).look()) == {line}


@pytest.mark.parametrize(
    ("switches", "changes", "line"),
    [
        ({}, {"sendgrid_api_key": "SG.wrong"}, "mail.key"),
        ({"creditsUsedUp": True}, {}, "mail.credits"),
        ({"keyMayNotSend": True}, {}, "mail.scope"),
        ({}, {"mail_from": "portal@elsewhere.test"}, "mail.sender"),
        ({"dateSkewSeconds": 120}, {}, "sendgrid.clock"),
    ],
)
async def test_what_is_wrong_with_the_mail_account_fails_one_line(vendors, switches, changes, line):
    vendors.break_("sendgrid", **switches)
    assert of("failed", await vendors.mail(**changes).look()) == {line}


async def test_the_doctor_sends_no_mail(vendors):
    await vendors.mail().look()
    assert vendors.core.ledger.entries(kind="sendgrid.mail.accepted") == []


@asynccontextmanager
async def mail_server(sender_answer):
    """An SMTP server that knows one login and answers MAIL FROM as told; gives its port."""
    right = base64.b64encode(b"\0portal\0right").decode()

    async def serve(reader, writer):
        writer.write(b"220 mail.example.jp\r\n")
        while line := (await reader.readline()).decode().strip():
            answers = {
                "EHLO": "250-mail.example.jp\r\n250 AUTH PLAIN",
                "AUTH": "235 in" if line.endswith(right) else "535 no",
                "MAIL": sender_answer,
                "QUIT": "221 bye",
            }
            writer.write(f"{answers.get(line[:4].upper(), '502 no')}\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("password", "sender_answer", "line"),
    [
        ("right", "250 ok", None),
        ("wrong", "250 ok", "mail.smtp_login"),
        ("right", "550 not you", "mail.smtp_sender"),
    ],
)
async def test_the_mail_server_lets_us_in_and_takes_our_sender(vendors, password, sender_answer, line):
    async with mail_server(sender_answer) as port:
        at = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "smtp_username": "portal"}
        checks = await vendors.mail(mail_transport="smtp", smtp_password=password, **at).look()
    assert of("failed", checks) == ({line} if line else set())


async def test_a_product_that_nobody_has_ordered_yet_says_what_to_do(vendors):  # R302
    asked = CheckSetupBase.model_construct(sku=SKU, category="sim", whmcs_product_id=PID)
    checks = (await vendors.whmcs().look_at_product(asked)).checks
    assert of("failed", checks) == {"product.created_once"}
    assert "Order it once" in next(check.fix for check in checks if check.result == "failed")


async def test_a_product_made_once_through_the_api_is_evidence_and_shows_its_marker_field(vendors):  # R302, C07
    order = {"clientid": 5011, "paymentmethod": "stripe", "pid[0]": PID, "billingcycle[0]": "monthly"}
    marker = f'a:1:{{i:{MARKER};s:20:"801000000000001AAA#1";}}'
    fields = {"customfields[0]": base64.b64encode(marker.encode()).decode(), "noemail": 1, "action": "AddOrder"}
    credential = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}
    async with httpx.AsyncClient() as http:
        await http.post(f"{vendors.core.addresses['whmcs']}/includes/api.php", data={**credential, **order, **fields})
    asked = CheckSetupBase.model_construct(sku=SKU, category="sim", whmcs_product_id=PID)
    assert of("failed", (await vendors.whmcs().look_at_product(asked)).checks) == set()
    vendors.break_("whmcs", missingFields=str(MARKER))
    assert of("failed", (await vendors.whmcs().look_at_product(asked)).checks) == {"product.whmcs_marker_field"}
    assert of("failed", await vendors.whmcs().look()) == {f"whmcs.product.{PID}"}


@pytest.mark.parametrize(
    ("sku", "category", "failed"),
    [(SKU, "sim", set()), ("SIM-NEW", "sim", {"product.freebit_plan"}), ("VPN-US", "vpn", set())],
)
async def test_a_sim_product_needs_a_plan_at_freebit(vendors, sku, category, failed):  # R180
    asked = CheckSetupBase.model_construct(sku=sku, category=category, whmcs_product_id=0)
    assert of("failed", (await vendors.freebit().look_at_product(asked)).checks) == failed
