"""One schedule a seed: trio's own dice are seeded.

Trio shuffles the tasks that can run, with a private generator, and from an order that is not always the same. Both are
private, so what touches them stands in one function, and a test notices when trio moves them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from random import Random

import trio
from trio._core import _run as trio_run


class ScheduleMoved(RuntimeError):
    """Trio no longer keeps its dice where :func:`one_schedule` looks for them."""


@contextlib.contextmanager
def one_schedule(seed: int) -> Iterator[None]:
    """Let every ``trio.run`` within the block take its tasks in an order that follows from ``seed`` alone.

    Raises:
        ScheduleMoved: This version of trio keeps its dice elsewhere.
    """
    if not isinstance(getattr(trio_run, "_r", None), Random) or not hasattr(
        trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING"
    ):
        raise ScheduleMoved(
            f"trio {trio.__version__} has neither _core._run._r nor _ALLOW_DETERMINISTIC_SCHEDULING any more; "
            "find out how its schedule is seeded now and change this function."
        )
    was = trio_run._ALLOW_DETERMINISTIC_SCHEDULING
    trio_run._r.seed(seed)
    trio_run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # Final for everybody but us and hypothesis
    try:
        yield
    finally:
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING = was  # type: ignore[misc]
