"""Shows the start on a terminal (a list that fills up) or in a log (one line each)."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from portal_local.watching import Report, State

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_SIGNS: Final = {
    State.WAITING: ("·", "dim"),
    State.STARTING: ("…", "yellow"),
    State.READY: ("✓", "green"),
    State.CRASHED: ("✗", "red"),
    State.STOPPED: ("-", "dim"),
}


class Progress:
    """`with Progress() as progress: LocalStack(…, report=progress.note)`; after `finish` only what matters is said."""

    def __init__(self) -> None:
        self._states: dict[str, Report] = {}
        self._began = time.monotonic()
        self._live: Live | None = None
        self._finished = False

    def __enter__(self) -> Self:
        """Take over the terminal, where there is one."""
        if sys.stdout.isatty():
            from rich.live import Live  # noqa: PLC0415 - not worth its import where nobody watches

            self._live = Live(self._picture(), refresh_per_second=12, transient=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back."""
        self.finish()

    def finish(self) -> None:
        """Leave the list as it is; later reports are lines."""
        self._finished = True
        if self._live is not None:
            self._live.update(self._picture())
            self._live.stop()
            self._live = None

    def note(self, report: Report) -> None:
        """Take in what happened."""
        again = self._finished and report.state is State.READY and self._states[report.name].state is not State.READY
        self._states[report.name] = report
        if self._live is not None:
            self._live.update(self._picture())
        elif not self._finished and report.state is State.READY:
            say(f"ready  {report.name:<14}{report.seconds:5.1f} s")
        elif report.state is State.CRASHED:
            say(f"{report.name}: {report.text}")
        elif again:
            say(f"{report.name}: ready again")

    def _picture(self) -> "RenderableType":
        from rich.table import Table  # noqa: PLC0415 - see above
        from rich.text import Text  # noqa: PLC0415 - see above

        table = Table.grid(padding=(0, 2))
        for report in self._states.values():
            sign, style = _SIGNS[report.state]
            took = f"{report.seconds:.1f} s" if report.state is State.READY else ""
            table.add_row(Text(f"  {sign}", style=style), report.name, Text(took, style="dim"), Text(report.text))
        ready = sum(report.state is State.READY for report in self._states.values())
        elapsed = time.monotonic() - self._began
        table.add_row(
            "", Text(f"{ready} of {len(self._states)} ready", style="bold"), Text(f"{elapsed:.1f} s", style="dim"), ""
        )
        return table


def say(line: str) -> None:
    """One line for the person at the keyboard."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
