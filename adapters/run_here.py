"""Running units in the calling thread: ask for work, do it, report it, until there is none."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from typing import Protocol

from meted.core.ids import WorkerId
from meted.core.limits import RESULT_BYTES_MAX

from .units import Done, LeasedUnits, Unit, failed


class Giver(Protocol):
    """What gives out work and takes reports: a pool."""

    clock: Callable[[], int]

    def batch(self) -> contextlib.AbstractContextManager[None]:
        """Make all calls inside durable together."""

    def next_retry_us(self, after_us: int | None = None) -> int | None:
        """Return when the first of the units in back-off after ``after_us`` may be tried again, or None."""

    def work(self, worker_id: WorkerId) -> list[LeasedUnits]:
        """Return what a worker is to run now."""

    def is_wanted(self, lease: LeasedUnits) -> bool:
        """Whether the rest of a lease should still be run."""

    def finish(self, lease: LeasedUnits, *done: Done) -> None:
        """Report units as run to their end."""

    def give_back(self, lease: LeasedUnits) -> None:
        """Give back what was not reported."""


def run_here(
    pool: Giver,
    worker_id: WorkerId,
    call: Callable[[Unit], bytes | None],
    units_max: int | None = None,
    sleep: Callable[[float], object] | None = None,
) -> int:
    """Run units until nothing can be leased now, or until ``units_max`` were run; return how many were.

    Leases are carried out in order and reported one by one. What was not run when this ends, however it ends, is given
    back. With ``sleep``, a function that takes seconds, this waits for units in back-off and for jobs
    that are to begin later, and goes on.
    """
    ran = 0
    while units_max is None or ran < units_max:
        asked_us = pool.clock()
        leases = pool.work(worker_id)
        if leases:
            ran += _run_leases(pool, leases, call, None if units_max is None else units_max - ran)
            continue
        due_us = None if sleep is None else pool.next_retry_us(asked_us)
        if sleep is None or due_us is None:
            break
        sleep(max(0, due_us - pool.clock()) / 1_000_000)
    return ran


def _run_leases(
    pool: Giver, leases: list[LeasedUnits], call: Callable[[Unit], bytes | None], units_max: int | None
) -> int:
    ran = 0
    with contextlib.ExitStack() as rest:
        for lease in reversed(leases):
            rest.callback(pool.give_back, lease)
        for lease in leases:
            most = lease.count if units_max is None else min(lease.count, units_max - ran)
            ran += _run_lease(pool, lease, call, most)
    return ran


def _run_lease(pool: Giver, lease: LeasedUnits, call: Callable[[Unit], bytes | None], most: int) -> int:
    done: list[Done] = []
    with contextlib.ExitStack() as report:
        report.callback(lambda: pool.finish(lease, *done) if done else None)
        for index in lease.indices[:most]:
            if not pool.is_wanted(lease):
                break
            done.append(_run_unit(pool.clock, lease, index, call))
    return len(done)


def _run_unit(clock: Callable[[], int], lease: LeasedUnits, index: int, call: Callable[[Unit], bytes | None]) -> Done:
    began_us = clock()
    try:
        result: object = call(Unit(lease.job_id, index, lease.attempt, lease.spec))
    except KeyboardInterrupt:
        raise
    except BaseException:  # sys.exit() too: let through, the unit would be given back and run again, for ever
        return failed(index, _since(clock, began_us), traceback.format_exc())
    run_us = _since(clock, began_us)
    if result is not None and type(result) is not bytes:
        kind = type(result).__name__
        return failed(index, run_us, f"The function returned {kind}; return bytes, or None for no result.")
    if result is not None and len(result) > RESULT_BYTES_MAX:
        size = f"{len(result):,} bytes, but a result has at most {RESULT_BYTES_MAX:,}"
        return failed(index, run_us, f"The function returned {size}; keep it in a file and return where that is.")
    return Done(index, run_us, result)


def _since(clock: Callable[[], int], began_us: int) -> int:
    return max(0, clock() - began_us)  # the clock may have been set back meanwhile
