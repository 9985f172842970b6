"""What is true of every state between two commands, and of every engine: asked at the end of every test.

The reducers keep counters and sums beside the tables so that nothing has to be counted twice; here everything is
counted again. That costs time in proportion to the state, so a server does not do it at every command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .credit.invariants import wrong_credit
from .domains.invariants import wrong_domains
from .engine import Engine
from .fairness_invariants import wrong_accounts, wrong_sellers, wrong_starts
from .jobs.invariants import wrong_jobs
from .limits import CALLS_KEPT_MAX
from .policy.clock import ClockIndex
from .policy.memory import index_of
from .policy.pool import PoolIndex
from .reducers import fold
from .resources import NOTHING
from .state import State, Worker


class InvariantError(AssertionError):
    """Something that should always be true is not; the text says what."""


def check(state: State) -> None:
    """Check all that holds of a state between two commands.

    Raises:
        InvariantError: With a sentence, at the first thing that is wrong.
    """
    wrong: tuple[Callable[[State], Iterable[str]], ...] = (
        _wrong_numbers,
        wrong_jobs,
        wrong_accounts,
        wrong_sellers,
        wrong_starts,
        _wrong_workers,
        wrong_domains,
        _wrong_calls,
        wrong_credit,
    )
    for find in wrong:
        _raise_first(find(state))


def check_engine(engine: Engine) -> None:
    """Check an engine between two commands or passes: its states, its index, and what its policy gave out.

    Raises:
        InvariantError: With a sentence, at the first thing that is wrong.
    """
    check(engine.committed)
    check(engine.state)
    _raise_first(_wrong_engine(engine))


def _raise_first(wrong: Iterable[str]) -> None:
    for text in wrong:
        raise InvariantError(text)


def _wrong_numbers(state: State) -> Iterator[str]:
    jobs = state.jobs
    if state.seq < 0 or state.at_us < 0:
        yield f"The state stands at event {state.seq} and time {state.at_us}, which is before the beginning."
    if jobs.clock < 0 or jobs.debt < 0 or jobs.largest_size < 0:
        yield f"The virtual time {jobs.clock}, debt {jobs.debt} or largest size {jobs.largest_size} is negative."
    tables = (
        ("job", jobs.jobs, jobs.next_job_id),
        ("lease", jobs.leases, jobs.next_lease_id),
        ("worker", state.workers.workers, state.workers.next_worker_id),
        ("domain", state.domains.domains, state.domains.next_domain_id),
    )
    for kind, table, next_id in tables:
        for key in table:
            if not 0 < key < next_id:
                yield f"There is a {kind} {key}, but the next id is {next_id}."


def _wrong_workers(state: State) -> Iterator[str]:
    capacity = NOTHING
    reserved: list[Worker] = []
    for worker_id, worker in state.workers.workers.items():
        capacity = capacity.plus(worker.capacity)
        if worker.worker_id != worker_id:
            yield f"Worker {worker_id} is filed under another id than its own, {worker.worker_id}."
        if (worker.reserved_for is None) != (worker.shadow_us is None):
            yield f"Worker {worker_id} is kept free for nobody, or without a time."
        if worker.reserved_for is not None:
            reserved.append(worker)
            if not worker.is_leasable:
                yield f"Worker {worker_id} is kept free, but may not be given work."
            if worker.reserved_for >= state.jobs.next_job_id:
                yield f"Worker {worker_id} is kept free for job {worker.reserved_for}, which never was."
    if len(reserved) > 1:
        yield f"{len(reserved)} workers are kept free; there should be one at a time."
    if capacity != state.workers.capacity:
        yield f"The workers offer {capacity} together, not {state.workers.capacity}."


def _wrong_calls(state: State) -> Iterator[str]:
    calls = state.calls
    if sorted(calls.kept) != list(range(calls.oldest_number, calls.next_number)):
        yield f"The calls kept are not those from number {calls.oldest_number} to below {calls.next_number}."
    if len(calls.kept) > CALLS_KEPT_MAX:
        yield f"{len(calls.kept)} calls are kept, more than {CALLS_KEPT_MAX}."
    if {call.key: number for number, call in calls.kept.items()} != dict(calls.numbers):
        yield "The calls kept and the numbers of their keys do not agree."


def _wrong_engine(engine: Engine) -> Iterator[str]:
    pending = [event for sealed in engine._sealed for event in sealed.events] + engine._events
    if fold(engine.committed, pending) != engine.state:
        yield "The committed state with what was decided since is not the tentative state."
    held = dict.fromkeys(engine.state.workers.workers, NOTHING)
    for lease in engine.state.jobs.leases.values():
        if not engine.state.jobs.is_queued(lease):
            held[lease.worker_id] = held[lease.worker_id].plus(engine.state.jobs.jobs[lease.job_id].terms.request)
    for worker_id, amount in sorted(held.items()):
        short = amount.short_of(engine.state.workers.workers[worker_id].capacity)
        if short:
            yield f"Worker {worker_id} holds more {' and '.join(short)} than it has."
    fresh = index_of(engine.policy, engine.state, engine.memory)
    if isinstance(fresh, PoolIndex) and isinstance(engine.index, PoolIndex):
        now_us = max(fresh.now_us, engine.index.now_us)
        fresh.wake(now_us)
        engine.index.wake(now_us)
    if isinstance(fresh, ClockIndex) and isinstance(engine.index, ClockIndex):
        fresh.recall(engine.index)
    if fresh.summary() != engine.index.summary():
        yield "The index that followed the events differs from one built of the state anew."
