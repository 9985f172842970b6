"""The engine alone: decide, fold, index, codec and batch hashing, no log and no socket.

``units``: units per second of process CPU, in runs of 1 and of 16, from lease to accepted report, the cyclic garbage
collector on. Each batch has one pass and the reports of what the batch before had leased, as in a server.

``pass``: the time of one pass (choice, decision, folding, index; at most the default number of decisions) with many
pending jobs in many domains, where everything fits and where no head fits.
"""

from __future__ import annotations

import time

from harness import Row, arguments, percentile, show

from meted.core.commands import Command, CreateDomain, FinishUnits, JoinWorker, SubmitJob
from meted.core.effects import RunUnits
from meted.core.engine import Engine
from meted.core.ids import WorkerId
from meted.core.limits import RUN_QUANTUM_US
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources

START_US = 1_700_000_000_000_000


def pool(policy: str, domains: int, workers: int, cpus: int) -> Engine:
    """Return an engine with domains of different shares, and workers."""
    engine = Engine(POLICIES[policy]())
    for number in range(domains):
        engine.handle(CreateDomain(START_US, f"d{number}", share=1 + number % 7))
    for number in range(workers):
        engine.handle(JoinWorker(START_US, f"w{number}", Resources(cpus * 1000)))
    return engine


def units(policy: str, count: int, run: int) -> Row:
    """Lease and finish ``count`` units of 1,000 jobs in 100 domains on 50 workers of 16 cpus, in runs of ``run``."""
    engine = pool(policy, 100, 50, 16)
    took_us = RUN_QUANTUM_US // run
    for number in range(1000):
        engine.handle(
            SubmitJob(START_US, f"d{number % 100}", count=count // 1000, time_request_us=took_us, user=f"u{number}")
        )
    at_us, done, events = START_US, 0, 0
    reports: list[Command] = []
    began = time.process_time()
    while done < count:
        at_us += 1_000
        for report in reports:
            engine.handle(report)
        engine.run_pass(at_us)
        sealed = engine.seal()
        assert sealed is not None
        events += len(sealed.events)
        reports = []
        for effect in engine.publish(sealed):
            if isinstance(effect, RunUnits):
                spans = ((effect.first, effect.count),)
                times = (took_us,) * effect.count
                reports.append(FinishUnits(at_us, effect.worker_id, effect.lease_id, spans, times))
                done += effect.count
    for report in reports:
        engine.handle(report)
    engine.seal()
    seconds = time.process_time() - began
    return {
        "policy": policy,
        "units_a_run": run,
        "units": done,
        "events": events,
        "units_per_s": round(done / seconds),
        "us_per_unit": round(seconds / done * 1e6, 2),
    }


def passes(jobs: int, domains: int, *, fits: bool) -> Row:
    """Time passes of the default policy over ``jobs`` pending jobs in ``domains`` domains."""
    engine = pool("meted", domains, 50, 16)
    wide = Resources(1000 if fits else 16_000)
    if not fits:  # a long unit on each worker leaves no room for units that want a whole one
        engine.handle(SubmitJob(START_US, "d0", count=50, request=Resources(9_000), time_request_us=10**12))
        engine.run_pass(START_US)
    for number in range(jobs):
        engine.handle(SubmitJob(START_US, f"d{number % domains}", request=wide, time_request_us=RUN_QUANTUM_US))
    engine.seal()
    times_ms: list[float] = []
    at_us = START_US
    for _ in range(300):
        at_us += 1_000
        began = time.perf_counter()
        engine.run_pass(at_us)
        times_ms.append((time.perf_counter() - began) * 1e3)
        sealed = engine.seal()
        if sealed is not None:
            for event in list(engine.state.jobs.leases.values()) if fits else []:
                spans = ((event.first, event.count),)
                engine.handle(FinishUnits(at_us, WorkerId(event.worker_id), event.lease_id, spans, (RUN_QUANTUM_US,)))
        elif fits:
            break
        else:  # something changed: look again
            engine.handle(SubmitJob(at_us, "d0", request=wide, time_request_us=RUN_QUANTUM_US))
    return {
        "pending_jobs": jobs,
        "domains": domains,
        "heads": "fit" if fits else "do not fit",
        "passes": len(times_ms),
        "p50_ms": round(percentile(times_ms, 50), 3),
        "p99_ms": round(percentile(times_ms, 99), 3),
    }


def main() -> None:
    """Run what is asked for and print it."""
    parser = arguments(__doc__ or "")
    parser.add_argument("what", nargs="?", choices=("units", "pass"), default="units")
    parser.add_argument("--units", type=int, default=100_000)
    options = parser.parse_args()
    if options.what == "units":
        cases = (("meted", 1), ("meted", 16), ("fcfs", 1))
        rows = [units(policy, options.units * (10 if run > 1 else 1), run) for policy, run in cases]
    else:
        sizes = ((1_000, 10), (10_000, 100), (100_000, 1_000), (100_000, 10_000))
        rows = [passes(jobs, domains, fits=fits) for fits in (True, False) for jobs, domains in sizes]
    show(f"engine {options.what}", rows, options.json)


if __name__ == "__main__":
    main()
