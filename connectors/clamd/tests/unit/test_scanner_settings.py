import pytest
from pydantic import ValidationError

from portal_clamd import Clamd, NoScanner, ScannerSettings, scanner_of_environment


async def test_without_the_setting_everything_passes(monkeypatch) -> None:
    monkeypatch.delenv("PORTAL_VIRUS_SCANNER", raising=False)
    scanner = scanner_of_environment()
    assert isinstance(scanner, NoScanner)
    await scanner.check(b"anything")


def test_the_setting_names_host_and_port(monkeypatch) -> None:
    monkeypatch.setenv("PORTAL_VIRUS_SCANNER", "clamd.example.jp:3310")
    assert ScannerSettings().place == ("clamd.example.jp", 3310)
    assert isinstance(scanner_of_environment(), Clamd)


@pytest.mark.parametrize("place", ["clamd.example.jp", "tcp://clamd:3310", ":3310", "clamd:"])
def test_a_place_that_is_none_lets_nobody_start(monkeypatch, place) -> None:
    monkeypatch.setenv("PORTAL_VIRUS_SCANNER", place)
    with pytest.raises(ValidationError):
        scanner_of_environment()
