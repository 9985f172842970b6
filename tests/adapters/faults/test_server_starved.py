"""The disk is full, the directory is taken, the socket is taken: said in a sentence, and nothing is lost."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

from .pool import LivePool, wait_until

FULL_BYTES = 4_096
"""No file of the server's can grow beyond this while its disk is full: less than any batch of events takes."""

FULL = (FULL_BYTES, resource.RLIM_INFINITY)
FREE = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def limit_disk(pool: LivePool, limits: tuple[int, int]) -> None:
    """Let the running server's files grow no further, or again."""
    assert pool.server is not None
    resource.prlimit(pool.server.pid, resource.RLIMIT_FSIZE, limits)


def is_refused(pool: LivePool, *arguments: str) -> bool:
    """Whether a command is refused, with exit code 1 and one sentence."""
    done = pool.run(*arguments)
    if done.returncode == 0:
        return False
    assert done.returncode == 1, done
    assert done.stderr.startswith("Error: "), done
    assert done.stderr.count("\n") == 1, done
    assert "not_written" not in done.stderr
    return True


def test_a_full_disk_refuses_changes_and_loses_nothing(pool: LivePool) -> None:
    pool.start_server()
    pool.start_worker("one", cpus=4)
    job = pool.submit(
        ("/bin/sh", "-c", "echo x >> begins; until test -e go; do sleep 0.02; done; echo $METED_UNIT"), count=3
    )
    wait_until(lambda: len(pool.lines("begins")) == 3, "all units run")
    limit_disk(pool, FULL)
    try:
        assert is_refused(pool, "submit", "--", "true")
        assert is_refused(pool, "submit", "--env", "TOKEN=x", "--", "true")  # this one would need a second file
        assert is_refused(pool, "cancel", str(job))
        (pool.directory / "go").touch()  # the units end now, and cannot be counted
        for arguments in (("ls", "--json"), ("show", str(job)), ("workers",), ("domain", "ls"), ("explain", str(job))):
            done = pool.run(*arguments)
            assert (done.returncode, done.stderr) == (0, ""), (arguments, done)
        assert pool.row(job)["state"] == "running"
    finally:
        limit_disk(pool, FREE)
    assert pool.ended(job)["succeeded"] == 3
    assert len(pool.lines("begins")) == 3
    again = int(pool.run("submit", "--", "true").stdout)
    assert pool.ended(again)["state"] == "succeeded"
    assert pool.check_history() == {**{(job, unit): [0] for unit in range(3)}, (again, 0): [0]}
    assert not list((pool.data / "secrets").iterdir())


def test_a_server_with_a_full_disk_ends_when_it_is_asked_to(pool: LivePool) -> None:
    pool.start_server()
    pool.start_worker("one")
    limit_disk(pool, FULL)
    assert is_refused(pool, "submit", "--", "true")
    assert pool.end_server(signal.SIGTERM, most_s=15) == 0
    pool.start_server()
    wait_until(lambda: pool.worker_state("one") == "ready", "the worker is back")
    pool.check_history()


def test_a_second_server_on_the_directory_is_told_who_has_it(pool: LivePool) -> None:
    pool.start_server()
    assert pool.server is not None
    second = pool.run("serve", "--listen", f"unix:{pool.directory}/second")
    assert second.returncode == 1
    assert str(pool.server.pid) in second.stderr
    assert second.stderr.count("\n") == 1
    assert pool.is_answered()


def test_a_second_server_on_the_socket_leaves_the_first_alone(pool: LivePool) -> None:
    pool.start_server()
    second = pool.run("serve", "--data", str(pool.directory / "other"))
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert pool.address.removeprefix("unix:") in second.stderr
    assert pool.is_answered()  # its socket is where it was


def test_a_server_that_is_stopped_says_nothing_on_standard_error(pool: LivePool) -> None:
    pool.start_server()
    command = [sys.executable, "-m", "meted.adapters.cli", "wait", "1"]
    pool.submit(("true",), hold=True)
    with subprocess.Popen(command, env=pool.environ, stderr=subprocess.DEVNULL) as waiting:
        wait_until(lambda: os.path.exists(f"/proc/{waiting.pid}"), "somebody waits")
        assert pool.end_server(signal.SIGTERM) == 0  # although somebody is connected and waits
        waiting.kill()
    assert pool.errors == ""
