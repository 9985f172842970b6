"""What is read: files, pipes and the standard input, by every command; devices are refused, as they may not end."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import click
import pytest
from click.testing import Result

from meted.simulations.commands.compare import compare
from meted.simulations.commands.quanta import quanta
from meted.simulations.commands.simulate import simulate
from meted.simulations.commands.sweep import sweep

from ..calling import call

TINY = Path(__file__).parents[3] / "examples/tiny.swf"

MANY = [(compare, ("--policy", "easy", "--policy", "fcfs", "--resamples", "0")), (sweep, ("--vary", "load=1,2"))]


def figures(result: Result) -> list[dict[str, object]]:
    """Return the figures of all runs, without what they took."""
    document = json.loads(result.stdout)
    found = document["results"] if "results" in document else [run["results"] for run in document["runs"]]
    return [
        {name: value for name, value in one.items() if name not in {"cpu_s", "jobs_per_s", "trace"}} for one in found
    ]


@pytest.mark.parametrize(("command", "options"), MANY, ids=["compare", "sweep"])
def test_the_standard_input_and_a_pipe_are_read_once_for_many_runs(
    tmp_path: Path, command: click.Command, options: tuple[str, ...]
) -> None:
    data = TINY.read_bytes()
    from_file = figures(call(command, TINY, *options, "--json", "-"))
    piped = call(command, "-", *options, "--json", "-", stdin=data)
    assert figures(piped) == from_file
    assert '"trace": "stdin"' in piped.stdout
    pipe = tmp_path / "pipe.swf"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    again = call(command, pipe, *options, "--json", "-")
    writer.join()
    assert figures(again) == from_file
    assert '"trace": "pipe.swf"' in again.stdout


@pytest.mark.parametrize(
    ("command", "options"),
    [(simulate, ()), (quanta, ("--slices", "4")), *MANY],
    ids=["simulate", "quanta", "compare", "sweep"],
)
def test_what_may_have_no_end_is_refused(command: click.Command, options: tuple[str, ...]) -> None:
    out = call(command, "/dev/full", *options, code=1).output
    assert out == "Error: /dev/full is neither a file nor a pipe, so it may have no end; give one of these.\n"


def test_nor_is_it_taken_for_a_table() -> None:
    out = call(simulate, TINY, "--shares", "/dev/full", code=1).output
    assert "/dev/full" in out
    assert "neither a file nor a pipe" in out


def test_no_room_for_a_copy_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object, **__: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("meted.simulations.traces.source._write", no_room)
    command, options = MANY[0]
    out = call(command, "-", *options, code=1, stdin=TINY.read_bytes()).output
    assert out.startswith("Error: stdin cannot be copied to ")
    assert out.endswith("(no space left on device); put it into a file, and give that.\n")
