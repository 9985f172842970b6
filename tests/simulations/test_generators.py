"""Made-up workloads: the same on every machine, as their models say, and whole or not there."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from meted.simulations.commands.generate import generate
from meted.simulations.commands.simulate import simulate
from meted.simulations.errors import SimulationError
from meted.simulations.generators.draws import Draws, Weighted
from meted.simulations.generators.exact_math import exp, log, power
from meted.simulations.generators.lublin import Lublin, day_weights
from meted.simulations.generators.registry import MODELS, find_model
from meted.simulations.generators.settings import Settings, SyntheticJob, check_settings
from meted.simulations.generators.users import split
from meted.simulations.generators.writer import command_of, lines_of, write_workload
from meted.simulations.traces.swf_header import MAX_HEADER_BYTES
from meted.simulations.traces.trace import read_trace
from meted.simulations.traces.trace_rules import TraceOptions

DIGESTS = {
    "lublin": "0abce6219b9c5000",
    "poisson": "8bf59d276eea1fa9",
    "bursty": "9ea734b263e19b4b",
    "pareto": "9fd2689bdd93ab12",
    "lognormal": "b13124339c8ac6db",
    "backlogged": "6aa424e23cd6ff20",
    "strategic": "a3da3aec585205c7",
    "lenders": "a31195f16c7b82ac",
}
"""sha256 of the first 500 jobs of seed 3, as on the machine where they were made first."""


@given(x=st.floats(1e-300, 1e300))
def test_logarithms(x: float) -> None:
    assert log(x) == pytest.approx(math.log(x), rel=4e-16, abs=4e-16)


@given(x=st.floats(-600, 600))
def test_exponentials(x: float) -> None:
    assert exp(x) == pytest.approx(math.exp(x), rel=4e-16)
    assert power(2.0, x) == pytest.approx(2.0**x, rel=1e-13)


N = 40_000


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda draws: draws.exponential(5.0), 5, 5),
        (lambda draws: draws.normal(), 0, 1),
        (lambda draws: draws.gamma(4.2, 0.94), 4.2 * 0.94, 0.94 * math.sqrt(4.2)),
        (lambda draws: draws.gamma(312.0, 0.03), 312 * 0.03, 0.03 * math.sqrt(312)),
        (lambda draws: draws.gamma(1.0, 2.0), 2, 2),
        (lambda draws: log(draws.lognormal(10.0, 0.7)), math.log(10), 0.7),
        (lambda draws: log(draws.pareto(3.0, 2.0)), math.log(3) + 0.5, 0.5),
        (lambda draws: float(draws.below(10)), 4.5, math.sqrt(8.25)),
        (lambda draws: float(Weighted([1, 2, 1]).draw(draws)), 1, math.sqrt(0.5)),
    ],
)
def test_variates_have_their_moments(draw: Callable[[Draws], float], mean: float, deviation: float) -> None:
    draws = Draws(1, "test")
    drawn = [draw(draws) for _ in range(N)]
    found = sum(drawn) / N
    assert found == pytest.approx(mean, abs=4 * deviation / math.sqrt(N))
    assert math.sqrt(sum((x - found) ** 2 for x in drawn) / N) == pytest.approx(deviation, rel=0.03)


def made(name: str, jobs: int = 500, **settings: object) -> list[SyntheticJob]:
    """Return the jobs of a model."""
    asked = Settings(jobs, **{"seed": 3, **settings})  # type: ignore[arg-type]
    check_settings(find_model(name), asked)
    return list(islice(find_model(name).jobs(asked), jobs))


@pytest.mark.parametrize("name", MODELS)
def test_the_same_bits_on_every_machine(name: str) -> None:
    text = "".join(lines_of(find_model(name), Settings(500, seed=3)))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == DIGESTS[name]


@pytest.mark.parametrize("name", MODELS)
def test_what_is_made_is_a_trace_without_fault(name: str, tmp_path: Path) -> None:
    path = tmp_path / "made.swf.gz"
    write_workload(str(path), find_model(name), Settings(2_500, seed=1, procs=64))
    trace = read_trace(str(path))
    assert len(trace) == trace.counts.records == 2_500
    assert trace.procs == 64
    assert (trace.counts.malformed, trace.counts.unsorted, trace.counts.duplicate_ids) == (0, 0, 0)
    assert [job.job_id for job in trace] == list(range(1, 2_501))
    assert os.listdir(tmp_path) == ["made.swf.gz"]


def test_a_seed_is_another_workload() -> None:
    assert made("poisson") != made("poisson", seed=4)


def test_more_jobs_begin_with_the_same_ones() -> None:
    assert made("bursty", 900)[:500] == made("bursty", 500)


@pytest.mark.parametrize("name", ["poisson", "bursty"])
def test_the_load_is_the_one_asked_for(name: str) -> None:
    jobs = made(name, 60_000, load=Fraction(1, 2), run_s=1_000)
    load = sum(job.run_s * job.procs for job in jobs) / (128 * jobs[-1].submit_s)
    assert load == pytest.approx(0.5, rel=0.06)


def test_bursts_are_bursts() -> None:
    def dispersion(name: str) -> float:
        counts = Counter(job.submit_s // 3_600 for job in made(name, 20_000, run_s=600))
        per_hour = [counts[hour] for hour in range(max(counts))]
        mean = sum(per_hour) / len(per_hour)
        return sum((count - mean) ** 2 for count in per_hour) / len(per_hour) / mean

    assert dispersion("poisson") == pytest.approx(1, abs=0.3)
    assert dispersion("bursty") > 5


def test_off_means_off() -> None:
    jobs = made("bursty", 5_000, values={"burst": Fraction(0), "burst_s": Fraction(600)})
    quiet = sum(b.submit_s - a.submit_s > 1_000 for a, b in pairwise(jobs))
    assert quiet > 20


@pytest.mark.parametrize("name", ["pareto", "lognormal"])
def test_few_jobs_are_most_of_the_work(name: str) -> None:
    def top_part(runs: list[int]) -> float:
        return sum(sorted(runs)[-len(runs) // 100 :]) / sum(runs)

    assert top_part([job.run_s for job in made(name, 20_000)]) > 0.15
    assert top_part([job.run_s for job in made("poisson", 20_000)]) < 0.07


def test_backlogged_users_have_work_in_proportion_to_their_shares() -> None:
    jobs = made("backlogged", 600, shares=(3, 2, 1), users=3)
    assert Counter(job.user for job in jobs) == {1: 300, 2: 200, 3: 100}
    assert {job.submit_s for job in jobs} == {0}
    assert Counter(job.user for job in jobs[:6]) == {1: 3, 2: 2, 3: 1}


def test_strategic_users_want_the_same() -> None:
    jobs = made("strategic", 11 * 300, users=4)
    last = max(place for place, job in enumerate(jobs) if job.user == 1)  # the last group may be cut short
    work = Counter[int]()
    for job in jobs[:last]:
        work[job.user] += job.run_s * job.procs
    assert len(set(work.values())) == 1
    honest, over, under, *parts = jobs[:11]
    assert (honest.estimate_s, over.estimate_s) == (honest.run_s, honest.run_s * 10)
    assert under.estimate_s == honest.run_s // 4
    assert sum(job.run_s for job in parts) == honest.run_s
    assert [job.group for job in jobs[:11]] == [1, 2, 3] + [4] * 8


@given(run_s=st.integers(1, 10_000), parts=st.integers(1, 100))
def test_parts_are_the_whole(run_s: int, parts: int) -> None:
    found = split(run_s, parts)
    assert sum(found) == run_s
    assert len(found) == min(parts, run_s)
    assert 0 <= max(found) - min(found) <= 1


def test_lenders_rest_while_they_lend() -> None:
    settings = Settings(20_000, seed=3, users=4, values={"early": Fraction(1)})
    jobs = made("lenders", 20_000, users=4, values={"early": Fraction(1)})
    loans = [line.split(":")[1].split(",") for line in find_model("lenders").header(settings) if "MetedLoan" in line]
    assert len(loans) >= 6
    for at, lender, borrower, _, _, until, *_ in loans:
        assert int(lender) in (1, 2)
        assert int(borrower) in (3, 4)
        at_work = sum(job.user == int(lender) and int(at) <= job.submit_s < int(until) for job in jobs)
        assert at_work == 0
    assert {job.group for job in jobs if job.user > 2} == {2}


def test_loans_of_lenders_are_taken_by_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "made.swf"
    write_workload(str(path), find_model("lenders"), Settings(3_000, seed=1, procs=16))
    result = CliRunner().invoke(simulate, [str(path), "--policy", "meted"])
    assert result.exit_code == 0
    assert "loans" in result.stdout
    assert "refused" not in result.stdout


def moments(jobs: list[tuple[int, int, int]]) -> dict[str, float]:
    """Return figures of (submit, run, processors) that the model is known by."""
    count = len(jobs)
    logs = [math.log(run) for _, run, _ in jobs]
    gaps = [math.log(max(1, b[0] - a[0])) for a, b in pairwise(jobs)]
    mean = sum(logs) / count
    return {
        "serial": sum(procs == 1 for *_, procs in jobs) / count,
        "powers of two": sum(procs > 1 and procs & (procs - 1) == 0 for *_, procs in jobs) / count,
        "size": sum(procs for *_, procs in jobs) / count,
        "log run": mean,
        "deviation of log run": math.sqrt(sum((x - mean) ** 2 for x in logs) / count),
        "log gap": sum(gaps) / len(gaps),
        "by day": sum(6 <= submit // 3_600 % 24 < 18 for submit, *_ in jobs) / count,
    }


def test_lublin_has_the_moments_of_the_authors_program(shared_traces: Path) -> None:
    trace = read_trace(str(shared_traces / "swf" / "lublin_256.swf.gz"), TraceOptions())
    theirs = moments([(job.submit_us // 10**6, job.run_us // 10**6, job.procs) for job in trace])
    ours = moments([(job.submit_s, job.run_s, job.procs) for job in made("lublin", 10_000, procs=256)])
    bounds = {"serial": 0.02, "powers of two": 0.02, "size": 1.5, "log run": 0.12, "deviation of log run": 0.06}
    for name, bound in {**bounds, "log gap": 0.15, "by day": 0.06}.items():
        assert ours[name] == pytest.approx(theirs[name], abs=bound), name


def test_the_day_of_lublin() -> None:
    weights = day_weights(8.1737, 3.9631)
    assert sum(weights) == pytest.approx(48)
    assert 24 <= weights.index(max(weights)) <= 30  # from noon to three
    assert max(weights) == pytest.approx(1.83, abs=0.01)
    assert weights[10] == min(weights)  # five in the morning


@pytest.mark.parametrize(("kind", "queues"), [(0, {-1}), (1, {1}), (2, {0}), (3, {0, 1})])
def test_kinds_of_lublin(kind: int, queues: set[int]) -> None:
    jobs = made("lublin", 400, values={"kind": Fraction(kind)})
    assert {job.queue for job in jobs} == queues
    assert [job.submit_s for job in jobs] == sorted(job.submit_s for job in jobs)


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("poisson", {"values": {"burst": Fraction(1)}}, "has no value burst; its values are: width_max=0, estimate=3."),
        ("lublin", {"load": Fraction(1)}, "the model lublin does not go by --load; leave it out."),
        ("lublin", {"procs": 16}, "needs at least 32 processors"),
        ("lublin", {"values": {"kind": Fraction(9)}}, "kind is 9"),
        ("poisson", {"load": Fraction(1, 10**6)}, "give a load from 0.001 to 1000."),
        ("poisson", {"users": 2, "shares": (1, 2, 3)}, "more shares than there are users"),
        ("bursty", {"values": {"busy": Fraction(1)}}, "busy has to be between 0 and 1"),
        ("pareto", {"values": {"alpha": Fraction(1)}}, "give more than 1"),
        ("lenders", {"values": {"active": Fraction(2)}}, "active has to be between 0 and 1"),
        ("lenders", {"users": 1}, "there have to be 2 users"),
        ("strategic", {"values": {"parts": Fraction(0)}}, "parts from 1 to 1,000"),
    ],
)
def test_refusals(name: str, settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(SimulationError) as refused:
        made(name, 10, **settings)
    assert sentence in str(refused.value)


def test_a_header_too_long_for_its_loans_is_refused() -> None:
    lenders = find_model("lenders")
    with pytest.raises(SimulationError, match="at most 4,000 fit in a header; ask for fewer jobs"):
        lines_of(lenders, Settings(10**8, procs=1))
    longest = Settings(60_000, procs=16, users=100)
    assert len(next(lines_of(lenders, longest))) < MAX_HEADER_BYTES


def call(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(generate, list(words))
    assert result.exit_code == code, result.output
    return result.stdout if not code else result.output


def test_the_command_says_how_it_is_made_again(tmp_path: Path) -> None:
    words = ["bursty", "--jobs", "50", "--seed", "9", "--procs", "32", "--users", "3", "--load", "0.5"]
    words += ["--run", "20m", "--shares", "2,1", "--set", "burst=4.5"]
    text = call(*words)
    note = next(line for line in text.splitlines() if "Note:" in line)
    again = note.split("meted generate ")[1].split()
    assert call(*again) == text
    path = tmp_path / "made.swf.gz"
    call(*words, "--out", str(path))
    assert gzip.decompress(path.read_bytes()).decode() == text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["poisson", "--shares", "1,x"], "are no shares"),
        (["poisson", "--set", "burst"], "is no value; write it like burst=20"),
        (["poisson", "--run", "0"], "no time at all"),
        (["poisson", "--run", "100ms"], "whole seconds"),
        (["poisson", "--out", "/no/such/folder/x.swf"], "a folder that does not exist"),
        (["unknown"], "unknown"),
    ],
)
def test_misuse(words: list[str], sentence: str) -> None:
    output = call(*words, code=2)
    assert sentence in output
    assert "Traceback" not in output


def test_ctrl_c_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "long.swf"
    words = ["-m", "meted.adapters.cli", "generate", "poisson", "--jobs", "100000000", "--out", str(path)]
    with subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE) as process:
        try:
            until_s = time.monotonic() + 60
            while not os.listdir(tmp_path) and time.monotonic() < until_s:
                time.sleep(0.02)
            assert [name.endswith(".part") for name in os.listdir(tmp_path)] == [True]
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode
    assert os.listdir(tmp_path) == []
    assert b"Traceback" not in told


def test_a_pipe_into_the_simulator(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "meted.adapters.cli"]
    with subprocess.Popen(
        [*program, "generate", "poisson", "--jobs", "2000", "--procs", "32"], stdout=subprocess.PIPE
    ) as maker:
        words = ["simulate", "-", "--policy", "fcfs", "--first", "700"]
        done = subprocess.run([*program, *words], stdin=maker.stdout, capture_output=True, timeout=120, check=True)
    assert b"700 read, the first 700 asked for; 700 simulated" in done.stdout
    assert maker.returncode == 0


def test_a_reader_that_has_enough_ends_it_in_silence() -> None:
    words = [sys.executable, "-m", "meted.adapters.cli", "generate", "poisson", "--jobs", "100000000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as maker:
        assert maker.stdout is not None
        maker.stdout.readline()
        maker.stdout.close()
        assert maker.wait(60) == 0
        assert maker.stderr is not None
        assert maker.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full on this machine")
def test_a_full_disk_is_a_sentence() -> None:
    output = call("poisson", "--jobs", "100000", "--out", "/dev/full", code=1)
    assert "/dev/full cannot be written (no space left on device); give another file with --out." in output


def test_the_command_of_settings_is_plain() -> None:
    settings = Settings(5, 1, 2, 3, Fraction(1, 3), 60, (1, 2), {"estimate": Fraction(5, 2)})
    assert command_of(MODELS["poisson"], settings) == (
        "meted generate poisson --jobs 5 --seed 1 --procs 2 --users 3 --load 1/3 --run 60 --shares 1,2 "
        "--set estimate=2.5"
    )


def test_lublin_takes_users() -> None:
    users = Counter(job.user for job in islice(Lublin().jobs(Settings(1, users=5)), 2_000))
    assert set(users) == {1, 2, 3, 4, 5}
    assert users[1] > users[2] > users[5]


def test_settings_that_make_no_sense_are_misuse(tmp_path: Path) -> None:
    assert "the model pareto has no value foo" in call("pareto", "--set", "foo=1", code=2)
    assert "does not go by --run" in call("lublin", "--run", "5m", "--out", str(tmp_path / "a.swf"), code=2)
    assert not (tmp_path / "a.swf").exists()
