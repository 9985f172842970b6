"""What must be true of a world that has come to its end: the log on one side, what was seen on the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from meted.adapters.executors.ends import killed_unstarted
from meted.adapters.log import Log
from meted.adapters.unit_records import unit_records

from .acknowledged import wrong_calls
from .history import FINISHED, LOST, RETURNED, History
from .options import Options
from .statements import wrong_pages
from .witness import Execution, Witness

ENDED_STATES = ("succeeded", "failed")


def check_history(history: History, log: Log, witness: Witness, options: Options) -> Iterator[str]:
    """Yield everything that is wrong, one sentence each."""
    yield from history.wrong
    yield from _wrong_executions(history, witness)
    yield from _wrong_repetitions(history, witness)
    yield from _wrong_acceptances(history, witness)
    yield from _wrong_successes(history, log, witness)
    yield from _wrong_records(history, log)
    yield from wrong_calls(history, witness)
    yield from history.books.wrong
    yield from history.estates.wrong
    yield from history.books.wrong_statements(log)
    yield from wrong_pages(history.books, witness)
    if options.loses_no_worker:
        yield from (f"Worker {one} was lost ({reason}) without a cause." for one, reason in history.lost.items())


def _wrong_executions(history: History, witness: Witness) -> Iterator[str]:
    """Everything that ran was leased to whoever ran it, and what was given back as not started was not started."""
    for (lease_id, index), execution in witness.executions.items():
        name = f"Unit {index} of job {execution.job_id} under lease {lease_id}"
        lease = history.leases.get(lease_id)
        if lease is None:
            yield f"{name} ran, but there is no such lease in the log."
            continue
        if (lease.job_id, lease.attempt) != (execution.job_id, execution.attempt):
            yield f"{name} ran as attempt {execution.attempt}, but the lease is {lease}."
        if witness.workers.get(lease.worker_id) != (execution.node, execution.life):
            yield f"{name} ran on {execution.node}, but the lease was given to worker {lease.worker_id}."
        how = history.ends.get((lease_id, index))
        if how is None:
            yield f"{name} ran and was never settled."
        elif how == RETURNED:
            yield f"{name} ran on {execution.node} and was given back as not started."


def _wrong_repetitions(history: History, witness: Witness) -> Iterator[str]:
    """A unit runs again only after it has ended, or after its worker counts as lost."""
    tries: dict[tuple[int, int], list[Execution]] = {}
    for execution in witness.executions.values():
        tries.setdefault((execution.job_id, execution.index), []).append(execution)
    for (job_id, index), found in tries.items():
        for first, second in pairwise(found):
            if history.worker_of(first.lease_id) in history.lost:
                continue
            if first.end_us is None or second.start_us < first.end_us:
                yield f"Unit {index} of job {job_id} ran twice at once, on {first.node} and {second.node}."
            if history.ends.get((first.lease_id, index)) != FINISHED:
                yield f"Unit {index} of job {job_id} ran again although its worker {first.node} was never lost."
    for (lease_id, index), how in history.ends.items():
        if how == LOST and history.worker_of(lease_id) not in history.lost:
            yield f"Unit {index} of lease {lease_id} was lost with a worker that is not."


def _wrong_acceptances(history: History, witness: Witness) -> Iterator[str]:
    """What counts as finished has run to that very end, on that lease, or was killed before it could."""
    for (lease_id, index), code in history.exits.items():
        execution = witness.executions.get((lease_id, index))
        if execution is None and code == killed_unstarted().exit_code:
            continue
        if execution is None or execution.exit_code != code:
            ran = None if execution is None else execution.exit_code
            yield f"Unit {index} of lease {lease_id} was taken as exit {code}, but it was {ran}."


def _wrong_successes(history: History, log: Log, witness: Witness) -> Iterator[str]:
    """Each unit that succeeded did so once, and its result is that of the try which did."""
    successes: dict[tuple[int, int], list[int]] = {}
    for (lease_id, index), code in history.exits.items():
        if code == 0:
            successes.setdefault((history.leases[lease_id].job_id, index), []).append(lease_id)
    counted: Counter[int] = Counter(job_id for job_id, _ in successes)
    for (job_id, index), lease_ids in successes.items():
        if len(lease_ids) != 1:
            yield f"Unit {index} of job {job_id} succeeded under each of the leases {lease_ids}."
        execution = witness.executions.get((lease_ids[0], index))
        if job_id in history.state.jobs.jobs and execution is not None:
            kept = log.result(job_id, index)
            if (None if kept is None else kept.body) != execution.result:
                yield f"The result of unit {index} of job {job_id} is {kept}, but it was {execution.result!r}."
    for job_id, job in sorted(history.state.jobs.jobs.items()):
        if job.succeeded.count != counted[job_id]:
            yield f"Job {job_id} counts {job.succeeded.count} successes, but {counted[job_id]} were accepted."


def _wrong_records(history: History, log: Log) -> Iterator[str]:
    """The record of each unit that ran to its end is that of its last try."""
    last: dict[tuple[int, int], int] = {}
    for lease_id, index in history.exits:
        job_id = history.leases[lease_id].job_id
        last[job_id, index] = max(lease_id, last.get((job_id, index), 0))
    for job_id in sorted(history.state.jobs.jobs):
        for record in unit_records(log, history.state, job_id):
            lease_id = last.get((job_id, record["unit"]), 0)
            if lease_id and record["state"] in ENDED_STATES:
                lease = history.leases[lease_id]
                expected = (history.exits[lease_id, record["unit"]], lease.attempt, lease.worker_id)
                found = (record["exit"], record["attempt"], record["worker"])
                if found != expected:
                    yield f"The record of unit {record['unit']} of job {job_id} is {record}, and not {expected}."
