"""The keeper: the parent of a worker, there so that nothing of its units outlives it (rows N19, N31, G13).

The process that a user starts becomes the keeper; it starts the worker proper as its child, hands signals on to it and
waits. All that the worker's units start and leave behind falls to the keeper, since it is a "child subreaper": whatever
the worker died of, the keeper kills what is left, however it hid in sessions of its own. The other way round the worker
holds one end of a pipe whose other end the keeper holds and never writes to: when that ends the keeper is dead, and the
worker kills its units and goes (:mod:`.kept`).

The keeper uses the standard library alone and does as little as possible, so that there is little it could die of.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence

KEEPER_FD = "METED_KEEPER_FD"
"""Environment variable that tells the worker which descriptor ends when the keeper does."""

KEPT_BY = "METED_KEPT_BY"
"""Environment variable with a name that this keeper alone has; units inherit it from their worker."""

SWEEP_MAX_S = 10.0
"""How long the keeper goes on killing what is left; what hangs in the system longer is left to the system."""

SWEEP_PAUSE_S = 0.01
"""How long it waits before it looks again."""

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that the keeper hands on to the worker; those that it was started to ignore, it goes on to ignore."""

_PR_SET_CHILD_SUBREAPER = 36
_SHELL_SIGNAL = 128


class KeeperError(Exception):
    """The keeper cannot do its work here; the text is one sentence that says what to do."""


def keep(argv: Sequence[str], on_death: Callable[[int], None], environment: Mapping[str, str] | None = None) -> int:
    """Run a worker and see it to its end, and to the end of all that it leaves behind.

    Must be called in the main thread of a process that has no other. The worker is in a process group of its own: a
    Ctrl-C reaches it once, from here.

    Args:
        argv: The worker's program and arguments; the program is a whole path. It finds ``METED_KEEPER_FD`` and
            ``METED_KEPT_BY`` in its environment.
        on_death: Called when the worker has ended and nothing of it is left, with its exit code, or a negative number:
            the signal that ended it. Here the server is told.
        environment: The worker's environment; None = that of this process.

    Returns:
        What this process should exit with: the worker's exit code, or 128 + signal as shells have it.

    Raises:
        KeeperError: The system lacks what is needed, or the worker cannot be started.
    """
    become_subreaper()
    watched = {number for number in FORWARDED if signal.getsignal(number) is not signal.SIG_IGN}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*watched, signal.SIGCHLD})
    try:
        pid, held = _start(argv, os.environ if environment is None else environment)
        try:
            status = _watch(pid, {*watched, signal.SIGCHLD})
            kill_children(SWEEP_MAX_S)
        finally:
            os.close(held)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    code = os.waitstatus_to_exitcode(status)
    on_death(code)
    return code if code >= 0 else _SHELL_SIGNAL - code


def become_subreaper() -> None:
    """Have all descendants whose parents die become children of this process.

    Raises:
        KeeperError: The system does not know of such a thing.
    """
    if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
        raise KeeperError("meted worker needs Linux 5.4 or newer; start it on such a machine")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise KeeperError(f"meted worker needs Linux 5.4 or newer ({os.strerror(ctypes.get_errno()).lower()})")


def kill_children(most_s: float) -> bool:
    """Kill every descendant of this process, a subreaper, and reap them.

    Those whose parent is killed become children of this process, and their turn comes in the next round.

    Args:
        most_s: Go on for so long at most.

    Returns:
        Whether none is left.
    """
    until_s = time.monotonic() + most_s
    ours = os.getpgrp()
    while True:
        children = list_children()
        for pid in children:
            try:
                group = os.getpgid(pid)
                if group != ours:
                    os.killpg(group, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue  # gone in this moment, or of another user and not ours to end
        if _reap_all() == 0:
            return True
        if time.monotonic() >= until_s:
            return False
        time.sleep(SWEEP_PAUSE_S)


def list_children() -> list[int]:
    """Return the ids of this process's children, zombies included."""
    try:
        found: list[int] = []
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
                found.extend(map(int, file.read().split()))
        return found
    except FileNotFoundError:  # a kernel built without that file
        me = os.getpid()
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _parent(pid) == me]


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _start(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[int, int]:
    """Start the worker; return its process id and the end of the pipe to hold."""
    read_end, write_end = os.pipe()
    os.set_inheritable(read_end, True)
    kept_by = f"{os.getpid()}.{secrets.token_hex(8)}"
    told = {**environment, KEEPER_FD: str(read_end), KEPT_BY: kept_by}
    default = {*FORWARDED, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD}
    default -= {number for number in FORWARDED if signal.getsignal(number) is signal.SIG_IGN}
    try:
        pid = os.posix_spawn(argv[0], list(argv), told, setpgroup=0, setsigmask=(), setsigdef=tuple(default))
    except OSError as error:
        os.close(write_end)
        raise KeeperError(f"the worker could not be started: {argv[0]}: {(error.strerror or '').lower()}") from error
    finally:
        os.close(read_end)
    return pid, write_end


def _watch(worker: int, numbers: set[signal.Signals]) -> int:
    """Hand signals on and reap what falls to this process until the worker has ended; return its status."""
    while True:
        number = signal.sigwait(numbers)
        if number != signal.SIGCHLD:
            os.kill(worker, number)  # it is not reaped yet, so this is it
            continue
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:  # pragma: no cover - somebody else reaped our child
                raise KeeperError("the worker's end was taken by another part of this program") from None
            if pid == worker:
                return status
            if pid == 0:
                break


def _reap_all() -> int:
    """Reap children that have ended; return how many are left, 0 or more than 0."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return 1
        except ChildProcessError:
            return 0
