"""A progress bar for what takes more than a second: on a terminal, on the standard error, and never in the way."""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_S = 1.0
"""What is over by then shows no bar."""


class ProgressBar:
    """Shows how much is done; a context manager, to be called with how much is done and of how much."""

    def __init__(self, title: str) -> None:
        """Prepare a bar; nothing is shown yet."""
        self._title = title
        self._begun_s = monotonic()
        self._wanted = sys.stderr.isatty()
        self._bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Self:
        """Use the bar as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar[0].stop()

    def __call__(self, done: int, total: int | None) -> None:
        """Show that ``done`` of ``total`` is done; None where nobody knows of how much."""
        if self._bar is None:
            if not self._wanted or monotonic() - self._begun_s < QUIET_S:
                return
            self._bar = self._show()
        progress, task = self._bar
        progress.update(task, completed=done, total=total)

    def _show(self) -> tuple[Progress, TaskID]:
        from rich.console import Console  # only here: it takes longer to load than most of what shows a bar
        from rich.progress import Progress

        progress = Progress(console=Console(stderr=True), transient=True)
        progress.start()
        return progress, progress.add_task(self._title, total=None)
