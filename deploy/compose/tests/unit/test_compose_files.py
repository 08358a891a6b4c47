"""compose.yaml and its settings files beside what the services really are: they cannot drift apart unseen."""

import re
from pathlib import Path

import pytest
import yaml

from portal_compose.engine import Compose
from portal_compose.secret_files import SecretFiles, Servers, vendor_files
from portal_contracts.topology import SERVICES as TOPOLOGY
from portal_local import environment
from portal_local.environment import Ground
from portal_local.keys import ensure_keys
from portal_local.ports import Ports
from portal_local.sandbox_dataset import whmcs_fields
from portal_local.services import SERVICES

FOLDER = Path(__file__).parents[2]
OURS = {*TOPOLOGY, "bus-admin", "sandbox", "viewer"}
FROM_THE_IMAGE = {"PORTAL_HEALTH_PORT", "PORTAL_GATEWAY_HOST", "PORTAL_GATEWAY_PORT"}
ON_LOOPBACK_ONLY = {"PORTAL_COOKIE_SECURE"}
FROM_OURSELVES = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "PYTHONUNBUFFERED"}
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def production():
    return yaml.safe_load((FOLDER / "compose.production.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    files = SecretFiles(tmp_path_factory.mktemp("compose") / "state", Servers(), sandbox=True)
    files.write()
    return files


@pytest.fixture(scope="module")
def local_tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    fields = folder / "fields.toml"
    fields.write_text(whmcs_fields(), encoding="utf-8")
    ground = Ground(
        state=folder,
        keys=ensure_keys(folder),
        ports=Ports(),
        nats_url="nats://127.0.0.1:1",
        redis_urls={one.name: "redis://127.0.0.1:1/0" for one in SERVICES if one.cache},
        database_urls={one.name: "postgresql://127.0.0.1/x" for one in SERVICES if one.database},
        whmcs_fields=fields,
        overrides={},
        observed=True,
    )
    return {one.name: environment.of_service(ground, one, 1) for one in SERVICES} | {
        "sandbox": environment.of_sandbox(ground)
    }


def settings(name):
    return Compose(FOLDER, FOLDER / name).settings()


def secret_variables(secrets, service):
    return {path.name for path in (secrets.folder / service).iterdir() if VARIABLE.fullmatch(path.name)}


def test_every_service_of_the_topology_runs_in_a_container_of_its_own_image(compose):
    for name in OURS:
        assert compose["services"][name]["image"] == f"${{PORTAL_REGISTRY:-portal}}/{name}:${{PORTAL_IMAGE_TAG:-local}}"


@pytest.mark.parametrize("service", sorted(TOPOLOGY))
def test_a_service_finds_in_its_container_what_it_finds_on_a_developers_machine(
    compose, secrets, local_tables, service
):
    wanted = set(local_tables[service]) - FROM_THE_IMAGE - ON_LOOPBACK_ONLY - FROM_OURSELVES
    given = set(compose["services"][service]["environment"])
    given |= set(settings("example.development.env")) | secret_variables(secrets, service)
    if service == "identity":
        wanted.discard("PORTAL_ACTOR_KEY_ID")  # empty: the only one there
    assert sorted(wanted - given) == []


def test_the_sandbox_calls_the_portal_as_it_does_on_a_developers_machine(compose, secrets, local_tables):
    given = set(compose["services"]["sandbox"]["environment"]) | secret_variables(secrets, "sandbox")
    calls = {name for name in local_tables["sandbox"] if name.endswith("_URL") or name.startswith("SANDBOX_PORTAL_")}
    assert {"SANDBOX_PORTAL_URL", "SANDBOX_WHMCS_HOOK_URL", "SANDBOX_PORTAL_KEY"} <= calls <= given


@pytest.mark.parametrize("service", sorted(TOPOLOGY))
def test_every_file_a_setting_names_is_in_that_services_folder(compose, secrets, service):
    tables = compose["services"][service]["environment"] | settings("example.development.env")
    own = {one.name: one for one in SERVICES}[service]
    for name, value in tables.items():
        belongs = not name.startswith("SF_") or own.salesforce
        if str(value).startswith("/run/secrets/") and belongs:
            assert (secrets.folder / service / Path(value).name).exists(), name


def test_every_container_has_limits_a_restart_policy_and_no_rights_to_spare(compose, production):
    for name, service in (compose["services"] | {n: production["services"][n] for n in ("nats-2", "nats-3")}).items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if name == "database-roles":  # runs once
            assert service["restart"] == "no"
            continue
        assert service["restart"] == "unless-stopped", name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name


def test_no_secret_stands_in_an_environment(compose, production, secrets):
    known = {path.name for path in secrets.folder.rglob("*") if path.is_file() and VARIABLE.fullmatch(path.name)}
    assert {"PORTAL_DATABASE_URL", "PORTAL_REDIS_URL", "WHMCS_SECRET", "FREEBIT_OEM_KEY", "SENDGRID_API_KEY"} <= known
    for table in (settings("example.development.env"), settings("example.production.env")):
        assert not known & set(table)
    for file in (compose, production):
        for name, service in file["services"].items():
            assert not known & set(service.get("environment", {})), name


def test_only_the_proxy_is_reached_from_elsewhere(compose, production):
    for file in (compose, production):
        for name, service in file["services"].items():
            for port in service.get("ports", []):
                assert name == "proxy" or port.startswith("127.0.0.1:"), f"{name} publishes {port}"
    assert compose["services"]["proxy"]["networks"] == ["edge"], "it meets nobody but the gateways"


def test_production_needs_every_vendor_and_has_nothing_of_the_sandbox():
    table = settings("example.production.env")
    assert table["PORTAL_ENVIRONMENT"] == "production"
    assert table["PORTAL_CLOCK"] == "real"
    assert "sandbox" not in " ".join(table.values())
    left_out = set(settings("example.development.env")) - set(table)
    assert sorted(left_out) == [
        "PORTAL_FREEBIT_QUIET_SECONDS",
        "PORTAL_FREEBIT_SILENCE_SECONDS",
        "PORTAL_FREEBIT_TABLES",
        "PORTAL_RECHECK_SECONDS",
        "PORTAL_SANDBOX_CONTROL_URL",
        "PORTAL_WHMCS_QUIET_SECONDS",
        "SF_CA_BUNDLE",
    ], "the sandbox's address and haste, and nothing else"


def test_the_collector_reads_the_metrics_of_every_service():
    text = yaml.safe_load((FOLDER / "collector.yaml").read_text(encoding="utf-8"))
    job = text["receivers"]["prometheus"]["config"]["scrape_configs"][0]
    assert set(job["dns_sd_configs"][0]["names"]) == {*TOPOLOGY, "bus-admin"}


def test_the_viewer_reads_the_metrics_of_every_service(compose):
    scraped = compose["services"]["viewer"]["environment"]["VIEWER_SCRAPE"].split(",")
    assert {one.partition("=")[0] for one in scraped} == {*TOPOLOGY}


def test_what_an_installation_without_the_sandbox_must_bring_is_named(tmp_path):
    files = SecretFiles(tmp_path / "state", Servers(), sandbox=False)
    files.write()
    wanted = {f"{one.name}/{name}" for one in SERVICES for name in vendor_files(one)}
    assert set(files.missing()) == wanted
    assert {"orders/salesforce.pem", "billing/WHMCS_SECRET", "fulfillment/sim-plans.toml"} <= wanted
