"""How good forecasts of starts are: a trace is replayed, and at sampled instants every start that waits is foreseen.

A forecast goes by the estimates of the trace and knows nothing of later submits; the replay goes on and shows what
happened. Errors are foreseen less real starts: a negative bias says that forecasts are too early.
Run as ``python benchmarks/forecast.py TRACE --procs 100 --policy fcfs --clairvoyant``.
"""

from __future__ import annotations

import argparse
import json
import time
from array import array

from meted.core.forecast import forecast
from meted.simulations.policies.registry import make_policy, policy_names
from meted.simulations.replay import Replay
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.trace import Trace, read_trace
from meted.simulations.traces.trace_rules import TraceOptions

SAMPLES = 100
CLOSE_US = 600_000_000
"""A forecast is close when it is wrong by no more than this: ten minutes."""

Figures = dict[str, float | int | str | bool | None]


class Sampler:
    """Keeps what was foreseen of each job until it starts.

    Attributes:
        errors_us: Foreseen less real start, of each forecast of a start.
        waits_us: How long that start really was away.
        unforeseen: Jobs that waited at an instant, and that the forecast did not reach.
    """

    def __init__(self) -> None:
        self.errors_us = array("q")
        self.waits_us = array("q")
        self.unforeseen = 0
        self._numbers: dict[int, int] = {}  # by identity: numbers of a trace may repeat; the core counts from 1
        self._foreseen: dict[int, list[tuple[int, int]]] = {}
        self._submitted = 0

    def submitted(self, job: TraceJob) -> None:
        """A job was submitted."""
        self._submitted += 1
        self._numbers[id(job)] = self._submitted

    def started(self, job: TraceJob, at_us: int) -> None:
        """A job started: see how good all forecasts of it were."""
        for asked_us, start_us in self._foreseen.pop(self._numbers.pop(id(job)), ()):
            self.errors_us.append(start_us - at_us)
            self.waits_us.append(at_us - asked_us)

    def ended(self, job: TraceJob, at_us: int) -> None:
        """A job ended."""

    def look(self, replay: Replay, policy: str) -> None:
        """Foresee the start of everything that waits now."""
        found = forecast(replay.engine.state, make_policy(policy), replay.engine.now_us)
        for job in found.jobs:
            if job.first_us is None:
                self.unforeseen += 1
            else:
                self._foreseen.setdefault(job.job_id, []).append((found.at_us, job.first_us))


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="Measure how good forecasts of starts are on one trace.")
    parser.add_argument("trace", metavar="TRACE", help="a file in the Standard Workload Format")
    parser.add_argument("--policy", default="easy", choices=policy_names())
    parser.add_argument("--procs", metavar="N", type=int, help="processors, where the trace does not say")
    parser.add_argument("--first", metavar="N", type=int, help="only the first N records")
    parser.add_argument("--clairvoyant", action="store_true", help="the run time is the estimate")
    parser.add_argument("--samples", metavar="N", type=int, default=SAMPLES, help=f"instants (default {SAMPLES})")
    parser.add_argument("--json", metavar="FILE", help="write one JSON document to FILE; - is stdout, nothing else")
    return parser.parse_args()


def measure(trace: Trace, policy: str, samples: int) -> Figures:
    """Replay a trace and foresee starts at so many instants, spread evenly over its ends."""
    sampler = Sampler()
    replay = Replay(trace, make_policy(policy), observers=[sampler])
    took_s: list[float] = []
    while not replay.run(max(1, len(trace) // (samples + 1))):
        began_s = time.process_time()
        sampler.look(replay, policy)
        took_s.append(time.process_time() - began_s)
    amounts = sorted(map(abs, sampler.errors_us))
    count = len(amounts)

    def share(close_us: int) -> float:
        return round(sum(amount <= close_us for amount in amounts) / max(count, 1), 4)

    return {
        "trace": trace.name,
        "policy": policy,
        "clairvoyant": trace.options.clairvoyant,
        "jobs": len(trace),
        "instants": len(took_s),
        "forecasts": count,
        "unforeseen": sampler.unforeseen,
        "mean_wait_left_s": round(sum(sampler.waits_us) / max(count, 1) / 1e6, 1),
        "mean_abs_error_s": round(sum(amounts) / max(count, 1) / 1e6, 1),
        "p50_error_s": round(amounts[(count - 1) // 2] / 1e6, 1) if amounts else None,
        "p95_error_s": round(amounts[-(-count * 95 // 100) - 1] / 1e6, 1) if amounts else None,
        "bias_s": round(sum(sampler.errors_us) / max(count, 1) / 1e6, 1),
        "exact": share(0),
        "within_10_min": share(CLOSE_US),
        "mean_cpu_ms": round(1000 * sum(took_s) / max(len(took_s), 1), 1),
        "max_cpu_ms": round(1000 * max(took_s, default=0), 1),
    }


def main() -> None:
    """Measure and print."""
    options = arguments()
    trace = read_trace(
        options.trace, TraceOptions(procs=options.procs, first=options.first, clairvoyant=options.clairvoyant)
    )
    found = measure(trace, options.policy, options.samples)
    document = json.dumps(found, indent=2)
    if options.json == "-":
        print(document)
        return
    for name, figure in found.items():
        print(f"{name:<18} {figure}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(document + "\n")


if __name__ == "__main__":
    main()
