"""The parts of the executors that need no process: options, environment, output files, time, sentences."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.executors.ends import exit_sentence, failure_body, limit_hit, time_sentence
from meted.adapters.executors.environment import KEPT_BY, BadVariable, inherited, is_loggable, split_secrets
from meted.adapters.executors.options import (
    LIMIT_NAMES,
    OptionsError,
    ProcessOptions,
    expand,
    make_limits,
    number_of,
    pack_options,
    read_options,
)
from meted.adapters.executors.output import OutputStore
from meted.adapters.executors.timing import UnitTime
from meted.adapters.worker import keeper

TEXT = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=20)
OPTIONS = st.builds(
    ProcessOptions,
    stdin=st.binary(max_size=40),
    lines=st.none() | st.lists(TEXT, max_size=4).map(tuple),
    first_index=st.integers(-(2**53), 2**53),
    index_step=st.integers(1, 2**53),
    limits=st.dictionaries(st.sampled_from(LIMIT_NAMES), st.integers(1, 2**53)).map(make_limits),
    secrets=st.none() | st.text("abc0", min_size=1, max_size=64),
)


@given(OPTIONS)
def test_options_are_read_as_they_were_packed(options: ProcessOptions) -> None:
    assert read_options(pack_options(options)) == options


def test_plain_options_need_no_payload() -> None:
    assert pack_options(ProcessOptions()) == b""


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ([1], "not a map"),
        ({"nice": 1}, 'the unknown option "nice"; upgrade this worker'),
        ({1: 1}, "not MessagePack"),
        ({"stdin": "text"}, "stdin is bytes"),
        ({"lines": ["a\0"]}, "without NUL"),
        ({"lines": "ab"}, "lines are texts"),
        ({"first_index": True}, "first_index is a whole number"),
        ({"index_step": 0}, "index_step is a whole number from 1"),
        ({"limits": [["cpu_s", 1]]}, "limits are a map"),
        (
            {"limits": {"cpus": 1}},
            'no limit "cpus"; the limits are: cpu_s, file_bytes, mem_bytes, open_files, rss_bytes',
        ),
        ({"limits": {"cpu_s": 0}}, "the limit cpu_s is a whole number from 1"),
        ({"secrets": ""}, "secrets is a name"),
    ],
)
def test_options_that_are_not_valid(fields: object, sentence: str) -> None:
    with pytest.raises(OptionsError, match=sentence):
        read_options(msgpack.packb(fields))


def test_numbers_and_places() -> None:
    options = ProcessOptions(first_index=1, index_step=4)
    assert [number_of(options, index) for index in range(3)] == [1, 5, 9]
    assert expand(("a", "{index}-{index}", "{line}", "{}"), options, 2) == ["a", "9-9", "{line}", "{}"]


def test_environment_is_split() -> None:
    clear, secret = split_secrets({"OMP_NUM_THREADS": "2", "PATH": "/x", "API_KEY": "s", "PYTHON_KEYRING": "p"})
    assert clear == (("OMP_NUM_THREADS", "2"), ("PATH", "/x"))
    assert secret == {"API_KEY": "s", "PYTHON_KEYRING": "p"}
    assert is_loggable("LC_ALL")
    for name, value in (("", "x"), ("a=b", "x"), ("a\0", "x"), ("A", "geheim\0"), ("x" * 2_000, "")):
        with pytest.raises(BadVariable) as caught:
            split_secrets({name: value})
        assert "geheim" not in str(caught.value)


def test_what_is_inherited() -> None:
    got = inherited({"HOME": "/h", "LC_TIME": "C", "AWS_SECRET": "x", "METED_TOKEN": "t", "METED_KEEPER_FD": "5"})
    assert got == {"HOME": "/h", "LC_TIME": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}


def test_output_files(tmp_path: Path) -> None:
    store = OutputStore(str(tmp_path / "w"))
    store.open()
    for index, attempt, text in ((0, 1, b"old"), (0, 2, b"new"), (1_000, 1, b"far")):
        with open(store.base(7, index, attempt) + ".out", "wb") as file:
            file.write(text)
    assert store.read(7, 0, None, "out", 0, 9).data == b"new"
    assert store.read(7, 0, 1, "out", 1, 1).data == b"l"
    assert store.read(7, 1_000, None, "out", 0, 9).data == b"far"
    assert sorted(os.listdir(tmp_path / "w/jobs/7")) == ["0", "1"]
    assert (tmp_path / "w/jobs").stat().st_mode & 0o777 == 0o700


def test_output_is_pruned_by_age(tmp_path: Path) -> None:
    store = OutputStore(str(tmp_path))
    store.open()
    for job in (1, 2, 3):
        path = store.base(job, 0, 1) + ".out"
        with open(path, "wb"):
            pass
        if job != 3:
            for old in (path, os.path.dirname(path), f"{tmp_path}/jobs/{job}"):
                os.utime(old, (1_000, 1_000))
    assert store.prune(2_000, keep={1}) == [2]
    assert sorted(os.listdir(tmp_path / "jobs")) == ["1", "3"]
    until = time.monotonic() + 5
    while os.listdir(tmp_path / "deleted") and time.monotonic() < until:
        time.sleep(0.01)
    assert os.listdir(tmp_path / "deleted") == []
    assert store.base(2, 0, 1)  # it can be made again
    (tmp_path / "deleted" / "x").mkdir()
    OutputStore(str(tmp_path)).open()  # what an earlier life left is deleted
    while os.listdir(tmp_path / "deleted") and time.monotonic() < until:
        time.sleep(0.01)
    assert os.listdir(tmp_path / "deleted") == []


def test_unit_time() -> None:
    clock = UnitTime(100, 50)
    assert clock.due_us() == 150
    clock.suspend(120)
    clock.suspend(130)
    assert (clock.run_us(900), clock.due_us()) == (20, None)
    clock.resume(1_000)
    clock.resume(1_001)
    assert (clock.run_us(1_010), clock.due_us()) == (30, 1_030)
    assert not clock.expire(1_029, 7)
    assert not clock.expire(1_030, 7)
    assert (clock.over_limit, clock.due_us()) == (True, 1_037)
    clock.end_within(1_031, 100)
    assert clock.due_us() == 1_037
    assert clock.expire(1_037, 7)
    assert clock.due_us() is None


def test_sentences() -> None:
    assert time_sentence(1_500_000) == "it ran longer than its time limit of 1.5 s"
    assert exit_sentence(-9, False).endswith("maybe by the system for want of memory")
    assert exit_sentence(-63, False) == "it was ended by signal 63" or exit_sentence(-63, False)
    assert exit_sentence(2, True) == "it was told to end, and ended with exit code 2"
    assert limit_hit(-24, 0, 0, {}) is None
    assert limit_hit(-9, 2_000_000, 0, {"cpu_s": 2}) == "cpu_s"
    assert limit_hit(-9, 1_000_000, 0, {"cpu_s": 2}) is None
    assert limit_hit(153, 0, 0, {"file_bytes": 1}) == "file_bytes"
    assert limit_hit(-9, 0, 5, {"rss_bytes": 4}) == "rss_bytes"
    assert limit_hit(3, 0, 5, {"rss_bytes": 4}) is None


@given(st.binary(max_size=60), st.integers(1, 40))
def test_failure_body_is_short_utf8(errors: bytes, most: int) -> None:
    body = failure_body("it failed", errors, most)
    assert len(body) <= most
    body.decode()
    assert "it failed".startswith(body.decode()[:9])


def test_the_keeper_and_the_environment_mean_the_same_variable() -> None:
    assert keeper.KEPT_BY == KEPT_BY
