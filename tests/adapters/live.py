"""A server as a process of its own, and a worker that the test plays by hand."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.wire.errors import CallError, Unreachable
from meted.adapters.wire.messages import Notification

START_S = 30.0
"""A server that does not listen by then does not work."""

BEAT_S = 2.0
"""A worker says so often that it is there; the server takes it for lost after 15 s of silence."""

Call = Callable[[int, int], bytes | None]
"""What a unit is: (job, index) -> its result, or an exception."""


class LiveServer:
    """``meted serve``, or another command that prints where it listens, in a directory of its own."""

    def __init__(self, *arguments: str) -> None:
        """Prepare; ``arguments`` are the command and its options."""
        self.directory = Path(tempfile.mkdtemp(prefix="meted-"))  # short: a socket's path must be
        self.address = f"unix:{self.directory}/socket"
        self.environ = {
            **os.environ,
            "METED_SERVER": self.address,
            "METED_DATA": str(self.directory / "data"),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
            "COLUMNS": "100",
        }
        self._arguments = arguments or ("serve",)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = self.directory / "said"

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [sys.executable, "-m", "meted.adapters.cli", *self._arguments, "--listen", self.address]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=self.environ, stdout=log)
        deadline_s = time.monotonic() + START_S
        while "listens at" not in self.log.read_text():
            assert self.process.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it with kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(START_S)

    def run(
        self, *arguments: str, text: str = "", environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of ``meted`` that finds this server."""
        return subprocess.run(
            [sys.executable, "-m", "meted.adapters.cli", *arguments],
            env={**self.environ, **(environ or {})},
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def remove(self) -> None:
        """Stop it, and remove its directory."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def live_server(*arguments: str) -> Iterator[LiveServer]:
    """Run a server as long as the block lasts."""
    server = LiveServer(*arguments)
    try:
        server.start()
        yield server
    finally:
        server.remove()


class BeatingClient(BlockingClient):
    """A client that says all the while that it is there, from a thread, however long nothing else is asked of it."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._turn = threading.RLock()
        self._closed = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def call(self, method: str, /, **params: object) -> Any:
        with self._turn:
            return super().call(method, **params)

    def notifications(self, wait_s: float = 0.0) -> list[Notification]:
        with self._turn:
            return super().notifications(wait_s)

    def close(self) -> None:
        self._closed.set()
        with self._turn:
            super().close()

    def _beat(self) -> None:
        with contextlib.suppress(Unreachable, CallError):
            while not self._closed.wait(BEAT_S):
                self.call("ping")


class HandWorker:
    """A worker that runs units as Python calls, when it is told to."""

    def __init__(self, address: str, cpu_milli: int = 1000) -> None:
        """Join the server at ``address``."""
        self.client = BeatingClient(address)
        self.instance = secrets.token_hex(8)
        self._leases: dict[int, Mapping[str, int]] = {}
        answer = self.client.call("worker.join", name="hand", instance=self.instance, cpu_milli=cpu_milli)
        self.worker = answer["worker"]

    def work(self, call: Call, quiet_s: float = 0.2) -> int:
        """Run what is given to it until nothing comes any more; return how many units were run."""
        ran = 0
        while True:
            heard = self.hear(quiet_s)
            if not self._leases:
                if heard:
                    continue
                self.client.call("ping")  # however busy the server is, this is answered after what it had to say
                if not self.hear(quiet_s):
                    return ran
                continue
            lease = self._leases.pop(min(self._leases))
            ran += self._run(lease, call)

    def hear(self, wait_s: float) -> bool:
        """Take what the server says; return whether it said anything."""
        messages = self.client.notifications(wait_s)
        for message in messages:
            if message.method == "run":
                for lease in cast("list[Mapping[str, int]]", message.params["leases"]):
                    self._leases[lease["lease"]] = lease
            elif message.method in {"stop", "ask_back"}:
                for number in cast("list[int]", message.params["leases"]):
                    self.give_back(number)
        return bool(messages)

    def give_back(self, number: int) -> None:
        """Give a lease back, if it is still there."""
        lease = self._leases.pop(number, None)
        if lease is not None:
            spans = [[lease["first"], lease["count"]]]
            self.client.call("worker.give_back", worker=self.worker, lease=number, spans=spans)

    def leave(self) -> None:
        """Give everything back and hang up."""
        self.client.call("worker.leave", worker=self.worker, instance=self.instance)
        self.client.close()

    def _run(self, lease: Mapping[str, int], call: Call) -> int:
        results, exits, run_us = [], [], []
        for index in range(lease["first"], lease["first"] + lease["count"]):
            begun = time.monotonic()
            try:
                result = call(lease["job"], index)
            except Exception as error:
                exits.append([index, 1])
                result = str(error).encode()
            if result is not None:
                results.append([index, result])
            run_us.append(int((time.monotonic() - begun) * 1e6))
        self.client.call(
            "worker.finish",
            worker=self.worker,
            lease=lease["lease"],
            done=[[lease["first"], lease["count"]]],
            run_us=run_us,
            exits=exits,
            results=results,
        )
        return lease["count"]
