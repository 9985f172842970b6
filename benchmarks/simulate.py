"""How fast ``meted simulate`` is: jobs per second of user CPU and peak memory of a whole process of its own.

The process parses, simulates and writes; the best of some runs counts, as whatever else the machine does only adds.
Run as ``python benchmarks/simulate.py TRACE --procs 100 --policy easy --event-order pyss``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

PROGRAM = ("-m", "meted.adapters.cli", "simulate")

RUNS = 3

Figures = dict[str, float | int | str]


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="Measure meted simulate on one trace.")
    parser.add_argument("trace", metavar="TRACE", help="a file in the Standard Workload Format")
    parser.add_argument("--policy", default="easy")
    parser.add_argument("--event-order", default="instant")
    parser.add_argument("--procs", metavar="N", help="processors of the machine, where the trace does not say")
    parser.add_argument("--first", metavar="N", help="only the first N records")
    parser.add_argument("--runs", metavar="N", type=int, default=RUNS, help=f"the best counts (default {RUNS})")
    parser.add_argument("--json", metavar="FILE", help="write one JSON document to FILE; - is stdout, nothing else")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> Figures:
    """Simulate once in a process of its own; return its speed, its peak memory and what it computed."""
    words = [options.trace, "--policy", options.policy, "--event-order", options.event_order, "--json", "-"]
    for name in ("procs", "first"):
        if getattr(options, name):
            words += [f"--{name}", getattr(options, name)]
    with subprocess.Popen([sys.executable, *PROGRAM, *words], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        document = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(process.returncode)
    found = json.loads(document)
    return {
        "trace": found["trace"],
        "policy": found["policy"],
        "event_order": found["event_order"],
        "jobs": found["jobs"],
        "jobs_per_s": round(found["jobs_per_s"]),
        "user_cpu_s": round(found["cpu_s"], 3),
        "rss_mib": round(usage.ru_maxrss / 1024, 1),
        "mean_wait_s": round(found["mean_wait_s"], 2),
        "mean_bounded_slowdown": round(found["mean_bounded_slowdown"], 4),
    }


def main() -> None:
    """Measure and tell."""
    options = arguments()
    runs = [measure(options) for _ in range(max(1, options.runs))]
    best = max(runs, key=lambda run: run["jobs_per_s"])
    best["machine"] = f"{platform.machine()}, {os.cpu_count()} cpus, CPython {platform.python_version()}"
    if options.json is None:
        for name, value in best.items():
            print(f"{name:<24}{value if isinstance(value, str) else format(value, ',')}")
    elif options.json == "-":
        print(json.dumps(best, indent=1))
    else:
        Path(options.json).write_text(json.dumps(best, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
