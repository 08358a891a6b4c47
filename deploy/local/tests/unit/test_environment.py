import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from portal_contracts.topology import SERVICES as TOPOLOGY
from portal_local import environment
from portal_local.environment import Ground
from portal_local.errors import LocalError
from portal_local.keys import ensure_keys
from portal_local.ports import Ports
from portal_local.sandbox_dataset import ready_customers, whmcs_fields
from portal_local.services import SERVICES


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(
        state=tmp_path,
        keys=ensure_keys(tmp_path),
        ports=Ports(),
        nats_url="nats://127.0.0.1:21001",
        redis_urls={one.name: f"redis://{one.name}:fake@127.0.0.1:21002/0" for one in SERVICES if one.cache},
        database_urls={one.name: f"postgresql://{one.name}@127.0.0.1/{one.name}" for one in SERVICES if one.database},
        whmcs_fields=tmp_path / "fields.toml",
        overrides={},
    )


def test_the_table_of_services_is_the_topology() -> None:
    assert {one.name: one.database for one in SERVICES} == {one.name: one.database for one in TOPOLOGY.values()}


def test_every_service_gets_only_its_own_vendors_and_its_own_database(ground: Ground) -> None:
    tables = {one.name: environment.of_service(ground, one, 1) for one in SERVICES}
    assert [name for name, table in tables.items() if "WHMCS_SECRET" in table] == ["billing"]
    assert [name for name, table in tables.items() if "FREEBIT_OEM_KEY" in table] == ["fulfillment"]
    assert [name for name, table in tables.items() if "SENDGRID_API_KEY" in table] == ["notifications"]
    assert [name for name, table in tables.items() if "PORTAL_ACTOR_PRIVATE_KEY_PATH" in table] == ["identity"]
    assert tables["orders"]["PORTAL_DATABASE_URL"] == "postgresql://orders@127.0.0.1/orders"
    assert "PORTAL_DATABASE_URL" not in tables["gateway"]
    assert tables["orders"]["PORTAL_NATS_SEED_PATH"].endswith("/bus/orders.seed")


def test_a_vendor_credential_of_the_shell_reaches_no_process(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_CLIENT_ID", "somebodys-real-one")
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.somebodys-real-one")
    tables = [environment.of_service(ground, one, 1) for one in SERVICES]
    for table in (*tables, environment.of_sandbox(ground), environment.of_bus_admin(ground, "bus-admin", 1)):
        assert not [value for value in table.values() if "somebodys" in value]


def test_the_button_of_the_sandbox_signs_with_the_key_the_gateway_checks(ground: Ground) -> None:
    gateway = next(environment.of_service(ground, one, 1) for one in SERVICES if one.name == "gateway")
    sandbox = environment.of_sandbox(ground)
    keys = json.loads(Path(gateway["PORTAL_SIGNED_CALL_KEYS_PATH"]).read_text())
    assert keys == {sandbox["SANDBOX_PORTAL_KEY_ID"]: {"key": sandbox["SANDBOX_PORTAL_KEY"]}}
    assert len(sandbox["SANDBOX_PORTAL_KEY"]) >= 32
    assert sandbox["SANDBOX_PORTAL_URL"] == ground.url("gateway")


def test_the_sandbox_takes_the_overrides_that_carry_its_name(ground: Ground) -> None:
    overrides = {"SF_DIALECT": "2025-08", "SANDBOX_SWITCHES": '{"salesforce": {"dialect": "2025-08"}}'}
    told = replace(ground, overrides=overrides)
    sandbox = environment.of_sandbox(told)
    assert sandbox["SANDBOX_SWITCHES"] == overrides["SANDBOX_SWITCHES"]
    assert "SF_DIALECT" not in sandbox
    assert all(environment.of_service(told, one, 1)["SF_DIALECT"] == "2025-08" for one in SERVICES)


def test_the_file_of_overrides_wins_and_is_asked_for_by_name(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment.read_overrides() == {}
    path = tmp_path / "overrides"
    path.write_text('# a real org\nSF_LOGIN_URL=https://test.salesforce.com\n\nSF_CLIENT_ID="fake"\n')
    monkeypatch.setenv("PORTAL_OVERRIDES_PATH", str(path))
    found = environment.read_overrides()
    assert found == {"SF_LOGIN_URL": "https://test.salesforce.com", "SF_CLIENT_ID": "fake"}
    path.write_text("not a setting\n")
    with pytest.raises(LocalError, match=r"line 1: expected NAME=value"):
        environment.read_overrides()


def test_ports_people_use_are_fixed_and_can_be_moved() -> None:
    ports = Ports.from_environment({"PORTAL_GATEWAY_PORT": "9080"})
    assert (ports.gateway, ports.control, ports.sendgrid) == (9080, 8100, 8106)
    with pytest.raises(LocalError, match=r"^SANDBOX_WHMCS_PORT must be a port number, not 'eighty'$"):
        Ports.from_environment({"SANDBOX_WHMCS_PORT": "eighty"})


def test_the_price_book_is_the_sandboxs() -> None:
    from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID  # noqa: PLC0415 - the only use

    assert environment.PORTAL_PRICEBOOK_ID == PORTAL_PRICEBOOK_ID


def test_the_sandboxs_credentials_are_its_defaults() -> None:
    from portal_sandbox.settings import Settings  # noqa: PLC0415 - the only use

    defaults = Settings()
    assert defaults.salesforce_client_id == environment.SALESFORCE_CLIENT_ID
    assert defaults.salesforce_staff_username == environment.SALESFORCE_STAFF_USERNAME
    assert defaults.whmcs_secret == environment.WHMCS_SECRET


def test_people_to_try_and_whmcs_fields_come_from_the_dataset() -> None:
    customers = ready_customers()
    assert len(customers) == 10
    assert customers[0].number == "SNX-10001"
    assert customers[0].email.endswith(("@example.jp", "@example.com"))
    fields = tomllib.loads(whmcs_fields())
    assert fields["customer_number"] == 198
    assert fields["products"]["202"] == {"marker": 1202, "eid": 2202, "phone": 3202, "iccid": 4202}
    assert fields["products"]["301"] == {"marker": 1301}
    assert "299" not in fields["products"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (whmcs_fields(), "billing/whmcs_fields.sandbox.toml"),
        (
            Path(environment.__file__).with_name("sim_plans.sandbox.toml").read_text(),
            "fulfillment/sim_plans.sandbox.toml",
        ),
    ],
    ids=["custom fields", "plans"],
)
def test_a_table_about_the_sandbox_says_what_the_services_example_says(ours: str, theirs: str) -> None:
    services = Path(__file__).parents[4] / "services"
    assert tomllib.loads(ours) == tomllib.loads((services / theirs).read_text())


def test_every_name_in_the_table_has_the_spelling_of_a_family(ground: Ground) -> None:
    families = ("PORTAL_", "SF_", "WHMCS_", "FREEBIT_", "SENDGRID_", "MAIL_")
    inherited = environment.inherited()
    for service in SERVICES:
        names = environment.of_service(ground, service, 1).keys() - inherited.keys()
        assert not [name for name in names if not name.startswith(families)]


def test_every_name_set_for_one_service_is_read_by_it() -> None:
    services = Path(__file__).parents[4] / "services"
    for name, own in environment.OWN.items():
        settings = (services / name / "src" / f"portal_{name}" / "settings.py").read_text(encoding="utf-8")
        for variable in own:
            words = variable.lower().split("_")
            fields = {"_".join(words[start:]) for start in range(1, len(words))}
            assert any(f"    {field}:" in settings for field in fields), variable
