"""Grids of runs: how values are written, combined and told apart; and the file that keeps results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meted.core.record import replaced
from meted.core.state import Rules
from meted.simulations.errors import SimulationError
from meted.simulations.running.grid import Cell, Varied, combinations, label_of, once_each, parse_varied
from meted.simulations.running.request import RunRequest, request_key, trace_digest
from meted.simulations.running.result_file import ResultFile
from meted.simulations.traces.trace_rules import TraceOptions

REQUEST = RunRequest("a.swf", TraceOptions(), "meted")


@pytest.mark.parametrize(
    ("text", "name", "texts"),
    [
        ("alpha=0.5,1", "alpha", ("0.5", "1")),
        ("--half_life = 1d , 7d", "half-life", ("1d", "7d")),
        ("window=0,1d;1d,2d", "window", ("0,1d", "1d,2d")),
    ],
)
def test_values_as_they_are_written(text: str, name: str, texts: tuple[str, ...]) -> None:
    assert parse_varied(text) == Varied(name, texts)


@pytest.mark.parametrize("text", ["alpha", "alpha=", "=1,2", "alpha=1,,2", "alpha=1,1"])
def test_values_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="names"):
        parse_varied(text)


def test_a_refusal_says_which_value_stands_there_twice_and_is_short_whatever_was_given() -> None:
    with pytest.raises(
        ValueError, match=r"^'alpha=0,1,2,3,.*\.\.\.' names a value twice \(7\); name each once\.$"
    ) as refused:
        parse_varied("alpha=" + ",".join(map(str, (*range(9_000), 7))))
    assert len(str(refused.value)) < 150


def test_all_combinations_the_last_changing_fastest() -> None:
    grid = combinations([Varied("a", ("1", "2")), Varied("b", ("x", "y", "z"))])
    assert grid == [("1", "x"), ("1", "y"), ("1", "z"), ("2", "x"), ("2", "y"), ("2", "z")]


def test_a_grid_has_an_end() -> None:
    many = Varied("a", tuple(map(str, range(101))))
    with pytest.raises(SimulationError, match="These are 10,201 runs, and one grid has at most 10,000"):
        combinations([many, many])


def test_the_same_run_is_done_once() -> None:
    cells = [
        Cell(("easy", ""), REQUEST),
        Cell(("easy", "x"), REQUEST),
        Cell(("", ""), replaced(REQUEST, policy="fcfs")),
    ]
    assert once_each(cells) == [cells[0], cells[2]]
    assert label_of({"policy": "easy", "alpha": ""}) == "policy=easy"


def test_whatever_figures_depend_on_makes_another_key() -> None:
    others = [
        replaced(REQUEST, options=TraceOptions(first=5)),
        replaced(REQUEST, options=TraceOptions(load="1.2")),
        replaced(REQUEST, policy="easy"),
        replaced(REQUEST, event_order="pyss"),
        replaced(REQUEST, rules=Rules(alpha_milli=500)),
        replaced(REQUEST, fairness=True),
    ]
    keys = {request_key(one, "00") for one in (REQUEST, *others)} | {request_key(REQUEST, "01")}
    assert len(keys) == len(others) + 2
    assert request_key(replaced(REQUEST, path="elsewhere.swf", label="x"), "00") == request_key(REQUEST, "00")


def test_the_content_of_a_named_file_makes_another_key(tmp_path: Path) -> None:
    shares = tmp_path / "shares"
    request = replaced(REQUEST, options=TraceOptions(shares=str(shares)))
    keys = set()
    for text in ("1 2\n", "1 3\n"):
        shares.write_text(text)
        keys.add(request_key(request, "00"))
    assert len(keys) == 2


def test_results_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with ResultFile(str(path)) as file:
        file.add("k1", {"a": "1"}, {"mean_wait_s": 2.5})
    with ResultFile(str(path)) as file:
        assert file.found == {"k1": {"mean_wait_s": 2.5}}
        file.add("k2", {"a": "2"}, {"mean_wait_s": 3.5})
    assert [json.loads(line)["varied"] for line in path.read_text().splitlines()] == [{"a": "1"}, {"a": "2"}]


@pytest.mark.parametrize("cut", [3, 20, 50])
def test_a_line_that_was_cut_short_is_dropped(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "results.jsonl"
    with ResultFile(str(path)) as file:
        file.add("k1", {"a": "1"}, {"mean_wait_s": 2.5})
        whole = path.read_text()
    path.write_text(whole + whole.replace("k1", "k2")[:cut])
    with ResultFile(str(path)) as file:
        assert list(file.found) == ["k1"]
        file.add("k3", {}, {})
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == ["k1", "k3"]


@pytest.mark.parametrize("text", ["hello", "hello\n", "[]\n", '{"key": "k"}\n', "1\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(SimulationError, match=r"line 1 of .* is no result of a sweep; name another file"):
        ResultFile(str(path))
    assert path.read_text() == text


def test_two_sweeps_do_not_write_one_file(tmp_path: Path) -> None:
    path = str(tmp_path / "results.jsonl")
    with ResultFile(path), pytest.raises(SimulationError, match="is being written by another sweep"):
        ResultFile(path)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="cannot be written \\(is a directory\\)"):
        ResultFile(str(tmp_path))


def test_an_absent_trace_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="cannot be opened"):
        trace_digest(str(tmp_path / "absent.swf"))
