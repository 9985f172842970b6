"""The value of an environment variable is seen by the unit, and stands nowhere else."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from meted.adapters.wire.errors import CallError

from .pool import LivePool, wait_until

VALUE = "open-sesame-5f2c"

UNIT = (
    'echo ${#PASSPHRASE} $OMP_NUM_THREADS; until test -e go; do sleep 0.02; done; test "$PASSPHRASE" = '
    + '"$(cat key)"'
)
"""Ends well only if it was given the value, which it compares with a file, so that the command does not have it."""


def command_lines() -> bytes:
    """Return the arguments of all processes."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            found.append(Path(f"/proc/{name}/cmdline").read_bytes())
    return b"\n".join(found)


def files_with(directory: Path, value: str) -> list[Path]:
    """Return the files below a directory that hold ``value``."""
    return [path for path in sorted(directory.rglob("*")) if path.is_file() and value.encode() in path.read_bytes()]


def test_a_secret_is_seen_by_its_unit_alone(pool: LivePool) -> None:
    pool.start_server()
    pool.start_worker("one")
    (pool.directory / "key").write_text(VALUE)
    pool.environ["PASSPHRASE"] = VALUE  # handed on by name, so that it is on no command line at all
    submitted = pool.run("submit", "--env", "PASSPHRASE", "--env", "OMP_NUM_THREADS=3", "--", "/bin/sh", "-c", UNIT)
    del pool.environ["PASSPHRASE"]
    assert (submitted.returncode, submitted.stderr) == (0, "")
    job = int(submitted.stdout)
    wait_until(lambda: pool.row(job)["running"], "the unit runs")
    assert VALUE.encode() not in command_lines()
    (pool.directory / "go").touch()
    assert pool.ended(job)["state"] == "succeeded"

    said = [
        pool.run(*words) for words in (("ls", "--json"), ("show", str(job), "--units", "--json"), ("logs", str(job)))
    ]
    said += [pool.run("log", "show", "--all", "--json"), pool.run("explain", str(job)), pool.run("workers", "--json")]
    assert all(done.returncode == 0 and VALUE not in done.stdout + done.stderr for done in said)
    assert said[2].stdout == f"{len(VALUE)} 3\n"
    assert pool.run("log", "export", "--sqlite", "export.sqlite3").returncode == 0
    assert pool.run("log", "backup", "backup.sqlite3").returncode == 0
    pool.end_server()  # kill -9: what is in the files is all that there is
    (secret,) = files_with(pool.data, VALUE)
    assert secret.parent == pool.data / "secrets"
    assert secret.stat().st_mode & 0o077 == secret.parent.stat().st_mode & 0o077 == 0
    assert files_with(pool.directory, VALUE) == [secret, pool.directory / "key"]

    pool.start_server()
    assert pool.run("delete", str(job)).returncode == 0
    assert files_with(pool.directory, VALUE) == [pool.directory / "key"]
    assert not list(secret.parent.iterdir())


def test_no_secret_outlives_its_job_because_the_server_was_killed(pool: LivePool) -> None:
    pool.start_server()
    with pool.client() as client:
        kept = client.call("submit", argv=("true",), env={"PASSPHRASE": VALUE}, hold=True)["job"]
        gone = client.call("submit", argv=("true",), env={"PASSPHRASE": "another"}, hold=True)["job"]
        directory = pool.data / "secrets"
        before = {path.name: path.read_bytes() for path in directory.iterdir()}
        client.call("cancel", jobs=(gone,))
        client.call("delete", job=gone)
    pool.end_server()
    for name, body in before.items():  # as if it had been killed just before it deleted the file
        (directory / name).write_bytes(body)
    pool.start_server()
    wait_until(lambda: len(list(directory.iterdir())) == 1, "the secrets of the deleted job are gone")
    assert files_with(directory, VALUE)
    assert pool.row(kept)["state"] == "held"
    assert pool.end_server(signal.SIGTERM) == 0


def test_a_refused_job_leaves_no_secret_and_its_refusal_does_not_quote_it(pool: LivePool) -> None:
    pool.start_server()
    with pool.client() as client:
        for wrong in (
            {"domain": "nowhere"},
            {"count": 0},
            {"env": {"PASSPHRASE": f"{VALUE}\0"}},
            {"time_limit_us": -1},
        ):
            try:
                client.call("submit", **{"argv": ("true",), "env": {"PASSPHRASE": VALUE}, **wrong})
            except CallError as error:
                assert VALUE not in error.sentence
            else:
                raise AssertionError(f"{wrong} was accepted")
    assert files_with(pool.directory, VALUE) == []
