"""Forecasts against what happens: exact where nobody can jump the queue and estimates are true, on any trace."""

from __future__ import annotations

import runpy
from pathlib import Path
from random import Random

import pytest

from meted.simulations.traces.trace import Trace, read_trace
from meted.simulations.traces.trace_rules import TraceOptions

BENCHMARK = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks/forecast.py"))


def made_up(path: Path, seed: int, *, clairvoyant: bool) -> Trace:
    """Return a trace of 300 jobs that always has a queue."""
    random = Random(seed)
    lines, at_s = [], 0
    for number in range(1, 301):
        at_s += random.randint(0, 60)
        run_s = random.randint(1, 900)
        procs, estimate_s = random.randint(1, 8), run_s * random.randint(1, 4)
        lines.append(f"{number} {at_s} -1 {run_s} {procs} -1 -1 {procs} {estimate_s} -1 1 {number % 5} 1 -1 1 -1 -1 -1")
    file = path / f"{seed}.swf"
    file.write_text("; MaxProcs: 8\n" + "\n".join(lines) + "\n")
    return read_trace(str(file), TraceOptions(clairvoyant=clairvoyant))


def test_fcfs_with_true_estimates_is_exact(tmp_path: Path) -> None:
    for seed in range(3):
        found = BENCHMARK["measure"](made_up(tmp_path, seed, clairvoyant=True), "fcfs", 20)
        assert found["forecasts"] > 1_000
        assert (found["exact"], found["mean_abs_error_s"], found["unforeseen"]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("policy", "clairvoyant"), [("fcfs", False), ("easy", True), ("meted", True), ("meted", False)]
)
def test_others_are_not_and_the_figures_say_so(tmp_path: Path, policy: str, clairvoyant: bool) -> None:
    found = BENCHMARK["measure"](made_up(tmp_path, 1, clairvoyant=clairvoyant), policy, 20)
    assert found["unforeseen"] == 0
    assert found["exact"] < 1
    assert found["mean_abs_error_s"] > 0
    # Too late where estimates are too long, too early where others may come first.
    assert (found["bias_s"] > 0) == (not clairvoyant)


@pytest.mark.slow
def test_the_published_figures(shared_traces: Path) -> None:
    trace = read_trace(str(shared_traces / "swf/KTH-SP2-1996-sc15.swf.gz"), TraceOptions(procs=100, clairvoyant=True))
    fcfs = BENCHMARK["measure"](trace, "fcfs", 100)
    assert (fcfs["forecasts"], fcfs["exact"], fcfs["mean_abs_error_s"]) == (38_153, 1, 0)
    easy = BENCHMARK["measure"](trace, "easy", 100)
    assert (easy["forecasts"], easy["mean_abs_error_s"], easy["exact"]) == (1_109, 2_185.0, 0.7322)
