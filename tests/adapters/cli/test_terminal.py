"""What a person sees: the commands on a terminal of 100 columns."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator

import pytest
from rich.console import Console

from meted.adapters.cli.watch import picture

from ..live import HandWorker, LiveServer, live_server

COLUMNS, LINES = 100, 30
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server with the domain ``default``, and a job that fits nowhere."""
    with live_server() as made:
        made.run("domain", "set", "default")
        made.run("submit", "--name", "too large for anybody", "--mem", "900T", "--", "x")
        yield made


class Look:
    """Waits until something can be read on a terminal."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._seen = threading.Event()

    def at(self, text: str) -> None:
        """This is what can be read so far."""
        if self._words in text:
            self._seen.set()

    def wait(self) -> None:
        """Wait until the words are there."""
        assert self._seen.wait(60), f"{self._words!r} was never seen"


def on_terminal(server: LiveServer, *arguments: str, look: Look | None = None) -> list[str]:
    """Run a command with a terminal as its output; return the lines that it printed, without colours."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environ = {name: value for name, value in server.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    command = [sys.executable, "-m", "meted.adapters.cli", *arguments]
    process = subprocess.Popen(command, env=environ | {"TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 65_536):
            said += piece
            if look is not None:
                look.at(ESCAPES.sub("", said.decode(errors="replace")))
    except OSError:  # what Linux says when the other end is closed
        pass
    os.close(ours)
    process.wait(30)
    return ESCAPES.sub("", said.decode()).replace("\r", "\n").splitlines()


@pytest.mark.parametrize("arguments", [["ls"], ["workers"], ["domain", "ls"], ["show", "1", "--units"]])
def test_tables_fit(server: LiveServer, arguments: list[str]) -> None:
    worker = HandWorker(server.address)
    lines = on_terminal(server, *arguments)
    worker.leave()
    assert any("──" in line for line in lines)
    assert max(map(len, lines)) <= COLUMNS or arguments[0] == "show"  # a sentence alone is broken by the terminal


def test_ls_has_one_line_a_job(server: LiveServer) -> None:
    lines = [line for line in on_terminal(server, "ls") if "too large for anybody" in line]
    assert len(lines) == 1
    assert lines[0].rstrip().endswith("…")


def test_wait_and_watch_show_how_far_it_is(server: LiveServer) -> None:
    job = server.run("submit", "--name", "seen", "--count", "2", "--", "x").stdout.strip()
    seen: dict[str, list[str]] = {}
    looks = {"wait": Look(f"Job {job} ━"), "watch": Look("seen")}  # a bar is shown after a second

    def look(command: str) -> None:
        seen[command] = on_terminal(server, command, job, look=looks[command])

    lookers = [threading.Thread(target=look, args=(command,)) for command in looks]
    for looker in lookers:
        looker.start()
    for one in looks.values():
        one.wait()
    worker = HandWorker(server.address)
    worker.work(lambda job_id, index: None)
    for looker in lookers:
        looker.join()
    worker.leave()
    assert any(f"Job {job} ━" in line for line in seen["wait"])
    assert any("succeeded" in line and "100%" in line and "seen" in line for line in seen["watch"])
    assert max(map(len, seen["watch"])) <= COLUMNS


def test_watch_says_why_a_job_waits(server: LiveServer) -> None:
    first = server.run("submit", "--hold", "--", "x").stdout.strip()
    job = server.run("submit", "--after", first, "--", "x").stdout.strip()
    look = Look(f"It runs after job {first} (held)")
    looker = threading.Thread(target=on_terminal, args=(server, "watch", job), kwargs={"look": look})
    looker.start()
    look.wait()
    server.run("cancel", first)
    looker.join()


def test_watch_says_that_the_pool_is_read_only() -> None:
    console = Console(width=COLUMNS, height=LINES, color_system=None)

    def headline(*, is_read_only: bool) -> str:
        with console.capture() as capture:
            console.print(picture(console, {}, {}, True, is_read_only))
        return capture.get().splitlines()[0].rstrip()

    assert headline(is_read_only=True) == headline(is_read_only=False) + "; read-only"


def test_logs_have_headings(server: LiveServer) -> None:
    job = server.run("submit", "--count", "2", "--", "x").stdout.strip()
    worker = HandWorker(server.address)
    worker.work(lambda job_id, index: f"unit {index}".encode())
    worker.leave()
    lines = [line for line in on_terminal(server, "logs", job) if line]
    assert lines == [f"==> job {job}, unit 0 <==", "unit 0", f"==> job {job}, unit 1 <==", "unit 1"]
