"""Another team's project, outside the workspace: wheels alone, a fresh environment, and `def test_x(portal_stack)`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "testing" / "sample"
SECONDS = 170


def uv() -> str:
    """The uv that `make setup` used."""
    found = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    assert Path(found).is_file(), "make setup installs uv"
    return found


def run(*command: str, folder: Path) -> str:
    """Run a program as somebody who has no part in this workspace; its output, which must be of a success."""
    ours = {"VIRTUAL_ENV", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT"}
    environment = {
        name: value for name, value in os.environ.items() if name not in ours and not name.startswith("PYTEST_")
    }
    done = subprocess.run(  # noqa: S603 - no shell, our own words
        command, cwd=folder, env=environment, text=True, capture_output=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, f"{command[:3]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.timeout(SECONDS + 10)
def test_another_teams_tests_run_on_the_wheels_alone(tmp_path: Path) -> None:
    wheels, project = tmp_path / "wheels", tmp_path / "project"
    run(uv(), "build", "--quiet", "--all-packages", "--wheel", "--out-dir", str(wheels), folder=ROOT)
    shutil.copytree(SAMPLE, project)
    pins = ("--frozen", "--quiet", "--all-packages", "--no-dev", "--all-extras", "--no-emit-workspace", "--no-hashes")
    run(uv(), "export", *pins, "--output-file", str(tmp_path / "pins.txt"), folder=ROOT)
    run(uv(), "venv", "--quiet", "--python", shutil.which("python3") or "python3", ".venv", folder=project)
    (testing,) = wheels.glob("portal_testing-*.whl")
    others = [str(wheel) for wheel in wheels.glob("*.whl") if wheel != testing]
    run(
        *(uv(), "pip", "install", "--quiet", "--python", ".venv", "--constraint", str(tmp_path / "pins.txt")),
        *(*others, f"portal-testing[embedded] @ {testing.as_uri()}"),
        folder=project,
    )
    output = run(".venv/bin/python", "-m", "pytest", "-p", "no:cacheprovider", folder=project)
    assert "2 passed" in output or output.startswith(".."), output
