"""A progress bar for runs that take their time: on a terminal, after the first second, and never in the way."""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_S: Final = 1.0
"""A run that is over by then shows no bar."""


class ProgressBar:
    """Shows on the standard error how much of a run is done; a context manager."""

    def __init__(self, title: str, total: int) -> None:
        """Prepare a bar that is full at ``total``; nothing is shown yet."""
        self._title = title
        self._total = total
        self._begun_s = monotonic()
        self._wanted = sys.stderr is not None and sys.stderr.isatty()
        self._bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar[0].stop()

    def update(self, done: int) -> None:
        """Show that so much is done."""
        if not self._wanted:
            return
        if self._bar is None:
            if monotonic() - self._begun_s < QUIET_S:
                return
            self._bar = self._show()
        progress, task = self._bar
        progress.update(task, completed=done)

    def _show(self) -> tuple[Progress, TaskID]:
        # Only here: it takes longer to load than many a trace to replay.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        progress.start()
        return progress, progress.add_task(self._title, total=self._total)
