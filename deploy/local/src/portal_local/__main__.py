"""`python -m portal_local up|demo|operator|operate|reset|logs|status|backup|restore`."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final

from portal_local.errors import LocalError
from portal_local.progress import say
from portal_local.state import FOLDER_VARIABLE, StateFolder

_INTERRUPTED: Final = 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m portal_local",
        description="The whole portal on this machine.",
        epilog=f"State lies in one folder: {FOLDER_VARIABLE}, by default .portal in the current directory.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start everything and stay until Ctrl-C")
    commands.add_parser("demo", help="play the main job as a customer, on the running portal or on one of its own")
    operator = commands.add_parser("operator", help="how to sign in as the operator, with the one-time code of now")
    operator.add_argument("--code", action="store_true", help="the code alone")
    operate = commands.add_parser("operate", help="run an operator's command, signed in as the first operator")
    operate.add_argument("arguments", nargs=argparse.REMAINDER, help="as portal-operator takes them, e.g. list")
    commands.add_parser("reset", help="empty the state folder")
    backup = commands.add_parser("backup", help="dump every service's database into a new folder")
    backup.add_argument("folder", type=Path)
    restore = commands.add_parser("restore", help="put a backup's databases in place; the portal must not run")
    restore.add_argument("folder", type=Path)
    commands.add_parser("status", help="what runs and where")
    logs = commands.add_parser("logs", help="show all logs with names and follow them")
    logs.add_argument("names", nargs="*", help="only these processes")
    logs.add_argument("--no-follow", action="store_true", help="stop at the end")
    logs.add_argument("--order", help="every line of one order id or number (or case, process key, trace) and no other")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, state: StateFolder) -> int:
    # Each command imports what it needs: `up` must not wait for what only the demo uses.
    match arguments.command:
        case "up":
            from portal_local.up import up  # noqa: PLC0415 - see above

            return asyncio.run(up(state))
        case "demo":
            from portal_local.demo.starting import demo  # noqa: PLC0415 - see above

            return asyncio.run(demo(state))
        case "status":
            from portal_local.status import show_status  # noqa: PLC0415 - see above

            return asyncio.run(show_status(state))
        case "operator" | "operate":
            return _as_operator(arguments, state)
        case "logs":
            return _logs(arguments, state)
        case "backup" | "restore":
            _backup(arguments, state)
        case _:
            state.reset()
            say(f"{state.path} is empty")
    return 0


def _logs(arguments: argparse.Namespace, state: StateFolder) -> int:
    if arguments.order:
        from portal_local.order_logs import show_order  # noqa: PLC0415 - see above

        return show_order(state.logs, arguments.order)
    from portal_local.logs import show_logs  # noqa: PLC0415 - see above

    show_logs(state.logs, arguments.names, follow=not arguments.no_follow)
    return 0


def _backup(arguments: argparse.Namespace, state: StateFolder) -> None:
    from portal_local.backup import back_up_portal, restore_portal  # noqa: PLC0415 - see above

    (back_up_portal if arguments.command == "backup" else restore_portal)(state, arguments.folder.absolute())


def _as_operator(arguments: argparse.Namespace, state: StateFolder) -> int:
    if arguments.command == "operate":
        from portal_local.operate import operate  # noqa: PLC0415 - see above

        return operate(state, arguments.arguments or ["--help"])
    from portal_local.operator_access import read_operator, shown  # noqa: PLC0415 - see above

    found = read_operator(state.path)
    if found is None:
        raise LocalError("there is no operator here; `up` makes one at its first start")
    say(found.code() if arguments.code else shown(found))
    return 0


def main() -> int:
    """Run one command; a problem a person can solve is one line on stderr and exit code 1."""
    try:
        return _run(_arguments(), StateFolder.from_environment())
    except LocalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
