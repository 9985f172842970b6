"""The log is damaged: the server shows what is good of it, writes nothing, and after a repair it is a pool again."""

from __future__ import annotations

import json
import signal
import sqlite3
from pathlib import Path

import pytest

from meted.adapters.cli.local_workers import is_inhabited
from meted.adapters.wire.errors import Code

from ..log.helper import sql
from .pool import LivePool, is_refused, wait_until

pytestmark = pytest.mark.slow

WRITE = ("/bin/sh", "-c", 'echo "$METED_JOB $METED_UNIT $METED_ATTEMPT" >> units; echo "out $METED_UNIT"')

WAITS = (*WRITE[:2], "touch begun; until [ -e go ]; do sleep 0.05; done; " + WRITE[2])
"""A unit that ends when it may."""

NOTE = "The pool is read-only, as its log is damaged, and is shown as it was before; `meted state` says more.\n"


def damage_last(pool: LivePool) -> int:
    """Flip a byte of the last batch, and return the seq at which it starts."""
    ((seq, body),) = sql(pool.data, "SELECT first_seq, body FROM batches ORDER BY first_seq DESC LIMIT 1")
    assert isinstance(seq, int)
    assert isinstance(body, bytes)
    sql(pool.data, "UPDATE batches SET body = ? WHERE first_seq = ?", [bytes([body[0] ^ 1]) + body[1:], seq])
    return seq


def rows_of(path: Path) -> list[str]:
    """Return all that is in a log, as SQL."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def mend(pool: LivePool) -> None:
    """End the server, repair its log and start it again."""
    assert pool.end_server(signal.SIGTERM) == 0
    assert pool.run("log", "repair", str(pool.data), "--yes").returncode == 0


def test_it_is_shown_refuses_is_repaired_and_goes_on(pool: LivePool) -> None:
    pool.start_server()
    pool.start_worker("one")
    done = pool.submit(WRITE, count=3)
    assert pool.ended(done)["state"] == "succeeded"
    pool.workers["one"].terminate()
    pool.workers.pop("one").wait()
    pool.submit(("true",), hold=True)
    lost = pool.submit(("true",), hold=True)
    pool.end_server()
    seq = damage_last(pool)
    before = rows_of(pool.data / "log.sqlite3")

    pool.start_server()
    assert pool.server is not None
    said = (pool.directory / "server.out").read_text().splitlines()[-1]
    assert said.startswith(f"The pool is read-only, as its log is damaged at seq {seq} (")
    assert f" as it was at seq {seq - 1}, " in said
    listed = pool.run("ls", "--json")
    assert ([row["job"] for row in json.loads(listed.stdout)], listed.stderr) == ([done, lost - 1], NOTE)
    state = pool.run("state", "--json")
    assert json.loads(state.stdout).keys() == {"seq", "digest"}
    assert json.loads(state.stdout)["seq"] == seq - 1
    assert pool.run("state").stdout.splitlines()[-1] == said
    assert pool.run("logs", str(done), "2").stdout == "out 2\n"
    for arguments in (
        ("show", str(done), "--units"),
        ("explain", str(lost - 1), "--eta"),
        ("domain", "show", "default"),
    ):
        shown = pool.run(*arguments)
        assert (shown.returncode, shown.stderr) == (0, NOTE)
    for changing in (("submit", "--", "true"), ("cancel", "2"), ("credit", "grant", "default", "5")):
        refused = pool.run(*changing)
        assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"{NOTE}Error: {said}\n")
    with pool.client() as client:
        error = is_refused(lambda: client.call("submit", argv=["true"], env={"A_SECRET": "1"}))
    assert error is not None
    assert (error.code, error.reason) == (Code.FAILED, "read_only")
    assert not list((pool.data / "secrets").glob("*"))
    shown = pool.run("log", "show", str(pool.data), "--all")
    assert (shown.returncode, len(shown.stdout.splitlines())) == (1, seq - 1)
    held = pool.run("log", "repair", str(pool.data), "--yes")
    assert held.returncode == 1
    assert f"is held by process {pool.server.pid} on " in held.stderr

    assert pool.end_server(signal.SIGTERM) == 0
    assert rows_of(pool.data / "log.sqlite3") == before
    pool.start_server()
    mend(pool)
    pool.start_server()
    assert pool.run("ls").stderr == ""
    pool.start_worker("two")
    assert pool.ended(again := pool.submit(WRITE))["state"] == "succeeded"
    assert again > lost
    assert pool.check_history() == {(done, 0): [0], (done, 1): [0], (done, 2): [0], (again, 0): [0]}


def test_workers_are_told_and_keep_what_they_run_and_what_has_ended(pool: LivePool) -> None:
    pool.start_server()
    pool.start_worker("one")
    waits = pool.submit(WAITS)
    wait_until((pool.directory / "begun").exists, "the unit runs")
    pool.submit(("true",), hold=True)
    pool.end_server()
    damage_last(pool)
    pool.start_server()
    told = pool.directory / "one.err"
    wait_until(lambda: "No server: The pool is read-only" in told.read_text(), "the worker was told")
    assert "What runs goes on; the worker dials again." in told.read_text()
    with pool.client() as client:
        assert [row["state"] for row in client.call("workers")] == ["away"]
    (pool.directory / "go").touch()
    wait_until(lambda: pool.lines("units"), "the unit has ended")
    assert pool.row(waits)["state"] == "pending"
    mend(pool)
    pool.start_server()
    assert pool.ended(waits)["state"] == "succeeded"
    assert pool.lines("units") == [[str(waits), "0", "1"]]
    assert pool.run("logs", str(waits)).stdout == "out 0\n"
    assert pool.check_history() == {(waits, 0): [0]}


def test_up_starts_no_worker_and_leaves_those_alone_that_live(pool: LivePool) -> None:
    pool.start_server("--workers", "1", command="up")
    waits = pool.submit(WAITS)
    wait_until((pool.directory / "begun").exists, "the unit runs")
    pool.submit(("true",), hold=True)
    pool.end_server()
    damage_last(pool)
    pool.start_server("--workers", "1", command="up")
    said = (pool.directory / "server.out").read_text().splitlines()
    assert said[-1] == "No worker is started; those that live go on with what they run."
    assert said[-2].startswith("The pool is read-only")
    mend(pool)
    assert is_inhabited(pool.data / "worker-1")
    (pool.directory / "go").touch()
    wait_until(lambda: pool.lines("units"), "the unit has ended")
    pool.start_server("--workers", "1", command="up")
    assert pool.ended(waits)["state"] == "succeeded"
    assert pool.lines("units") == [[str(waits), "0", "1"]]
    assert pool.end_server(signal.SIGTERM) == 0
