"""How fast ``meted simulate`` is: jobs per second of user CPU and peak memory of a whole process of its own.

The process parses, simulates and writes; the best of some runs counts, as whatever else the machine does only adds.
Its modules are compiled once, by the first run, as those of an installed program are, also where the environment asks
Python to write no bytecode.
Run as ``python benchmarks/simulate.py TRACE --procs 100 --policy fcfs --policy easy``. With ``--accasim PYTHON``
AccaSim goes over the same trace after that, in the interpreter that has it, and the ratio of the two is told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

import against_accasim
from harness import machine, show

PROGRAM = ("-m", "meted.adapters.cli", "simulate")

RUNS = 3

TARGETS = {
    ("KTH-SP2", "fcfs"): (20_000, 40_000),
    ("KTH-SP2", "easy"): (20_000, 30_000),
    ("LCG-2005", "meted"): (20_000, 20_000),
}
"""Jobs per second that are wanted at least, and hoped for, by how the name of the trace begins and the policy."""

Figures = dict[str, float | int | str]


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="Measure meted simulate on one trace.")
    parser.add_argument("trace", metavar="TRACE", help="a file in the Standard Workload Format")
    parser.add_argument("--policy", action="append", help="may be repeated (default easy)")
    parser.add_argument("--event-order", default="instant")
    parser.add_argument(
        "--procs", metavar="N", type=int, help="processors of the machine, where the trace does not say"
    )
    parser.add_argument("--first", metavar="N", type=int, help="only the first N records")
    parser.add_argument("--clairvoyant", action="store_true", help="take run times as estimates")
    parser.add_argument("--runs", metavar="N", type=int, default=RUNS, help=f"the best counts (default {RUNS})")
    parser.add_argument(
        "--accasim", metavar="PYTHON", nargs="?", const=sys.executable, help="compare with AccaSim (default: here)"
    )
    parser.add_argument("--json", metavar="FILE", help="write one JSON document to FILE; - is stdout, nothing else")
    return parser.parse_args()


def measure(options: argparse.Namespace, policy: str, bytecode: str) -> Figures:
    """Simulate once in a process of its own; return its speed, its peak memory and what it computed.

    Args:
        options: Those of the command line.
        policy: Under which policy.
        bytecode: The folder where compiled modules are kept from run to run.
    """
    words = [options.trace, "--policy", policy, "--event-order", options.event_order, "--json", "-"]
    for name in ("procs", "first"):
        if getattr(options, name):
            words += [f"--{name}", str(getattr(options, name))]
    if options.clairvoyant:
        words.append("--clairvoyant")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
    with subprocess.Popen([sys.executable, *PROGRAM, *words], stdout=subprocess.PIPE, env=environment) as process:
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


def best_of(options: argparse.Namespace, policy: str) -> Figures:
    """Return the fastest of some runs, with what is wanted."""
    with tempfile.TemporaryDirectory() as bytecode:
        runs = [measure(options, policy, bytecode) for _ in range(max(1, options.runs))]
    best = max(runs, key=lambda run: run["jobs_per_s"])
    for (name, of), (least, hoped) in TARGETS.items():
        if str(best["trace"]).startswith(name) and policy == of:
            best |= {"target_jobs_per_s": least, "stretch_jobs_per_s": hoped}
    return best


def against(options: argparse.Namespace, found: list[Figures]) -> tuple[list[Figures], str | None]:
    """Return the same with AccaSim where it has the policy, each with the ratio; or a sentence why not."""
    if options.clairvoyant:
        return [], "AccaSim is skipped: it is not told to take run times as estimates."
    python = against_accasim.interpreter(options.accasim)
    if reason := against_accasim.why_not(python):
        return [], reason
    rows: list[Figures] = []
    for ours in found:
        policy = str(ours["policy"])
        if policy in against_accasim.POLICIES:
            row = against_accasim.measure(python, options.trace, options.procs, options.first, policy)
            if policy == "fcfs" and row["mean_wait_s"] != ours["mean_wait_s"]:
                sys.exit(f"The two are not comparable: mean wait {row['mean_wait_s']} and {ours['mean_wait_s']}.")
            row["meted_jobs_per_s"] = ours["jobs_per_s"]
            row["meted_times_as_fast"] = round(float(ours["jobs_per_s"]) / float(row["jobs_per_s"]), 1)
            row["meted_mean_wait_s"] = ours["mean_wait_s"]
            rows.append(row)
    return rows, None


def main() -> None:
    """Measure and tell."""
    options = arguments()
    found = [best_of(options, policy) for policy in dict.fromkeys(options.policy or ["easy"])]
    rivals, reason = against(options, found) if options.accasim else ([], None)
    if options.json is not None:
        document = {**found[0], "machine": machine(), "runs": found, "accasim": rivals, "accasim_skipped": reason}
        with open(1 if options.json == "-" else options.json, "w", encoding="utf-8", closefd=True) as file:
            file.write(json.dumps(document, indent=1) + "\n")
        return
    show("meted simulate", found, None)
    if rivals:
        print()
        show("AccaSim on the same trace", rivals, None)
    if reason is not None:
        print(f"\n{reason}")


if __name__ == "__main__":
    main()
