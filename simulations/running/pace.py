"""What a long replay does to its process: how often it is interrupted, and what it has cost so far."""

from __future__ import annotations

import gc
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PROGRESS_JOBS: Final = 200
"""Jobs between two looks at the progress bar."""

_GC_THRESHOLD: Final = 100_000


def user_cpu_us() -> int:
    """Return the user CPU time of this process so far, in microseconds."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_utime * 1_000_000)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the collector of cycles look seldom: a replay makes none, and looking costs a twentieth of its time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
