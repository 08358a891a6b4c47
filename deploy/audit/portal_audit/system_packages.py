"""What Debian's security team has mended since an image was built: apt itself is asked, inside the image."""

import re
import subprocess
from typing import Final

_ASK: Final = "apt-get update -qq && apt-get upgrade -s"
_SECONDS: Final = 180.0
_INSTALL: Final = re.compile(
    r"^Inst (?P<name>\S+) \[(?P<present>[^]]+)] \((?P<wanted>\S+) (?P<origins>[^)]*)\)", re.MULTILINE
)


class NotAsked(Exception):  # noqa: N818 - an outcome, and the audit goes on
    """The image's packages could not be compared, with the reason."""


def local_images(pattern: str) -> list[str]:
    """Name the images on this machine that match; none without Docker."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, no shell
            ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={pattern}"],  # noqa: S607 - wherever it is installed
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return sorted(done.stdout.split())


def outdated(image: str) -> list[str]:
    """Name what the security suite replaces in an image. Raises NotAsked when apt could not say."""
    command = ["docker", "run", "--rm", "--user", "0", "--entrypoint", "sh", image, "-c", _ASK]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)  # noqa: S603 - a fixed program, no shell
    except (OSError, subprocess.SubprocessError) as error:
        raise NotAsked(f"{image}: {type(error).__name__}") from error
    if done.returncode != 0:
        raise NotAsked(f"{image}: {(done.stderr.strip().splitlines() or ['apt-get failed'])[-1]}")
    return security_fixes(done.stdout)


def security_fixes(simulation: str) -> list[str]:
    """Read `apt-get upgrade -s`: only what comes from a security suite counts."""
    return [
        f"{one['name']} {one['present']} -> {one['wanted']}"
        for one in _INSTALL.finditer(simulation)
        if "security" in one["origins"].lower()
    ]
