"""The oracle against schedules and figures that others published: it must deserve its name."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

import pytest

from .oracle import Job, metrics, over_capacity, simulate

SUBMIT, WAIT, RUN, ALLOCATED, REQUESTED, ESTIMATE = 1, 2, 3, 4, 7, 8
"""Where the columns of SWF stand, counted from 0."""


@cache
def read_rows(path: Path) -> list[list[int]]:
    """Return the data rows of a trace whose fields of interest are all whole numbers."""
    with gzip.open(path, "rt") as file:
        return [[int(float(word)) for word in line.split()] for line in file if not line.startswith(";")]


def read_jobs(
    path: Path,
    *,
    procs: str = "allocated",
    overrun: str = "extend",
    clairvoyant: bool = False,
    first: int | None = None,
) -> list[Job]:
    """Return the jobs of a trace by the common rules: no processors or no run time drops a job."""
    jobs = []
    for row in read_rows(path)[:first]:
        columns = (ALLOCATED, REQUESTED) if procs == "allocated" else (REQUESTED, ALLOCATED)
        width = next((row[column] for column in columns if row[column] > 0), 0)
        run = row[RUN]
        if width == 0 or run <= 0:
            continue
        estimate = row[ESTIMATE] if row[ESTIMATE] > 0 else run
        if overrun == "cut":
            run = min(run, estimate)
        jobs.append(Job(row[0], row[SUBMIT], run, run if clairvoyant else max(run, estimate), width))
    return sorted(jobs, key=lambda job: (job.submit, job.id))


def run_oracle(jobs: list[Job], capacity: int, policy: str, event_order: str) -> dict[str, float]:
    """Return the metrics of a schedule that never takes more than there is."""
    starts = simulate(jobs, capacity, policy, event_order)
    assert list(over_capacity(jobs, starts, capacity)) == []
    return metrics(jobs, starts, capacity)


@pytest.mark.parametrize(
    ("policy", "clairvoyant", "outcome"),
    [
        ("easy", False, "KTH-SP2.easy.swf.gz"),
        ("easy", True, "KTH-SP2.easy-clairvoyant.swf.gz"),
        ("easy-sjbf", True, "KTH-SP2.easy-sjbf-clairvoyant.swf.gz"),
    ],
)
def test_every_start_equals_the_published_one(
    shared_traces: Path, policy: str, clairvoyant: bool, outcome: str
) -> None:
    jobs = read_jobs(shared_traces / "swf/KTH-SP2-1996-sc15.swf.gz", clairvoyant=clairvoyant)
    published = {row[0]: row[WAIT] for row in read_rows(shared_traces / "outcomes" / outcome)}
    starts = simulate(jobs, 100, policy, "pyss")
    assert {job.id: start - job.submit for job, start in zip(jobs, starts, strict=True)} == published
    assert len(published) == 28_481


@pytest.mark.parametrize(
    ("policy", "event_order", "clairvoyant", "wait_s", "slowdown"),
    [
        ("fcfs", "instant", False, 353_776.41, 6_814.97),
        ("fcfs", "pyss", False, 353_776.41, 6_814.97),
        ("easy", "pyss", False, 6_836.87, 92.5765),
        ("easy", "instant", False, 6_834.59, 92.6877),
        ("easy-sjbf", "pyss", False, 5_904.08, 69.4054),
        ("easy", "pyss", True, 6_327.68, 71.7224),
        ("easy-sjbf", "pyss", True, 5_436.02, 49.8477),
    ],
)
def test_kth_figures(
    shared_traces: Path, policy: str, event_order: str, clairvoyant: bool, wait_s: float, slowdown: float
) -> None:
    jobs = read_jobs(shared_traces / "swf/KTH-SP2-1996-sc15.swf.gz", clairvoyant=clairvoyant)
    found = run_oracle(jobs, 100, policy, event_order)
    assert len(jobs) == 28_481
    assert found["mean_wait_s"] == pytest.approx(wait_s, abs=0.005)
    assert found["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=0.005 if policy == "fcfs" else 5e-5)
    assert found["makespan_s"] == (29_379_608 if policy == "fcfs" else 29_363_626)
    assert found["utilisation"] == pytest.approx(0.6852 if policy == "fcfs" else 0.6856, abs=5e-5)


@pytest.mark.parametrize(
    ("policy", "event_order", "wait_s", "slowdown"),
    [
        ("fcfs", "instant", 353_949.93, 6_818.32),
        ("easy", "pyss", 6_839.77, 92.6188),
        ("easy", "instant", 6_837.49, 92.7299),
        ("easy-sjbf", "instant", 5_906.13, 69.4245),
    ],
)
def test_cleaned_kth_figures(
    shared_traces: Path, policy: str, event_order: str, wait_s: float, slowdown: float
) -> None:
    jobs = read_jobs(shared_traces / "swf/KTH-SP2-1996-2.1-cln.swf.gz", procs="requested", overrun="cut")
    found = run_oracle(jobs, 100, policy, event_order)
    assert len(jobs) == 28_467
    assert found["mean_wait_s"] == pytest.approx(wait_s, abs=0.005)
    assert found["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=0.005 if policy == "fcfs" else 5e-5)


@pytest.mark.parametrize(
    ("policy", "event_order", "wait_s", "slowdown"),
    [
        ("fcfs", "instant", 8.08, 1.0262),
        ("easy", "pyss", 4.07, 1.0119),
        ("easy", "instant", 4.07, 1.0119),
    ],
)
def test_nasa_figures(shared_traces: Path, policy: str, event_order: str, wait_s: float, slowdown: float) -> None:
    jobs = read_jobs(shared_traces / "swf/NASA-iPSC-1993-3.1-cln.swf.gz")
    found = run_oracle(jobs, 128, policy, event_order)
    assert len(jobs) == 18_066
    assert found["mean_wait_s"] == pytest.approx(wait_s, abs=0.005)
    assert found["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=5e-5)


@pytest.mark.parametrize(
    ("policy", "wait_s", "slowdown", "max_wait_s"),
    [("fcfs", 15_581.478, 139.5948, 93_096), ("easy", 3_641.371, 18.0058, 103_904)],
)
def test_sdsc_figures(shared_traces: Path, policy: str, wait_s: float, slowdown: float, max_wait_s: int) -> None:
    jobs = read_jobs(shared_traces / "swf/SDSC-SP2-1998-first5K.swf.gz", overrun="cut")
    found = run_oracle(jobs, 128, policy, "pyss")
    assert len(jobs) == 4_606
    assert found["mean_wait_s"] == pytest.approx(wait_s, abs=5e-4)
    assert found["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=5e-5)
    assert found["max_wait_s"] == max_wait_s
    assert found["utilisation"] == pytest.approx(0.64339, abs=5e-6)
    assert found["makespan_s"] == 4_665_136


@pytest.mark.parametrize(
    ("policy", "event_order", "first", "wait_s", "slowdown"),
    [
        ("fcfs", "pyss", None, 2_388_443.76, 66_502.48),
        ("easy", "pyss", None, 97_155.99, 590.05),
        ("easy", "instant", None, 97_155.99, 590.05),
        ("fcfs", "pyss", 2_000, 432_425.014, 11_783.65),
        ("easy", "cqsim", 2_000, 23_311.627, 291.0711),
        ("easy", "cqsim", None, 97_181.34, 590.75),
    ],
)
def test_lublin_figures(
    shared_traces: Path, policy: str, event_order: str, first: int | None, wait_s: float, slowdown: float
) -> None:
    jobs = read_jobs(shared_traces / "swf/lublin_256.swf.gz", first=first)
    found = run_oracle(jobs, 256, policy, event_order)
    assert len(jobs) == (first or 10_000)
    assert found["mean_wait_s"] == pytest.approx(wait_s, abs=0.005)
    assert found["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=0.005)


HAND_MADE = [("fcfs", kind, n) for kind, count in (("basic_input", 29), ("fcfs_input", 8)) for n in range(count)] + [
    ("easy", kind, n)
    for kind, count in (("basic_input", 29), ("bf_input", 9), ("easy_bf_input", 4))
    for n in range(count)
]
HAND_MADE += [("conservative", kind, n) for kind, count in (("basic_input", 29), ("bf_input", 9)) for n in range(count)]


@pytest.mark.parametrize("event_order", ["instant", "pyss"])
@pytest.mark.parametrize(("policy", "kind", "number"), HAND_MADE)
def test_hand_made_cases(shared_traces: Path, policy: str, kind: str, number: int, event_order: str) -> None:
    """On 100 processors each job's id, up to the point, is the time at which it must finish."""
    path = shared_traces / "pyss" / f"{kind}.{number}"
    if not path.exists():
        pytest.skip(f"{path.name} is not among the traces")
    rows = [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    jobs = [Job(int(float(row[1])), int(row[0]), int(row[4]), int(row[2]), int(row[3])) for row in rows]
    starts = simulate(jobs, 100, policy, event_order)
    assert [start + job.run for job, start in zip(jobs, starts, strict=True)] == [job.id for job in jobs]
