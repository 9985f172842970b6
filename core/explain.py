"""Why a job waits: for each part of it that waits, the binding constraint in one sentence, naming who and what.

Constraints are looked at from the hardest to the softest, and the first that binds is the answer: prepared only,
waiting for other jobs, its time not come yet, no worker that could ever hold it, backing off, no worker, too little
life left, the domain's cap, no room, room kept for another job, and last the order of the policy.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from . import limits
from .decide.jobs import find_job
from .ids import JobId, WorkerId
from .offers import is_too_large, largest_offers
from .policy.base import Index
from .queries import NAMED_JOBS_MAX, job_state
from .record import record
from .resources import NOTHING, Resources, format_amount
from .shortage import lives_too_short, never_fits, no_room, nobody_works, worker_name
from .state import Job, State, Worker


class WaitReason(StrEnum):
    """What a part of a job waits for."""

    PREPARED = "prepared"
    DEPENDENCY = "dependency"
    BEGIN = "begin"
    BACK_OFF = "back_off"
    NO_WORKER = "no_worker"
    NEVER_FITS = "never_fits"
    LIFETIME = "lifetime"
    CAP = "cap"
    ROOM = "room"
    RESERVED = "reserved"
    ORDER = "order"


@record
class Waiting:
    """A part of a job that waits.

    Attributes:
        units: Number of units in the part.
        reason: What they wait for.
        sentence: The same for people.
        until_us: When it passes, where that is known; else None.
    """

    units: int
    reason: WaitReason
    sentence: str
    until_us: int | None = None


def explain(state: State, index: Index, job_id: int, at_us: int) -> tuple[Waiting, ...]:
    """Return the parts of a job that wait, with why; an empty tuple if nothing of it waits.

    Args:
        state: The state to explain.
        index: The policy's index of it, for who is ahead.
        job_id: The job.
        at_us: Now, in microseconds.

    Raises:
        Refused: If there is no such job.
    """
    job = find_job(state, job_id)
    if job.held:
        return (_held(state, job, at_us),)
    if job.pending_count and (too_small := _too_small(state, job)):
        return (Waiting(job.pending_count, WaitReason.NEVER_FITS, never_fits(state, job.terms.request, too_small)),)
    parts = []
    ready, woken_us = job.terms.count - job.next_index, index.next_wake_us()
    is_queued = ready > 0
    for run in job.requeued:
        if run.not_before_us <= at_us:
            ready += run.count
            is_queued |= woken_us is None or run.not_before_us < woken_us
            continue
        times = "once" if run.failures == 1 else f"{run.failures} times"
        sentence = (
            f"{_units(run.count)} failed {times} and {'waits' if run.count == 1 else 'wait'} out the back-off before "
            f"the next try, for {_span(run.not_before_us - at_us)} more."
        )
        parts.append(Waiting(run.count, WaitReason.BACK_OFF, sentence, run.not_before_us))
    if ready:
        parts.insert(0, _ready_part(state, index.ahead_of if is_queued else _not_queued_yet, job, ready, at_us))
    return tuple(parts)


def _not_queued_yet(_: JobId) -> str:
    """Return what is said of the order where time alone has passed: only a pass queues again what backed off."""
    return "Its back-off is over, so the next pass looks at it again."


def _held(state: State, job: Job, at_us: int) -> Waiting:
    awaits = state.jobs.waiting.get(job.job_id)
    prepared = f"It is only prepared; start job {job.job_id} to let it run."
    if awaits is None:
        return Waiting(job.terms.count, WaitReason.PREPARED, prepared)
    begins = f"It begins in {_span(awaits.begin_us - at_us)} at the earliest." if awaits.begin_us > at_us else ""
    sentence = " ".join(filter(None, (_after(state, job), begins)))
    if awaits.prepared:
        return Waiting(job.terms.count, WaitReason.PREPARED, f"{prepared} {sentence}".strip())
    if awaits.parents:
        return Waiting(job.terms.count, WaitReason.DEPENDENCY, sentence)
    return Waiting(job.terms.count, WaitReason.BEGIN, sentence or "It begins now.", awaits.begin_us)


def _after(state: State, job: Job) -> str:
    """Return a sentence on the jobs that a job waits for, or nothing."""
    parents = [parent for job_id in job.terms.after if (parent := state.jobs.jobs.get(job_id)) is not None]
    named = [f"job {parent.job_id} ({job_state(state, parent)})" for parent in parents if parent.outcome is None]
    more = len(named) - NAMED_JOBS_MAX
    others = f" and {more} more" if more > 0 else ""
    return f"It runs after {', '.join(named[:NAMED_JOBS_MAX])}{others}." if named else ""


def _ready_part(state: State, ahead_of: Callable[[JobId], str], job: Job, ready: int, at_us: int) -> Waiting:
    """Return why units wait that may run as far as it is up to their job; ``ahead_of`` says who is ahead of it."""
    open_, request = _open(state), job.terms.request
    if not open_:
        return Waiting(ready, WaitReason.NO_WORKER, nobody_works(state))
    workers = _allowed(state, job)
    if not workers:
        who = (
            "only worker that takes work now is" if len(open_) == 1 else f"{len(open_)} workers that take work now are"
        )
        return Waiting(ready, WaitReason.NO_WORKER, f"The {who} for their owners' work alone; start one that is not.")
    large = [worker for worker in workers if request.fits(worker.capacity)]
    wanted_us = job.terms.time_request_us
    lasting = [worker for worker in large if _outlives(worker, wanted_us, at_us)]
    if wanted_us is not None and not lasting:
        return Waiting(ready, WaitReason.LIFETIME, lives_too_short(wanted_us, large, at_us))
    capped = _capped(state, job)
    if capped is not None:
        return Waiting(ready, WaitReason.CAP, capped)
    free = _free(state)
    fitting = [worker for worker in lasting if request.fits(free[worker.worker_id])]
    ahead = ahead_of(job.job_id)
    if not fitting:
        full = no_room(request, lasting, free)
        kept_free = next((worker for worker in lasting if worker.reserved_for == job.job_id), None)
        if kept_free is None:
            return Waiting(ready, WaitReason.ROOM, f"{full} {ahead}")
        sentence = f"{full} {_named_first(kept_free)} is being emptied for it. {ahead}"
        return Waiting(ready, WaitReason.ROOM, sentence, kept_free.shadow_us)
    kept = [worker for worker in fitting if worker.reserved_for not in (None, job.job_id)]
    if len(kept) == len(fitting):
        worker = kept[0]
        sentence = (
            f"{_named_first(worker)} has room, but is being emptied for job {worker.reserved_for}, so nothing starts "
            f"there that does not end in time. {ahead}"
        )
        return Waiting(ready, WaitReason.RESERVED, sentence, worker.shadow_us)
    return Waiting(
        ready, WaitReason.ORDER, f"There is room on {worker_name(fitting[0])}, so only the order counts. {ahead}"
    )


def _open(state: State) -> list[Worker]:
    """Return the workers that take work now, by id."""
    return [worker for _, worker in sorted(state.workers.workers.items()) if worker.is_leasable]


def _allowed(state: State, job: Job) -> list[Worker]:
    """Return those that take work of the job's domain."""
    within = state.domains.is_within
    return [worker for worker in _open(state) if not worker.restricted or within(job.terms.domain_id, worker.owner)]


def _too_small(state: State, job: Job) -> list[Worker]:
    """Return the workers that take work of the job's domain if none of them could ever hold a unit, else none."""
    return _allowed(state, job) if is_too_large(state, job, largest_offers(state)) else []


def _outlives(worker: Worker, wanted_us: int | None, at_us: int) -> bool:
    """Whether a worker lives as long as a unit asks for; one that asks for nothing is given to any."""
    return worker.until_us is None or wanted_us is None or at_us + wanted_us <= worker.until_us


def _capped(state: State, job: Job) -> str | None:
    """Return a sentence on the first cap that keeps a job back, of its domain and those that it is in, or None."""
    domains, mine = state.domains, job.terms.domain_id
    for who in (mine, *domains.path(mine)):
        domain = domains.domains[who]
        if domain.cap is None:
            continue
        held = NOTHING
        for lease in state.jobs.leases.values():
            terms = state.jobs.jobs[lease.job_id].terms
            if domains.is_within(terms.domain_id, who):
                held = held.plus(terms.request)
        request = job.terms.request
        above = request.short_of(domain.cap)
        if above:
            needs, most = (format_amount(above[0], it.amount(above[0])) for it in (request, domain.cap))
            return (
                f"A unit needs {needs}, but the cap of domain {domain.name!r} allows no more than {most} in all; "
                "ask for less, or for a higher cap."
            )
        short = request.short_of(domain.cap.minus(held))
        if short:
            holds, most = (format_amount(short[0], it.amount(short[0])) for it in (held, domain.cap))
            return (
                f"Domain {domain.name!r} holds {holds} of the {most} that its cap allows; "
                "it goes on when some of that ends, or with a higher cap."
            )
    return None


def _free(state: State) -> dict[WorkerId, Resources]:
    free = {worker_id: worker.capacity for worker_id, worker in state.workers.workers.items()}
    for lease in state.jobs.leases.values():
        if not state.jobs.is_queued(lease):
            request = state.jobs.jobs[lease.job_id].terms.request
            free[lease.worker_id] = free[lease.worker_id].minus(request)
    return free


def _named_first(worker: Worker) -> str:
    """Return what to call a worker at the beginning of a sentence."""
    name = worker_name(worker)
    return name[0].upper() + name[1:]


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count} units"


def _span(time_us: int) -> str:
    """Return a time in the largest two units that say something: ``2 d 3 h``, ``45 s``."""
    seconds = -(-time_us // limits.SECOND_US)
    parts = [(seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    first = next(at for at, (amount, _) in enumerate(parts) if amount)
    return " ".join(f"{amount} {unit}" for amount, unit in parts[first : first + 2] if amount)
