"""The worker's side of the keeper: know when it has died, and leave nothing behind then.

A worker calls ``keeper = take_keeper()`` when it starts, waits in a task of its own for
``keeper_gone(keeper.descriptor)``, and then calls ``executor.close()``, ``kill_everything(keeper)`` and
``os._exit(1)``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import trio

from meted.core.record import record

from .keeper import KEEPER_FD, KEPT_BY, SWEEP_PAUSE_S, become_subreaper, kill_children

SWEEP_MAX_S = 2.0
"""How long a worker whose keeper is dead goes on killing what is left."""


@record
class Keeper:
    """The keeper of this process.

    Attributes:
        descriptor: Becomes readable when the keeper is dead.
        name: What its workers and their units have in their environment, and nobody else.
    """

    descriptor: int
    name: str


def take_keeper() -> Keeper | None:
    """Return who keeps this process, None if nobody does; call it once, before anything is started.

    The descriptor is passed on to nobody, and its number is taken out of the environment.
    """
    number = os.environ.pop(KEEPER_FD, None)
    name = os.environ.get(KEPT_BY)
    if number is None or name is None or not number.isdigit():
        return None
    try:
        os.set_inheritable(int(number), False)
    except OSError:
        return None
    return Keeper(int(number), name)


async def keeper_gone(descriptor: int) -> None:
    """Return when the keeper is dead."""
    await trio.lowlevel.wait_readable(descriptor)


def kill_everything(keeper: Keeper) -> bool:
    """Kill all that this process has started and that is not yet dead; return whether that is known to be done.

    First its descendants, which become its children as their parents die; then those that were orphans before the
    keeper died and have fallen to the system's first process: they are found by the keeper's name in their environment.
    """
    become_subreaper()
    done = kill_children(SWEEP_MAX_S)
    return kill_named(keeper.name) and done


def kill_named(name: str) -> bool:
    """Kill what has a keeper's name in its environment, this process left out; return whether none is left.

    For a keeper and a worker that died together, too: whoever knows the name can end what they have left.
    """
    until_s = time.monotonic() + SWEEP_MAX_S
    while found := list(_named(name)):
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() >= until_s:
            return False
        time.sleep(SWEEP_PAUSE_S)
    return True


def _named(name: str) -> Iterator[int]:
    wanted = f"{KEPT_BY}={name}".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with suppress(OSError), open(f"/proc/{entry}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    yield int(entry)
