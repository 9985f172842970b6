"""What is true of every state between two commands, and of every engine: asked at the end of every test.

The reducers keep counters and sums beside the tables so that nothing has to be counted twice; here everything is
counted again. That costs time in proportion to the state, so a server does not do it at every command.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from .credit.invariants import wrong_credit
from .domains.invariants import wrong_domains
from .engine import Engine
from .fairness_invariants import wrong_accounts, wrong_sellers, wrong_starts
from .ids import JobId
from .limits import CALLS_KEPT_MAX, JOB_WORKERS_MAX
from .policy.clock import ClockIndex
from .policy.memory import index_of
from .policy.pool import PoolIndex
from .reducers import fold
from .resources import NOTHING
from .spans import spans_of
from .spec import spec_digest
from .state import CANCELLED, DEPENDENCY, FAILED, SUCCEEDED, Job, Jobs, Lease, State, Worker


class InvariantError(AssertionError):
    """Something that should always be true is not; the text says what."""


def check(state: State) -> None:
    """Check all that holds of a state between two commands.

    Raises:
        InvariantError: With a sentence, at the first thing that is wrong.
    """
    leases: defaultdict[JobId, list[Lease]] = defaultdict(list)
    for lease in state.jobs.leases.values():
        leases[lease.job_id].append(lease)
    wrong: list[Callable[[], Iterable[str]]] = [
        lambda: _wrong_numbers(state),
        lambda: _wrong_leases(state),
        lambda: _wrong_queues(state),
        lambda: (text for job in state.jobs.jobs.values() for text in _wrong_units(job, leases[job.job_id])),
        lambda: (text for job in state.jobs.jobs.values() for text in _wrong_job(job, state.at_us)),
        lambda: _wrong_dependants(state),
        lambda: _wrong_loaded(state.jobs),
        lambda: wrong_accounts(state),
        lambda: wrong_sellers(state),
        lambda: wrong_starts(state),
        lambda: _wrong_specs(state),
        lambda: _wrong_workers(state),
        lambda: wrong_domains(state),
        lambda: _wrong_calls(state),
        lambda: wrong_credit(state),
    ]
    for find in wrong:
        _raise_first(find())


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


def _wrong_leases(state: State) -> Iterator[str]:
    for lease_id, lease in state.jobs.leases.items():
        name = f"Lease {lease_id}"
        if lease.lease_id != lease_id:
            yield f"{name} is filed under another id than its own, {lease.lease_id}."
        if lease.job_id not in state.jobs.jobs:
            yield f"{name} is of job {lease.job_id}, which is not there."
        if lease.worker_id not in state.workers.workers:
            yield f"{name} is held by worker {lease.worker_id}, which is not there."
        if lease.back >> lease.count:
            yield f"{name} has units back beyond its {lease.count}."
        if lease.left != lease.count - lease.back.bit_count() or lease.left < 1:
            yield f"{name} of {lease.count} units says that {lease.left} are left, with {lease.back.bit_count()} back."
        if min(lease.attempt, lease.estimate_us, lease.size) < 1 or min(lease.failures, lease.losses) < 0:
            yield f"{name} has an attempt, estimate, size or history that cannot be."
        if lease.failures + lease.losses >= lease.attempt:
            yield f"{name} is attempt {lease.attempt} after {lease.failures} failures and {lease.losses} losses."
        if lease.leased_us > state.at_us:
            yield f"{name} was given in the future."


def _wrong_queues(state: State) -> Iterator[str]:
    """Yield what is wrong with prefetched leases: each waits behind one that runs and is as large, one behind each."""
    leases, jobs, workers = state.jobs.leases, state.jobs.jobs, state.workers.workers
    queued = [lease for lease in leases.values() if state.jobs.is_queued(lease)]
    for lease in queued:
        name, ahead = f"Lease {lease.lease_id}", leases[lease.behind]
        if ahead.lease_id >= lease.lease_id or ahead.worker_id != lease.worker_id or state.jobs.is_queued(ahead):
            yield f"{name} waits behind lease {ahead.lease_id}, which is younger, elsewhere or waits as well."
        elif jobs[ahead.job_id].terms.request != jobs[lease.job_id].terms.request:
            yield f"{name} waits behind lease {ahead.lease_id}, whose place does not fit it."
        if not workers[lease.worker_id].prefetch:
            yield f"{name} waits on worker {lease.worker_id}, which takes nothing in advance."
    if len({lease.behind for lease in queued}) != len(queued):
        yield "Two leases wait behind one."


def _wrong_units(job: Job, leases: list[Lease]) -> Iterator[str]:
    """Yield what is wrong with the partition of a job's units: each is in one place, and all are somewhere."""
    places: list[tuple[int, int, str]] = [(run.first, run.count, "waiting to be tried again") for run in job.requeued]
    for lease in leases:
        out = ~lease.back & ((1 << lease.count) - 1)
        places += ((first, count, f"out with lease {lease.lease_id}") for first, count in spans_of(lease.first, out))
    for name, members in ((SUCCEEDED, job.succeeded), (FAILED, job.failed), (CANCELLED, job.cancelled)):
        places += ((first, count, name) for first, count in members.spans())
    at, before = 0, "nowhere"
    for first, count, place in sorted(places):
        if first < at:
            yield f"Unit {first} of job {job.job_id} is {place} and {before}."
        if first > at:
            yield f"Unit {at} of job {job.job_id} is nowhere."
        at, before = first + count, place
    if at != job.next_index or at > job.terms.count:
        yield f"Job {job.job_id} of {job.terms.count} units has {at} somewhere, and counts {job.next_index} as given."
    out = sum(lease.left for lease in leases)
    if job.out != out:
        yield f"Job {job.job_id} counts {job.out} units as out, but its leases have {out}."
    if job.pending_count + job.out + job.ended_count != job.terms.count:
        yield f"The units of job {job.job_id} that wait, are out and have ended are not {job.terms.count} together."


def _wrong_job(job: Job, at_us: int) -> Iterator[str]:
    name = f"Job {job.job_id}"
    if [run.first for run in job.requeued] != sorted(run.first for run in job.requeued):
        yield f"The runs of {name} that came back are not in order."
    if any(run.count < 1 or run.failures + run.losses > run.attempt for run in job.requeued):
        yield f"{name} has a run that came back with a count or history that cannot be."
    if job.held and (job.next_index or job.requeued or job.stopped):
        yield f"{name} is held, but units of it were given or it was stopped."
    if job.stopped is not None and job.pending_count:
        yield f"{name} was stopped, but {job.pending_count} of its units still wait."
    most = job.terms.max_failures
    if most is not None and job.failed.count > most and job.stopped is None:
        yield f"{name} goes on although {job.failed.count} units failed and {most} may."
    if (job.ended_us is None) != (job.outcome is None):
        yield f"{name} has an end without an outcome, or an outcome without an end."
    if (job.outcome is not None) != (job.ended_count == job.terms.count):
        yield f"{name} has outcome {job.outcome}, but {job.ended_count} of {job.terms.count} units have ended."
    if job.outcome is not None and job.outcome != _outcome(job):
        yield f"{name} has outcome {job.outcome}, but it should be {_outcome(job)}."
    if not 0 <= job.submitted_us <= (at_us if job.ended_us is None else job.ended_us) <= at_us:
        yield f"{name} was submitted or ended in the future, or ended before it was submitted."
    if any(run.attempt > job.attempts for run in job.requeued):
        yield f"{name} has units that were tried more often than any of it."
    if job.measured_us < 0 or job.measured_count < job.succeeded.count:
        yield f"{name} counts {job.measured_count} run times, but {job.succeeded.count} units succeeded."


def _outcome(job: Job) -> str:
    if job.stopped in (CANCELLED, DEPENDENCY):
        return CANCELLED
    if job.failed or job.stopped is not None:
        return FAILED
    return CANCELLED if job.cancelled else SUCCEEDED


def _wrong_loaded(jobs: Jobs) -> Iterator[str]:
    for job_id, workers in jobs.loaded.items():
        if job_id not in jobs.jobs or jobs.jobs[job_id].ended_us is not None:
            yield f"Job {job_id} is not there or has ended, and workers are remembered to have it loaded."
        if not 0 < len(set(workers)) == len(workers) <= JOB_WORKERS_MAX:
            yield f"Of job {job_id} no worker is remembered, or one twice, or more than {JOB_WORKERS_MAX}."


def _wrong_dependants(state: State) -> Iterator[str]:
    jobs, dependants = state.jobs.jobs, state.jobs.dependants
    for job_id, awaits in state.jobs.waiting.items():
        if job_id not in jobs or not jobs[job_id].held:
            yield f"Job {job_id} waits for others or its time, but is not there or not held."
            continue
        parents = [parent for parent in jobs[job_id].terms.after if parent in jobs and jobs[parent].outcome is None]
        if awaits.parents != len(parents):
            yield f"Job {job_id} waits for {awaits.parents} others, but should for {len(parents)}."
        if not awaits.parents and not awaits.begin_us:
            yield f"Job {job_id} waits neither for others nor for its time."
        if not all(parent in dependants and job_id in dependants[parent] for parent in parents):
            yield f"Job {job_id} would not be told when a job ends that it waits for."
    for job_id in dependants:
        if job_id not in jobs or jobs[job_id].outcome is not None:
            yield f"There are jobs that wait for job {job_id}, which has ended or is not there."


def _wrong_specs(state: State) -> Iterator[str]:
    uses = Counter(job.terms.spec_digest for job in state.jobs.jobs.values())
    for digest in sorted(uses.keys() | set(state.jobs.specs)):
        spec = state.jobs.specs.get(digest)
        if spec is None:
            yield f"The spec {digest.hex()} is used and not kept."
        elif spec.jobs != uses[digest]:
            yield f"The spec {digest.hex()} counts {spec.jobs} jobs, but {uses[digest]} use it."
        elif spec_digest(spec.body) != digest:
            yield f"The spec {digest.hex()} is kept under another digest than its own."


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
