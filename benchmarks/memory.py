"""Memory of the engine with many pending units: each case in a process of its own, resident MiB at its end."""

from __future__ import annotations

import multiprocessing

from harness import Row, arguments, rss_mib, show

from meted.core.commands import CreateDomain, SubmitJob
from meted.core.engine import Engine
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources
from meted.core.spec import Spec

CASES = ((100, 10_000, 64, 120), (10_000, 1, 64, 120), (100_000, 1, 2_048, 300))
"""(jobs, units a job, bytes of each job's own spec, target in MiB)."""

BATCH_JOBS = 256
DOMAINS = 100


def case(jobs: int, units: int, spec_bytes: int, target_mib: int) -> Row:
    """Submit the jobs, each with a spec, name and user of its own, and return what the process holds."""
    engine = Engine(POLICIES["meted"]())
    for number in range(DOMAINS):
        engine.handle(CreateDomain(1, f"d{number}"))
    for number in range(jobs):
        argv = ("python", "run.py", f"--job={number}", "x" * (spec_bytes - 40))
        engine.handle(
            SubmitJob(
                1_700_000_000_000_000 + number,
                f"d{number % DOMAINS}",
                Spec(argv),
                count=units,
                user=f"user{number % 300}",
                name=f"job {number}",
                request=Resources(1000, 2**30),
                tags=(("project", f"p{number % 50}"),),
            )
        )
        if number % BATCH_JOBS == 0:
            _commit(engine)
    _commit(engine)
    engine.run_pass(1_800_000_000_000_000)
    return {
        "jobs": jobs,
        "units": jobs * units,
        "spec_bytes": spec_bytes,
        "rss_mib": rss_mib(),
        "target_mib": target_mib,
    }


def _commit(engine: Engine) -> None:
    sealed = engine.seal()
    if sealed is not None:
        engine.publish(sealed)


def main() -> None:
    """Run every case and print what it held."""
    options = arguments(__doc__ or "").parse_args()
    context = multiprocessing.get_context("spawn")
    rows = []
    for numbers in CASES:
        with context.Pool(1) as process:
            rows.append(process.apply(case, numbers))
    show("memory", rows, options.json)


if __name__ == "__main__":
    main()
