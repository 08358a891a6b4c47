"""What the portal's containers are made from; no engine is needed to see it."""

from pathlib import Path

import pytest

from portal_local.environment import Ground
from portal_local.keys import ensure_keys
from portal_local.ports import Ports
from portal_local.services import SERVICES
from portal_testing.containers import recipes
from portal_testing.containers.image_names import ImageNames
from portal_testing.containers.recipe import Recipe

ADDRESS = "172.20.0.1"
IMAGES = ImageNames()


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    fields = tmp_path / "whmcs-fields.toml"
    fields.touch()
    (tmp_path / "keys").mkdir()
    made = Ground(
        state=tmp_path,
        keys=ensure_keys(tmp_path / "keys"),
        ports=Ports(nats=4222, postgres=5432, redis=6379),
        nats_url=f"nats://{ADDRESS}:4222",
        redis_urls={one.name: f"redis://{one.name}:x@{ADDRESS}:6379/0" for one in SERVICES},
        database_urls={one.name: f"postgresql://{one.name}:x@{ADDRESS}/{one.name}" for one in SERVICES},
        whmcs_fields=fields,
        overrides={"PORTAL_SWEEP_SECONDS": "7"},
        host=ADDRESS,
    )
    recipes.nats(made, IMAGES)  # makes the identities' seeds
    made.authority.parent.mkdir(parents=True)
    made.authority.touch()
    return made


@pytest.fixture
def programs(ground: Ground) -> dict[str, Recipe]:
    return {one.name: one for one in recipes.programs(ground, IMAGES)}


def test_every_service_and_the_bus_admin_get_a_container(programs: dict[str, Recipe]) -> None:
    assert set(programs) == {"bus-admin", *(one.name for one in SERVICES)}
    assert programs["billing"].image == "portal/billing:local"


def test_a_container_sees_its_own_keys_and_nobody_elses(programs: dict[str, Recipe]) -> None:
    seen = {name: {path.name for path in one.files} for name, one in programs.items()}
    assert seen["bus-admin"] == {"bus-admin.seed", "actor-public-keys.json"}
    assert seen["billing"] == {"billing.seed", "actor-public-keys.json", "whmcs-fields.toml"}
    assert [name for name, files in seen.items() if "actor.pem" in files] == ["identity"]
    assert all(path.stat().st_mode & 0o004 for one in programs.values() for path in one.files)


def test_nothing_of_this_machine_but_what_a_setting_names_reaches_a_container(programs: dict[str, Recipe]) -> None:
    for one in programs.values():
        assert not {"PATH", "HOME", "VIRTUAL_ENV"} & set(one.environment)
        assert one.read_only


def test_everybody_reaches_everything_at_one_address(ground: Ground, programs: dict[str, Recipe]) -> None:
    assert programs["orders"].environment["SF_LOGIN_URL"] == f"https://{ADDRESS}:8102"
    assert programs["billing"].environment["WHMCS_PUBLIC_HOST"] == ADDRESS
    sandbox = recipes.sandbox(ground, IMAGES)
    assert sandbox.environment["SANDBOX_PUBLIC_HOST"] == ADDRESS
    assert all(inside == outside for inside, outside in sandbox.ports.items())


def test_browsers_find_the_gateway_on_loopback_because_it_serves_plain_http(programs: dict[str, Recipe]) -> None:
    gateway = programs["gateway"]
    assert gateway.environment["PORTAL_PUBLIC_URL"] == "http://localhost:8080"
    assert list(gateway.on_loopback) == [8080]


def test_overrides_win_in_containers_too(programs: dict[str, Recipe]) -> None:
    assert programs["orders"].environment["PORTAL_SWEEP_SECONDS"] == "7"


def test_images_are_public_ones_until_the_environment_names_others() -> None:
    assert ImageNames.from_environment({}) == ImageNames()
    given = {"TEST_IMAGE_NATS": "mirror/nats:2", "TEST_IMAGE_REDIS": "", "TEST_IMAGE_SERVICE": "our/{name}:7"}
    named = ImageNames.from_environment(given)
    assert (named.nats, named.redis, named.of_service("bus-admin")) == (
        "mirror/nats:2",
        ImageNames().redis,
        "our/bus-admin:7",
    )
