"""Traces made from lists of jobs, and the events of an oracle's schedule given to something that listens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from meted.simulations.results.metrics import Metrics
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.trace import Trace, read_trace
from meted.simulations.traces.trace_rules import TraceOptions

from .oracle import Job, simulate

END: Final = 0
SUBMIT: Final = 1
START: Final = 2


class Happening(NamedTuple):
    """What happened to the job at a place of a list; at one time ends come first, then submits, then starts."""

    at_us: int
    kind: Literal[0, 1, 2]
    job: int


def make_trace(folder: Path, jobs: Sequence[TraceJob], procs: int) -> Trace:
    """Return a trace of these jobs, whose times are whole seconds or fractions with six places."""
    path = folder / "made.swf"
    with path.open("w") as file:
        for job in jobs:
            submit, run, estimate = (
                f"{amount // 1_000_000}.{amount % 1_000_000:06d}"
                for amount in (job.submit_us, job.run_us, job.estimate_us)
            )
            rest = "-1 " * 6
            file.write(f"{job.job_id} {submit} -1 {run} {job.procs} -1 -1 -1 {estimate} -1 1 {job.user} {rest}\n")
    return read_trace(str(path), TraceOptions(procs=procs))


def schedule(trace: Trace, policy: str, event_order: str = "instant") -> tuple[list[TraceJob], list[int]]:
    """Return the jobs of a trace and when the oracle starts them."""
    jobs = list(trace)
    plain = [Job(job.job_id, job.submit_us, job.run_us, job.estimate_us, job.procs) for job in jobs]
    return jobs, simulate(plain, trace.procs, policy, event_order)


def happenings(jobs: Sequence[TraceJob], starts: Sequence[int]) -> Iterator[Happening]:
    """Yield what happened, in the order of time."""
    found: list[Happening] = []
    for index, (job, start) in enumerate(zip(jobs, starts, strict=True)):
        found.append(Happening(job.submit_us, SUBMIT, index))
        found.append(Happening(start, START, index))
        found.append(Happening(start + job.run_us, END, index))
    yield from sorted(found)


def measure(trace: Trace, policy: str, event_order: str = "instant") -> Metrics:
    """Return the metrics of an oracle's schedule of a trace."""
    jobs, starts = schedule(trace, policy, event_order)
    metrics = Metrics(trace)
    for at_us, kind, index in happenings(jobs, starts):
        if kind == END:
            metrics.ended(jobs[index], at_us)
        elif kind == SUBMIT:
            metrics.submitted(jobs[index])
        else:
            metrics.started(jobs[index], at_us)
    return metrics
