"""``meted up`` with real workers: everything is there again after a kill, and what runs is adopted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meted.adapters.cli.local_workers import is_inhabited, places

from ..live import LiveServer

pytestmark = pytest.mark.slow


@pytest.fixture
def pool() -> Iterator[LiveServer]:
    """``meted up`` with two workers."""
    server = LiveServer("up", "--workers", "2")
    server.start()
    try:
        until(lambda: len(table(server, "workers")) == 2)
        yield server
    finally:
        server.remove()


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline_s = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def table(server: LiveServer, *arguments: str) -> list[dict[str, object]]:
    """Return the rows that a command prints."""
    printed = server.run(*arguments, "--json").stdout
    rows: list[dict[str, object]] = json.loads(printed) if printed else []
    return rows


def test_units_run_and_their_output_is_kept(pool: LiveServer, tmp_path: Path) -> None:
    command = ["sh", "-c", "echo out {index} in $PWD; echo err >&2; exit $(({index} == 1))"]
    done = pool.run("submit", "--wait", "--count", "2", "--cwd", str(tmp_path), "--", *command)
    job = done.stdout.strip()
    assert (done.returncode, job.isdecimal()) == (1, True)
    logs = pool.run("logs", job, "0")
    assert logs.stdout == f"out 0 in {tmp_path}\n"
    assert pool.run("logs", job, "1", "--err").stdout.split()[-1] == "err"
    shown = pool.run("show", job, "--units").stdout
    assert [line.split()[:3] for line in shown.splitlines()[-2:]] == [["0", "succeeded", "0"], ["1", "failed", "1"]]


def test_output_is_followed_as_it_is_written(pool: LiveServer) -> None:
    job = pool.run("submit", "--", "sh", "-c", "echo begin; sleep 1; echo end").stdout.strip()
    assert pool.run("logs", "-f", job, "0").stdout == "begin\nend\n"


def test_what_runs_is_adopted_after_a_kill(pool: LiveServer, tmp_path: Path) -> None:
    script = f"echo $$ >> {tmp_path}/starts; sleep 4"
    job = pool.run("submit", "--", "sh", "-c", script).stdout.strip()
    until((tmp_path / "starts").exists)
    pool.kill()
    pool.start()
    assert pool.run("wait", job).returncode == 0
    assert len((tmp_path / "starts").read_text().split()) == 1
    assert "has outlived its server and comes back by itself" in pool.log.read_text()
    assert pool.stop() == 0
    assert not any(is_inhabited(pool.directory / "data" / f"worker-{number}") for number in (1, 2))


def test_ctrl_c_ends_the_workers_first(pool: LiveServer) -> None:
    directories = [pool.directory / "data" / f"worker-{number}" for number in (1, 2)]
    assert all(map(is_inhabited, directories))
    assert pool.stop() == 0
    assert "Stopping: first the workers, then the server." in pool.log.read_text()
    assert not any(map(is_inhabited, directories))


def test_a_machine_is_divided_evenly(tmp_path: Path) -> None:
    assert [place.cpus for place in places(tmp_path, 3, 8, 900)] == [3, 3, 2]
    assert [place.cpus for place in places(tmp_path, 3, 2, 900)] == [1, 1, 1]
    assert [(place.mem_bytes, place.directory.name) for place in places(tmp_path, 1, 4, 900)] == [(900, "worker-1")]
    assert not is_inhabited(tmp_path / "worker-1")
