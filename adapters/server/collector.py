"""How a server uses Python's collector of cyclic garbage: what is old is not looked through again and again.

The state of a pool is large, lives long and has no cycles: reference counts alone let go of it. So whatever has lived
through a full collection is *frozen*, out of the collector's sight. Otherwise each full collection would look through
the whole state, with everybody waiting, and there would be one whenever the state has grown by a quarter.

Cycles that are frozen and die then are not found. It is connections that leave cycles behind, so after some number of
them everything is thawed and looked through once.
"""

from __future__ import annotations

import gc
from types import TracebackType
from typing import Literal, Self

YOUNG_MAX = 30_000
"""The young objects are looked through when so many more were made than died: more than a burst of calls makes, as all
of those would be found alive."""

DOUBTS_MAX = 2_000
"""Everything is looked through after so many connections have ended or full collections have frozen what was left."""


class Collector:
    """Freezes what is old while it is entered; see the module."""

    def __init__(self) -> None:
        self._before = gc.get_threshold()
        self._doubts = 0

    def __enter__(self) -> Self:
        """Collect once, and freeze what there is."""
        gc.callbacks.append(self._collected)
        gc.set_threshold(YOUNG_MAX, *self._before[1:])
        gc.collect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the collector do as it did before."""
        gc.callbacks.remove(self._collected)
        gc.set_threshold(*self._before)
        gc.unfreeze()

    def parted(self) -> None:
        """A connection has ended, and may have left frozen cycles behind."""
        self._doubts += 1
        if self._doubts >= DOUBTS_MAX:
            self._doubts = 0
            gc.unfreeze()
            gc.collect()

    def _collected(self, phase: Literal["start", "stop"], info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            gc.freeze()
            self._doubts += 1
