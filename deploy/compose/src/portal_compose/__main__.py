"""`python -m portal_compose prepare|up|demo|roll|status|down`; `--production` uses the override for production."""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Final

from portal_compose.addresses import resolve_localhost_names
from portal_compose.engine import Compose
from portal_compose.secret_files import SANDBOX_NAME, SecretFiles, Servers
from portal_local.errors import LocalError
from portal_local.progress import say

FOLDER: Final = Path(__file__).parents[2]
_WAIT_SECONDS: Final = 180
NATS_SERVERS: Final = ("nats-1", "nats-2", "nats-3")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m portal_compose", description="The portal in containers.")
    parser.add_argument("--production", action="store_true", help="with compose.production.yaml")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="make the secret files, keeping those that are there")
    commands.add_parser("up", help="prepare, start everything and wait until it is healthy")
    commands.add_parser("demo", help="play the main job on what runs")
    roll = commands.add_parser("roll", help="restart every replica of every service in turn, under load")
    roll.add_argument("--requests", type=int, default=5000)
    commands.add_parser("status", help="what runs")
    down = commands.add_parser("down", help="stop everything and remove its containers and networks")
    down.add_argument("--volumes", action="store_true", help="and all that was stored")
    return parser.parse_args()


def prepare(compose: Compose) -> SecretFiles:
    """Make the secret files; says what an installation without the sandbox still misses."""
    settings = compose.settings()
    sandbox = "sandbox" in settings.get("COMPOSE_PROFILES", "").split(",")
    servers = Servers(
        postgres=settings.get("PORTAL_POSTGRES_ADDRESS", "postgres:5432"),
        database_options=settings.get("PORTAL_POSTGRES_OPTIONS", "sslmode=disable"),
        cluster=NATS_SERVERS if compose.production else (),
        sync_interval="always" if compose.production else "2m",
    )
    files = SecretFiles(compose.state, servers, sandbox=sandbox)
    files.write()
    if missing := () if sandbox else files.missing():
        say("still to be put below deploy/compose/.local/run-secrets: " + ", ".join(missing))
    return files


def up(compose: Compose) -> None:
    """Start everything and say where it is."""
    changed = prepare(compose).changed
    began = time.monotonic()
    for service in {one["Service"] for one in compose.containers() if one["State"] == "running"} & changed:
        # NATS takes new users and permissions while it runs; everybody else reads files once.
        compose.run(*(("kill", "--signal", "HUP") if service.startswith("nats") else ("restart",)), service)
    compose.run("up", "--detach", "--remove-orphans", quiet=True)
    compose.wait_ready(_WAIT_SECONDS)
    say(f"\nThe portal runs in {len(compose.containers())} containers (ready in {time.monotonic() - began:.1f} s).\n")
    for name, url in addresses(compose).items():
        say(f"  {name:<24}{url}")
    say(f"\n  The authority of its certificate: {compose.folder / '.local' / 'tls' / 'ca.pem'}\n")


def addresses(compose: Compose) -> dict[str, str]:
    """Where people reach what runs."""
    found = {"Portal (gateway)": compose.settings()["PORTAL_PUBLIC_URL"]}
    profiles = compose.settings().get("COMPOSE_PROFILES", "")
    if "sandbox" in profiles:
        found |= {"Sandbox": f"http://{SANDBOX_NAME}:8100", "Mailbox": f"http://{SANDBOX_NAME}:8106/mailbox"}
        found |= {"Salesforce, staff": f"http://{SANDBOX_NAME}:8101/staff"}
    if "viewer" in profiles:
        found["Traces, metrics, logs"] = "http://localhost:8107"
    return found


def urls(compose: Compose) -> dict[str, str]:
    """Where the demo's customer and staff find everything; has this process trust and resolve it as a browser would."""
    os.environ["SSL_CERT_FILE"] = str(compose.state / "tls" / "ca.pem")
    resolve_localhost_names()
    vendors = {"control": 8100, "salesforce": 8101, "whmcs": 8104, "freebit": 8105, "sendgrid": 8106}
    found = {name: f"http://{SANDBOX_NAME}:{port}" for name, port in vendors.items()}
    return {"gateway": compose.settings()["PORTAL_PUBLIC_URL"], **found}


def demo(compose: Compose) -> int:
    """Play the main job as a customer of this machine would; gives the exit code."""
    from rich.console import Console  # noqa: PLC0415 - only the demo draws

    from portal_local.demo.playing import play_demo  # noqa: PLC0415 - the same

    known = urls(compose)
    say(f"playing on the portal at {known['gateway']}")
    return asyncio.run(play_demo(known, compose.state / "keys", Console()))


def roll_under_load(compose: Compose, requests: int) -> int:
    """Start a second replica of everything, then restart all in turn; gives the exit code."""
    from portal_compose.rolling import roll  # noqa: PLC0415 - only this sends load

    os.environ["PORTAL_REPLICAS"] = "2"
    up(compose)
    return asyncio.run(roll(compose, urls(compose), requests))


def _run(arguments: argparse.Namespace) -> int:
    compose = Compose.from_environment(FOLDER, production=arguments.production)
    match arguments.command:
        case "prepare":
            prepare(compose)
        case "up":
            up(compose)
        case "demo":
            return demo(compose)
        case "roll":
            return roll_under_load(compose, arguments.requests)
        case "status":
            compose.run("ps")
        case _:
            compose.run("--profile", "*", "down", "--remove-orphans", *(["--volumes"] if arguments.volumes else []))
    return 0


def main() -> int:
    """Run one command; a problem a person can solve is one line on stderr and exit code 1."""
    try:
        return _run(_arguments())
    except LocalError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
