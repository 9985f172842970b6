"""Many runs, each in a process of its own, as many at a time as there are cores.

A fresh process a run gives all memory back at its end, so that one run cannot starve the next, and its user CPU time is
that of the run alone. Nothing that a run comes to depends on how many go on beside it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

import attrs

from meted.adapters.wording import signal_name

from .child import Message, RunFault, RunProgress, work
from .perform import RunResult
from .request import RunFailure, RunRequest

CORES_MAX: Final = 1024
"""Runs at a time."""


@attrs.frozen(eq=False)
class _Child:
    place: int
    label: str
    process: SpawnProcess
    answers: Connection[Message, Message]


def cores() -> int:
    """Return how many cores this process may use."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, CORES_MAX)


def run_all(
    requests: Sequence[RunRequest],
    at_once: int | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> Generator[tuple[int, RunResult | RunFailure]]:
    """Do all runs, and yield the place of each with what it came to, in the order in which they end.

    Closing the iterator, or whatever else ends it, Ctrl-C included, kills at once all that still run.

    Args:
        requests: The runs; they are started in this order.
        at_once: So many at a time; None is a run a core.
        progress: Called with the place of a run, how many of its jobs have ended, and of how many.

    Raises:
        RuntimeError: A run met a fault of the program; its text is the traceback.
    """
    # Its first start would unblock the signals that are blocked around the start of a child.
    resource_tracker.ensure_running()
    waiting = list(enumerate(requests))[::-1]
    children: list[_Child] = []
    try:
        while waiting or children:
            while waiting and len(children) < (at_once or cores()):
                with _not_interrupted():
                    children.append(_start(*waiting.pop()))
            for child in _speaking(children):
                found = _heard(child)
                if isinstance(found, RunProgress):
                    if progress is not None:
                        progress(child.place, found.ended, found.jobs)
                    continue
                with _not_interrupted():
                    children.remove(child)
                    _end(child)
                yield child.place, found
    finally:
        with _not_interrupted():
            for child in children:
                child.process.kill()
            for child in children:
                _end(child)


def _start(place: int, request: RunRequest) -> _Child:
    context = multiprocessing.get_context("spawn")
    answers, end = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(request, end), daemon=True)
    process.start()
    end.close()  # so that the pipe is at its end when the child is gone
    return _Child(place, request.label or request.policy, process, answers)


def _speaking(children: Sequence[_Child]) -> list[_Child]:
    """Wait until somebody has said something or is gone; return who."""
    ready = set(wait([child.answers for child in children]))
    return [child for child in children if child.answers in ready]


def _heard(child: _Child) -> RunProgress | RunResult | RunFailure:
    """Return what a child has said; if it is gone without a word, that it is."""
    try:
        said = child.answers.recv()
    except (EOFError, OSError):
        child.process.join()
        return RunFailure(_last_word(child))
    if isinstance(said, RunFault):
        raise RuntimeError(said.details)
    return said


def _last_word(child: _Child) -> str:
    """Say how a child ended that said nothing."""
    code = child.process.exitcode or 0
    if code == -signal.SIGKILL:
        return f"{child.label} was killed, which is what happens where memory runs out; if so, give fewer --cores."
    if code < 0:
        return f"{child.label} was ended by {signal_name(-code)}; run the command again."
    return f"{child.label} ended without a word (exit code {code}); run the command again with fewer --cores."


def _end(child: _Child) -> None:
    """Wait for a child that is about to be gone, and forget it."""
    child.process.join()
    child.process.close()
    child.answers.close()


@contextmanager
def _not_interrupted() -> Iterator[None]:
    """Let Ctrl-C wait; processes started meanwhile never see it, as they inherit what is blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
