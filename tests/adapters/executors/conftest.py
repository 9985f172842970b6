"""Both executors behind one face, for the contract's tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import trio
import trio.testing

from meted.adapters.executors.contract import EXIT_NOT_STARTED, Executor, UnitEnd, UnitKey, UnitToRun
from meted.adapters.executors.options import PLAIN, ProcessOptions, pack_options
from meted.adapters.executors.process import ProcessExecutor
from meted.adapters.executors.simulated import Behaviour, SimulatedExecutor
from meted.core.resources import NOTHING, Resources
from meted.core.spec import Spec

T = TypeVar("T")
SHELL = "/bin/sh"
NONE: Mapping[str, str] = {}

# What a unit does, in a word: the shell command that does it, and how it is simulated.
WORDS: Mapping[str, tuple[str, Behaviour]] = {
    "quick": ("sleep 0.02; echo done", Behaviour(20_000, stdout=b"done\n", cpu_us=900, peak_bytes=1 << 20)),
    "silent": (":", Behaviour(1_000)),
    "long": ("echo begun >&2; exec sleep 30", Behaviour(30_000_000, stderr=b"begun\n")),
    "fails": ("echo why >&2; exit 3", Behaviour(1_000, 3, stderr=b"why\n")),
    "crashes": ("kill -SEGV $$", Behaviour(1_000, -11)),
    "stubborn": ("trap '' TERM; sleep 30 & while :; do wait; done", Behaviour(30_000_000, stubborn=True)),
    "loud": ("head -c 200000 /dev/zero | tr '\\0' a", Behaviour(1_000, stdout=b"a" * 200_000)),
    "half": ("sleep 0.5", Behaviour(500_000)),
    "absent": ("", Behaviour(0, EXIT_NOT_STARTED)),
}


class Bench:
    """An executor, how to make its units, and how to run a test on it."""

    def __init__(self, directory: Path, kind: str) -> None:
        self.kind = kind
        self.directory = directory
        self.words: dict[int, str] = {}
        self.next = 0

    def make(self, grace_us: int = 200_000) -> Executor:
        if self.kind == "process":
            return ProcessExecutor(str(self.directory), grace_us=grace_us)
        return SimulatedExecutor(lambda job, _index, _attempt: WORDS[self.words[job]][1], grace_us=grace_us)

    def unit(self, word: str, time_limit_us: int | None = None) -> UnitToRun:
        self.next += 1
        self.words[self.next] = word
        spec = Spec((SHELL, "-c", WORDS[word][0]) if word != "absent" else ("/no/such/program",), cwd="/")
        return UnitToRun(self.next, 0, 1, self.next, spec, time_limit_us=time_limit_us)

    def run(self, scenario: Callable[[Executor], Awaitable[T]], grace_us: int = 200_000) -> T:
        async def main() -> T:
            executor = self.make(grace_us)
            executor.open()
            try:
                with trio.fail_after(10):
                    return await scenario(executor)
            finally:
                executor.close()

        clock = trio.testing.MockClock(autojump_threshold=0) if self.kind == "simulated" else None
        return trio.run(main, clock=clock)


@pytest.fixture(params=["process", "simulated"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """Each of the executors in turn."""
    return Bench(tmp_path, request.param)


class Processes:
    """The executor of processes, for what it alone does."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.executor = ProcessExecutor(str(directory / "worker"), grace_us=200_000)
        self.executor.open()
        self.jobs = 0

    def unit(
        self,
        *argv: str,
        index: int = 0,
        cwd: str | None = "/",
        options: ProcessOptions = PLAIN,
        env: tuple[tuple[str, str], ...] = (),
        secrets: Mapping[str, str] = NONE,
        told: Mapping[str, str] = NONE,
        count: int = 1,
        request: Resources = NOTHING,
    ) -> UnitToRun:
        self.jobs += 1
        return UnitToRun(
            self.jobs,
            index,
            1,
            self.jobs,
            Spec(argv, env, cwd, pack_options(options)),
            count,
            told.get("name", ""),
            told.get("domain", ""),
            secrets,
            request,
        )

    def shell(
        self,
        command: str,
        cwd: str | None = "/",
        options: ProcessOptions = PLAIN,
        secrets: Mapping[str, str] = NONE,
    ) -> UnitToRun:
        return self.unit(SHELL, "-c", command, cwd=cwd, options=options, secrets=secrets)

    def run(self, *units: UnitToRun) -> list[UnitEnd]:
        return trio.run(partial(self._run, units))

    async def _run(self, units: tuple[UnitToRun, ...]) -> list[UnitEnd]:
        ends: dict[UnitKey, UnitEnd] = {}

        async def one(unit: UnitToRun) -> None:
            ends[unit.key] = await self.executor.run(unit)

        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                for unit in units:
                    nursery.start_soon(one, unit)
        return [ends[unit.key] for unit in units]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """An open executor of processes; at the end it is closed."""
    made = Processes(tmp_path)
    yield made
    made.executor.close()
