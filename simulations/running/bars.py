"""How far many runs are: a bar for each that goes on and one for all, with an estimate of the time left."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from meted.adapters.cli.progress import QUIET_S
from meted.adapters.wording import counted

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class RunBars:
    """Bars on the standard error where that is a terminal, after a second; a context manager.

    A bar appears with the first word of its run and goes with its end, so that there are never more than runs at a
    time, and one for all of them where they are more than one.
    """

    def __init__(self, labels: Sequence[str], title: str) -> None:
        """Prepare bars of runs with these labels; nothing is shown yet."""
        self._labels = labels
        self._title = title
        self._parts = [0.0] * len(labels)
        self._begun_s = monotonic()
        self._wanted = sys.stderr.isatty()
        self._shown: tuple[Progress, TaskID] | None = None
        self._tasks: dict[int, TaskID] = {}

    def __enter__(self) -> Self:
        """Use the bars as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bars away."""
        if self._shown is not None:
            self._shown[0].stop()

    def __call__(self, place: int, ended: int, jobs: int) -> None:
        """Show that of the run at this place so many of so many jobs have ended."""
        self._parts[place] = ended / jobs if jobs else 0.0
        if not self._ready():
            return
        assert self._shown is not None
        progress, _ = self._shown
        if place not in self._tasks:
            self._tasks[place] = progress.add_task(self._labels[place], total=jobs)
        progress.update(self._tasks[place], completed=ended, total=jobs)
        self._all()

    def done(self, place: int) -> None:
        """Show that a run has ended."""
        self._parts[place] = 1.0
        if not self._ready():
            return
        assert self._shown is not None
        task = self._tasks.pop(place, None)
        if task is not None:
            self._shown[0].remove_task(task)
        self._all()

    def _all(self) -> None:
        assert self._shown is not None
        progress, task = self._shown
        progress.update(task, completed=sum(self._parts))

    def _ready(self) -> bool:
        """Return whether bars are shown; begin to show them when it is time."""
        if self._shown is None and self._wanted and monotonic() - self._begun_s >= QUIET_S:
            from rich.console import Console  # only here: it takes longer to load than most of what shows a bar
            from rich.progress import Progress

            progress = Progress(console=Console(stderr=True), transient=True)
            progress.start()
            task = progress.add_task(f"{self._title} ({counted(len(self._labels), 'run')})", total=len(self._labels))
            self._shown = progress, task
        return self._shown is not None
