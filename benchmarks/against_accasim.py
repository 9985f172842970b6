"""The same trace through AccaSim 1.1.3 (PyPI), as one process that is measured as those of meted are.

AccaSim is no dependency: it runs in an interpreter that has it, the one that is named or else this one, and is skipped
with a sentence where there is none. Its machine is one node with all processors, which it is faster with than with many
nodes of one. Under first come, first served its waits have to be those of meted; that is checked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from meted.simulations.traces.trace import Trace, read_trace
from meted.simulations.traces.trace_rules import TraceOptions

POLICIES = ("fcfs", "easy")
"""What it has of what meted has. Its EASY goes by other rules: it does not protect the reservation."""

DRIVER = Path(__file__).with_name("accasim_driver.py")

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")

Figures = dict[str, float | int | str]


def interpreter(name: str) -> str:
    """Return the path of an interpreter that is named as on a command line; a link stays one, as of an environment."""
    return os.path.abspath(shutil.which(name) or name)


def why_not(python: str) -> str | None:
    """Return why AccaSim does not run in an interpreter, as a sentence; None where it does."""
    program = "import importlib.util as u, sys; sys.exit(u.find_spec('accasim') is None)"
    try:
        missing = subprocess.run([python, "-c", program], check=False).returncode
    except OSError as error:
        return f"AccaSim is skipped: {python} does not start ({error.strerror})."
    if missing:
        return f"AccaSim is skipped: {python} does not have it; name an interpreter that has with --accasim PYTHON."
    return None


def measure(python: str, path: str, procs: int | None, first: int | None, policy: str) -> Figures:
    """Simulate once in a process of its own; return its speed, its peak memory and its mean wait."""
    trace = read_trace(path, TraceOptions(procs=procs, first=first))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workload, system = folder / "workload.swf", folder / "system.json"
        workload.write_text("".join(_lines(trace)))
        system.write_text(json.dumps(_system(trace.procs)))
        out = folder / "results"
        command = [python, "-W", "ignore", str(DRIVER), str(workload), str(system), policy, str(out)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            said, complaint = process.stdout.read(), process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"AccaSim failed: {complaint.strip().splitlines()[-1:]}")
        waits = [wait for schedule in out.glob("sched-*") for wait in _waits_s(schedule)]
    if len(waits) != len(trace):
        sys.exit(f"AccaSim started {len(waits):,} of {len(trace):,} jobs.")
    return {
        "simulator": "AccaSim 1.1.3, Python " + said.split()[-1],
        "policy": policy,
        "jobs": len(waits),
        "jobs_per_s": round(len(waits) / usage.ru_utime),
        "user_cpu_s": round(usage.ru_utime, 3),
        "rss_mib": round(usage.ru_maxrss / 1024, 1),
        "mean_wait_s": round(sum(waits) / len(waits), 2),
    }


def _lines(trace: Trace) -> Iterator[str]:
    """Yield a trace as AccaSim reads it: whole seconds, a processor and a unit of memory for each processor."""
    for job in trace:
        submit, run, estimate = (time // 1_000_000 for time in (job.submit_us, job.run_us, job.estimate_us))
        yield (
            f"{job.job_id} {submit} -1 {run} {job.procs} -1 -1 {job.procs} {estimate} 1 1 {max(job.user, 0)} "
            "1 1 1 1 -1 -1\n"
        )


def _system(procs: int) -> dict[str, object]:
    return {
        "groups": {"all": {"core": procs, "mem": procs}},
        "resources": {"all": 1},
        "equivalence": {"processor": {"core": 1}},
        "start_time": 0,
    }


def _waits_s(schedule: Path) -> Iterator[float]:
    """Yield the waits of a schedule: of each line the second time less the first."""
    with schedule.open() as lines:
        for line in lines:
            queued, start = (datetime.fromisoformat(text) for text in _TIME.findall(line)[:2])
            yield (start - queued).total_seconds()
