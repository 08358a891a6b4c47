import stat
from pathlib import Path

import pytest
from cryptography import x509

from portal_bus_admin.identities import identities
from portal_compose.secret_files import SecretFiles, Servers
from portal_local.services import SERVICES


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def written(state: Path, servers: Servers | None = None) -> SecretFiles:
    files = SecretFiles(state, servers or Servers(), sandbox=True)
    files.write()
    return files


def contents(state: Path) -> dict[str, bytes]:
    return {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*") if path.is_file()}


def test_writing_again_changes_nothing_and_says_so(state):
    assert {"orders", "nats", "redis", "sandbox"} <= written(state).changed
    before = contents(state)
    assert written(state).changed == set()
    assert contents(state) == before


def test_others_may_not_pass_the_folder_and_containers_may_read_what_is_in_it(state):
    files = written(state)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for path in files.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


def test_a_service_has_the_bus_key_and_the_database_of_nobody_else(state):
    files = written(state)
    seeds = {name: (files.folder / name / "bus.seed").read_bytes() for name in identities()}
    assert len(set(seeds.values())) == len(seeds)
    for service in SERVICES:
        url = files.folder / service.name / "PORTAL_DATABASE_URL"
        assert url.exists() == service.database
        if service.database:
            assert url.read_text().startswith(f"postgresql://{service.name}:")
            assert url.read_text().endswith(f"@postgres:5432/{service.name}?sslmode=disable")


def test_a_changed_server_changes_the_files_of_those_who_go_there_and_keeps_every_password(state):
    before = written(state).folder.joinpath("orders/PORTAL_DATABASE_URL").read_text()
    files = written(state, Servers(postgres="db.example.jp:5432", database_options="sslmode=verify-full"))
    assert files.changed == {one.name for one in SERVICES if one.database}
    after = files.folder.joinpath("orders/PORTAL_DATABASE_URL").read_text()
    assert after == before.replace("postgres:5432", "db.example.jp:5432").replace("=disable", "=verify-full")


def test_the_cluster_has_a_route_to_every_server_and_flushes_every_write(state):
    files = written(state, Servers(cluster=("nats-1", "nats-2", "nats-3"), sync_interval="always"))
    text = (files.folder / "nats" / "nats.conf").read_text()
    assert 'sync_interval: "always"' in text
    assert "server_name: $NATS_NAME" in text
    assert text.count(":6222") == 1 + 3
    assert "cluster {" not in (written(state).folder / "nats" / "nats.conf").read_text()


def test_a_certificate_that_somebody_put_there_stays(state):
    files = written(state)
    path = files.folder / "proxy" / "portal.pem"
    names = x509.load_pem_x509_certificate(path.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "localhost" in names.value.get_values_for_type(x509.DNSName)
    path.write_text("a real one")
    written(state)
    assert path.read_text() == "a real one"
