"""How a server waits for its disk: in a thread, or, on the one virtual clock of a simulation, in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import trio

Answer = TypeVar("Answer")


class Runner(Protocol):
    """Runs a blocking function, in a thread or in place."""

    async def __call__(self, function: Callable[[], Answer], /) -> Answer:
        """Return what ``function`` returns."""


async def in_thread(function: Callable[[], Answer], /) -> Answer:
    """Run ``function`` in a worker thread, as a server does with its disk."""
    return await trio.to_thread.run_sync(function)


async def in_place(function: Callable[[], Answer], /) -> Answer:
    """Run ``function`` here, as a simulation on one virtual clock must."""
    await trio.lowlevel.checkpoint()
    return function()
