"""The progress bar: on a terminal, after a second, and on no other occasion."""

from __future__ import annotations

import io
import sys

import pytest

from meted.simulations import progress
from meted.simulations.progress import ProgressBar


class Terminal(io.StringIO):
    """A standard error that says whether it is a terminal."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        """Whether it says that it is one."""
        return self._terminal


@pytest.mark.parametrize(("terminal", "quiet_s", "shown"), [(True, 0, True), (True, 60, False), (False, 0, False)])
def test_when_a_bar_is_shown(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, quiet_s: float, shown: bool
) -> None:
    stream = Terminal(terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "QUIET_S", quiet_s)
    with ProgressBar("small.swf, easy", 100) as bar:
        bar.update(40)
        bar.update(80)
    assert ("small.swf, easy" in stream.getvalue()) is shown
    assert bool(stream.getvalue()) is shown
