import subprocess
import sys

from portal_local.servers.ports import is_free, pick_port

PICK = """
import sys
from portal_local.servers.ports import pick_port
print(*(pick_port() for _ in range(300)), flush=True)
sys.stdin.read()
"""


def test_processes_side_by_side_pick_different_ports() -> None:
    processes = [
        subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, "-c", PICK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    try:
        picked = [port for process in processes if process.stdout for port in process.stdout.readline().split()]
    finally:
        for process in processes:
            process.communicate()
    assert len(picked) == len(set(picked)) == 6 * 300


def test_a_process_that_picks_thousands_gets_free_ports_again_and_none_twice_in_hundreds() -> None:
    picked = [pick_port() for _ in range(2000)]
    assert all(len(set(picked[start : start + 300])) == 300 for start in range(0, 2000, 300) if start + 300 <= 2000)
    assert is_free(picked[-1])
