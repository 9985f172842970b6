"""What workers have too little of for a unit, in words: which resource on which workers, or how much of their lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .ids import WorkerId
from .resources import Resources, format_amount
from .state import State, Worker

NAMED_WORKERS_MAX = 3
"""Workers named in one sentence; the others are counted."""


def worker_name(worker: Worker) -> str:
    """Return what to call a worker in a sentence: by its number, and its name if it has one."""
    return f"worker {worker.worker_id} ({worker.name})" if worker.name else f"worker {worker.worker_id}"


def nobody_works(state: State) -> str:
    """Return a sentence on why no worker takes work now."""
    workers = state.workers.workers.values()
    if not workers:
        return "No worker is connected; start one."
    draining = sum(worker.draining for worker in workers)
    away = sum(worker.lost_at_us is not None and not worker.draining for worker in workers)
    parts = [f"{count} {what}" for count, what in ((draining, "draining"), (away, "out of touch")) if count]
    return f"No worker takes work now: {' and '.join(parts)}; start another."


def never_fits(state: State, request: Resources, workers: Sequence[Worker]) -> str:
    """Return sentences on a request that is too large for all ``workers``: those that would take it now."""
    others = [worker for _, worker in sorted(state.workers.workers.items()) if request.fits(worker.capacity)]
    now = " that would take it now" if others else ""
    largest = {name: max(worker.capacity.amount(name) for worker in workers) for name, _ in request.items()}
    short = [(name, amount) for name, amount in request.items() if amount > largest[name]]
    if short:
        name, amount = short[0]
        most = f"more than {format_amount(name, largest[name])}" if largest[name] else f"any {name}"
        sentence = (
            f"A unit needs {format_amount(name, amount)}, but no worker{now} has {most}; "
            "start one that has, or ask for less."
        )
    else:
        sentence = (
            f"A unit needs {_amounts(request)} together, which none of the {len(workers)} workers{now} has; "
            "start one that has."
        )
    if not others:
        return sentence
    return f"{sentence} Large enough would be {_listed(_named_with_hindrance, others, 'more that take none now')}."


def lives_too_short(wanted_us: int, workers: Sequence[Worker], at_us: int) -> str:
    """Return a sentence on a unit that asks for more time than any of ``workers`` is there, none of them for ever."""
    left_us = max((worker.until_us or 0) - at_us for worker in workers)
    return (
        f"A unit asks for {_seconds(-(-wanted_us // 1000))} s, but no worker that could hold it lives longer than "
        f"{_seconds(max(left_us, 0) // 1000)} s from now; ask for less time, or start a worker that does."
    )


def no_room(request: Resources, workers: Sequence[Worker], free: Mapping[WorkerId, Resources]) -> str:
    """Return a sentence on a request that fits none of ``workers`` now, with all that each has too little of."""

    def describe(worker: Worker) -> str:
        has = free[worker.worker_id]
        lacks = [
            f"{format_amount(name, max(has.amount(name), 0))} free of "
            f"{format_amount(name, worker.capacity.amount(name))}"
            for name in request.short_of(has)
        ]
        return f"{worker_name(worker)} has {' and '.join(lacks)}"

    return f"A unit needs {_amounts(request)}: {_listed(describe, workers, 'more have no room either')}."


def _amounts(request: Resources) -> str:
    return " and ".join(format_amount(name, amount) for name, amount in request.items())


def _named_with_hindrance(worker: Worker) -> str:
    """Name a worker that is large enough, with why it takes none of it now."""
    if worker.draining:
        return f"{worker_name(worker)}, which is draining"
    if worker.lost_at_us is not None:
        return f"{worker_name(worker)}, which is out of touch"
    return f"{worker_name(worker)}, which takes its owner's work alone"


def _listed(describe: Callable[[Worker], str], workers: Sequence[Worker], others: str) -> str:
    """Describe the first of some workers, and count the others: ``and 5 more ...``."""
    more = len(workers) - NAMED_WORKERS_MAX
    named = ", ".join(describe(worker) for worker in workers[:NAMED_WORKERS_MAX])
    return named + (f", and {more} {others}" if more > 0 else "")


def _seconds(time_ms: int) -> str:
    """Return thousandths of a second as seconds: ``5``, ``0.4``."""
    whole, rest = divmod(time_ms, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")
