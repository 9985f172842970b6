"""The process in which one run happens: it does what it is asked, says how far it is, and sends what it came to."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Final

import attrs

from ..errors import SimulationError
from .perform import RunResult, perform
from .request import RunFailure, RunRequest

PROGRESS_S: Final = 0.2
"""Seconds between two words on how far a run is."""


@attrs.frozen
class RunProgress:
    """So many of so many jobs have ended."""

    ended: int
    jobs: int


@attrs.frozen
class RunFault:
    """Something went wrong inside the program; ``details`` is the traceback."""

    details: str


Message = RunProgress | RunResult | RunFailure | RunFault
"""What a child says: progress any number of times, then one of the others."""


def work(request: RunRequest, answers: Connection[Message, Message]) -> None:
    """Do one run; the main function of the child."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    last_s = time.monotonic()

    def tell(ended: int, jobs: int) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s >= PROGRESS_S:
            last_s = now_s
            answers.send(RunProgress(ended, jobs))

    answer: Message
    try:
        answer = perform(request, tell)
    except SimulationError as error:
        answer = RunFailure(str(error))
    except MemoryError:
        answer = RunFailure(f"{request.label or request.policy} ran out of memory; give fewer --cores, or --first N.")
    except Exception:
        answer = RunFault(traceback.format_exc())
    try:
        answers.send(answer)
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
