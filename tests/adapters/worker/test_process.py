"""Worker and keeper as real processes, over a Unix socket, against a scripted server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from meted.adapters.wire.convert import plain
from meted.adapters.wire.messages import Notification
from meted.adapters.wire.params_to_workers import GivenLease, Run
from meted.adapters.worker.lost import IDENTITY
from meted.core.spec import Spec, pack_spec, spec_digest

from .scripted import Peer

pytestmark = pytest.mark.slow


class Host:
    """A Unix socket, and what dials it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrived, self._arrivals = trio.open_memory_channel[Peer](100)

    async def listen(self) -> None:
        sock = trio.socket.socket(trio.socket.AF_UNIX)
        await sock.bind(str(self.path))
        sock.listen()
        await trio.serve_listeners(self._serve, [trio.SocketListener(sock)])

    async def _serve(self, stream: trio.SocketStream) -> None:
        self._arrived.send_nowait(Peer(stream))
        await trio.sleep_forever()

    async def peer(self) -> Peer:
        return await self._arrivals.receive()

    async def lost(self) -> Peer:
        """The connection of somebody who has something to say about a worker."""
        peer = await self.peer()
        await peer.answer("hello", {"protocol": 1})
        return peer


@contextmanager
def meted_worker(tmp_path: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """``meted worker`` with its own directory, killed at the end whatever happens."""
    command = [
        sys.executable,
        "-m",
        "meted.adapters.cli",
        "worker",
        "--server",
        f"unix:{tmp_path}/s",
        "--dir",
        str(tmp_path / "w"),
    ]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()


async def told(process: subprocess.Popen[str], word: str) -> None:
    """Wait until a worker has said something on standard error."""
    assert process.stderr is not None
    while word not in (line := await trio.to_thread.run_sync(process.stderr.readline)):
        assert line, f"the worker ended and never said {word}"


def play(tmp_path: Path, scene: Callable[[Host], Awaitable[None]]) -> None:
    async def main() -> None:
        host = Host(tmp_path / "s")
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(host.listen)
                await scene(host)
                nursery.cancel_scope.cancel()

    trio.run(main)


async def give(peer: Peer, number: int, count: int, *argv: str) -> None:
    """Give a lease of units that run ``argv``."""
    body = pack_spec(Spec(argv))
    lease = GivenLease(number, number, 0, count, 1, spec_digest(body), cpu_milli=1_000, units=count)
    await peer.send(Notification("run", plain(Run((lease,), ((spec_digest(body), body),)))))


def worker_pid(keeper: subprocess.Popen[str]) -> int:
    """The process id of the worker proper."""
    return int(Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text().split()[0])


def is_alive(pid: str) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_it_runs_processes_reports_them_and_leaves(tmp_path: Path) -> None:
    async def scene(host: Host) -> None:
        with meted_worker(tmp_path, "--cpus", "1", "--mem", "1G", "--resource", "gpu=0.5", "--label", "a=b") as process:
            peer = await host.peer()
            join = await peer.join(3)
            assert join.params["cpu_milli"] == 1_000
            assert join.params["mem_bytes"] == 10**9
            assert join.params["generic"] == {"gpu": 500}
            assert join.params["labels"]["a"] == "b"
            await give(peer, 1, 3, "echo", "unit {index}")
            results: dict[int, bytes] = {}
            while len(results) < 3:
                report = await peer.answer("worker.finish")
                assert report.params["exits"] == ()
                results.update(report.params["results"])
            assert results == {index: f"unit {index}\n".encode() for index in range(3)}
            process.send_signal(signal.SIGINT)
            await peer.answer("drain")
            await peer.answer("worker.leave")
            code = await trio.to_thread.run_sync(process.wait)
            assert code == 0
            assert not (tmp_path / "w" / IDENTITY).exists()
            assert process.stderr is not None
            assert process.stderr.read() == "Connected to the server as worker 3.\n"

    play(tmp_path, scene)


def test_when_the_worker_is_killed_its_units_die_and_the_keeper_tells_the_server(tmp_path: Path) -> None:
    async def scene(host: Host) -> None:
        with meted_worker(tmp_path) as process:
            peer = await host.peer()
            instance = (await peer.join(3)).params["instance"]
            await give(peer, 1, 1, "sh", "-c", f"setsid sleep 600 & echo $! > {tmp_path}/pid; wait")
            await peer.next()
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
                await trio.sleep(0.01)
            unit = int((tmp_path / "pid").read_text())
            began_s = time.monotonic()
            os.kill(worker_pid(process), signal.SIGKILL)
            lost = await (await host.lost()).answer("worker.lost")
            assert lost.params["worker"] == 3
            assert lost.params["instance"] == instance
            assert lost.params["reason"] == "the worker was killed by SIGKILL"
            assert time.monotonic() - began_s < 2
            with pytest.raises(ProcessLookupError):
                os.kill(unit, 0)
            code = await trio.to_thread.run_sync(process.wait)
            assert code == 128 + signal.SIGKILL

    play(tmp_path, scene)


def test_when_the_keeper_is_killed_nothing_is_left(tmp_path: Path) -> None:
    async def scene(host: Host) -> None:
        with meted_worker(tmp_path) as process:
            peer = await host.peer()
            await peer.join(3)
            await give(peer, 1, 1, "sleep", "600")
            await peer.next()
            pid = worker_pid(process)
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            process.kill()
            lost = await (await host.lost()).answer("worker.lost")
            assert lost.params["reason"] == "the worker has lost its keeper"
            await peer.until_closed()
            for child in children:
                assert not Path(f"/proc/{child}").exists()

    play(tmp_path, scene)


def test_sigterm_kills_the_units_and_says_which_had_started(tmp_path: Path) -> None:
    async def scene(host: Host) -> None:
        with meted_worker(tmp_path, "--cpus", "1") as process:
            peer = await host.peer()
            await peer.join(3)
            await give(peer, 1, 3, "sleep", "600")
            await peer.next()
            process.terminate()
            await peer.answer("drain")
            assert (await peer.answer("worker.give_back")).params["spans"] == ((1, 2),)
            assert (await peer.answer("worker.lost")).params["started"] == ((1, ((0, 1),)),)
            assert await trio.to_thread.run_sync(process.wait) == 0

    play(tmp_path, scene)


def test_a_directory_has_one_worker(tmp_path: Path) -> None:
    async def scene(host: Host) -> None:
        with meted_worker(tmp_path) as first:
            peer = await host.peer()
            await peer.join(3)
            with meted_worker(tmp_path) as second:
                assert second.stderr is not None
                assert await trio.to_thread.run_sync(second.wait) == 1
                said = second.stderr.read()
                assert "Another worker uses the directory" in said
                assert "Traceback" not in said
            first.terminate()
            await peer.answer("drain")
            await peer.answer("worker.leave")

    play(tmp_path, scene)


def test_the_next_worker_in_a_directory_buries_the_last_one(tmp_path: Path) -> None:
    async def scene(host: Host) -> None:
        with meted_worker(tmp_path) as process:
            peer = await host.peer()
            instance = (await peer.join(3)).params["instance"]
            await give(peer, 1, 1, "sleep", "600")
            await peer.next()
            pid = worker_pid(process)
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            process.send_signal(signal.SIGSTOP)
            os.kill(pid, signal.SIGKILL)
            process.kill()
            await peer.until_closed()
            assert await trio.to_thread.run_sync(process.wait) == -signal.SIGKILL
            assert all(Path(f"/proc/{child}").exists() for child in children)
        with meted_worker(tmp_path) as process:
            lost = await (await host.lost()).answer("worker.lost")
            assert (lost.params["worker"], lost.params["instance"]) == (3, instance)
            assert not any(is_alive(child) for child in children)
            peer = await host.peer()
            assert (await peer.join(4)).params["instance"] != instance
            await told(process, "Connected")
            process.terminate()
            await peer.answer("drain")
            await peer.answer("worker.leave")

    play(tmp_path, scene)


def test_it_leaves_when_its_time_is_over(tmp_path: Path) -> None:
    async def scene(host: Host) -> None:
        with meted_worker(tmp_path, "--until", "now+3s") as process:
            peer = await host.peer()
            join = await peer.join(3)
            assert 0 < join.params["until_us"] - time.time_ns() // 1_000 <= 3_000_000
            await give(peer, 1, 1, "sleep", "600")
            await peer.answer("drain")
            assert (await peer.answer("worker.lost")).params["started"] == ((1, ((0, 1),)),)
            assert await trio.to_thread.run_sync(process.wait) == 0

    play(tmp_path, scene)


def test_without_a_server_its_patience_ends(tmp_path: Path) -> None:
    with meted_worker(tmp_path, "--patience", "300ms") as process:
        assert process.stderr is not None
        assert process.wait(20) == 3
        said = process.stderr.read().splitlines()
        assert said[0] == f"No server: nothing listens at unix:{tmp_path}/s. The worker dials again."
        assert said[1].startswith("No server for 0 s; the worker gives up.")
