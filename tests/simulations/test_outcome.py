"""Outcomes as files: what is written is read back, and a comparison never rests on a part of it."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.simulations.errors import SimulationError, TraceError
from meted.simulations.results.outcome import OutcomeWriter, read_waits, seconds
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.swf import SwfReader
from meted.simulations.traces.trace import read_trace
from meted.simulations.traces.trace_rules import TraceOptions

from .driving import make_trace, schedule

S = 1_000_000
JOB = TraceJob(5, 2, 3 * S, 4 * S, 10 * S, 2)


@pytest.mark.parametrize(
    ("amount_us", "text"),
    [(0, "0"), (S, "1"), (1_500_000, "1.5"), (1, "0.000001"), (10 * S, "10"), (10**18, "1000000000000")],
)
def test_seconds(amount_us: int, text: str) -> None:
    assert seconds(amount_us) == text


@pytest.mark.parametrize("name", ["out.swf", "out.swf.gz"])
def test_an_outcome_says_how_it_was_made(tmp_path: Path, name: str) -> None:
    trace = make_trace(tmp_path, [JOB], 8)
    with OutcomeWriter(str(tmp_path / name), trace, "easy", "pyss") as writer:
        writer.add(JOB, 5_250_000)
    data = (tmp_path / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    assert text.splitlines()[-1] == "5 3 2.25 4 2 -1 -1 2 10 -1 1 2 -1 -1 -1 -1 -1 -1"
    assert (
        f"; Note: trace=made.swf sha256={trace.sha256} policy=easy event_order=pyss procs=8 procs_field=allocated "
        "overrun=extend clairvoyant=false first=all\n" in text
    )
    assert "; Note: seed=none: nothing is drawn by chance\n" in text
    with SwfReader(str(tmp_path / name)) as reader:
        assert len(list(reader)) == 1
        assert (reader.header.number("MaxProcs"), reader.header.number("MaxRecords")) == (8, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.swf", name]


def test_the_same_run_writes_the_same_bytes(tmp_path: Path) -> None:
    trace = make_trace(tmp_path, [JOB], 8)
    written = []
    for name in ("one.gz", "two.gz"):
        with OutcomeWriter(str(tmp_path / name), trace, "fcfs", "instant") as writer:
            writer.add(JOB, 3 * S)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


TIMES = st.integers(1, 10**12)


@given(
    rows=st.lists(st.tuples(TIMES, TIMES, TIMES, TIMES, st.integers(-1, 9)), min_size=1, max_size=8),
    packed=st.booleans(),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int, int, int]], packed: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    jobs = [
        TraceJob(number, user, submit, run, max(run, estimate), 1 + number % 4)
        for number, (submit, run, estimate, _, user) in enumerate(rows)
    ]
    trace = make_trace(folder, jobs, 4)
    path = str(folder / ("out.gz" if packed else "out.swf"))
    with OutcomeWriter(path, trace, "fcfs", "instant") as writer:
        for job, (*_, wait, _) in zip(jobs, rows, strict=True):
            writer.add(job, job.submit_us + wait)
    assert read_waits(path) == {number: wait for number, (*_, wait, _) in enumerate(rows)}
    assert sorted(read_trace(path), key=lambda job: job.job_id) == jobs


def test_nothing_is_left_when_the_run_fails(tmp_path: Path) -> None:
    trace = make_trace(tmp_path, [JOB], 8)
    (tmp_path / "out.swf.gz").write_text("an older result")

    def fail() -> None:
        with OutcomeWriter(str(tmp_path / "out.swf.gz"), trace, "fcfs", "instant") as writer:
            writer.add(JOB, 5 * S)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (tmp_path / "out.swf.gz").read_text() == "an older result"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("name", ["absent/out.swf", "nul\0.swf"])
def test_what_cannot_be_opened(tmp_path: Path, name: str) -> None:
    trace = make_trace(tmp_path, [JOB], 8)
    with pytest.raises(SimulationError, match=r"cannot be written \(.+\); give another file with --out\.$"):
        OutcomeWriter(str(tmp_path / name), trace, "fcfs", "instant")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no device that is always full")
@pytest.mark.parametrize("rows", [1, 100_000])
def test_a_full_disk(tmp_path: Path, rows: int) -> None:
    trace = make_trace(tmp_path, [JOB], 8)

    def fill() -> None:
        with OutcomeWriter("/dev/full", trace, "fcfs", "instant") as writer:
            for _ in range(rows):
                writer.add(JOB, 5 * S)

    with pytest.raises(SimulationError, match=r"no space left on device"):
        fill()


def test_a_pipe_is_written_to_directly(tmp_path: Path) -> None:
    trace = make_trace(tmp_path, [JOB], 8)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reading = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reading.start()
    with OutcomeWriter(str(pipe), trace, "fcfs", "instant") as writer:
        writer.add(JOB, 5 * S)
    reading.join()
    assert found[0].endswith(b"5 3 2 4 2 -1 -1 2 10 -1 1 2 -1 -1 -1 -1 -1 -1\n")
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1 0 -1 5 1" + " -1" * 13, "has no wait for job 1"),
        (("1 0 3 5 1" + " -1" * 13 + "\n") * 2, "has two outcomes of job 1"),
        ("1 0 3 5 1" + " -1" * 13 + "\nx", "is damaged: line 2: it has 1 column"),
    ],
)
def test_a_comparison_never_rests_on_a_part(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "out.swf").write_text(text)
    with pytest.raises(TraceError) as refused:
        read_waits(str(tmp_path / "out.swf"))
    assert sentence in str(refused.value)


def test_published_outcomes_round_trip(shared_traces: Path, tmp_path: Path) -> None:
    trace = read_trace(str(shared_traces / "swf/KTH-SP2-1996-sc15.swf.gz"), TraceOptions(clairvoyant=True))
    jobs, starts = schedule(trace, "easy", "pyss")
    with OutcomeWriter(str(tmp_path / "out.swf.gz"), trace, "easy", "pyss") as writer:
        for job, start in zip(jobs, starts, strict=True):
            writer.add(job, start)
    published = read_waits(str(shared_traces / "outcomes/KTH-SP2.easy-clairvoyant.swf.gz"))
    assert read_waits(str(tmp_path / "out.swf.gz")) == published
    assert len(published) == 28_481
