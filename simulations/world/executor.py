"""The simulated executor with a witness beside it: every start and end is seen, and what must never be is noticed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from random import Random

import trio

from meted.adapters.executors.contract import Output, UnitEnd, UnitKey, UnitToRun, Usage, nothing
from meted.adapters.executors.simulated import Behaviour, SimulatedExecutor
from meted.core.resources import Resources

from .witness import Execution, Witness

COMMAND = "simulated"
"""First argument of the units of a world; then come the run time in microseconds, the failures in percent, and
``secret`` where the environment holds one."""

SECRETS = {"PASSWORD": "top-secret-value"}
"""An environment that must never be in the log."""


@lru_cache(maxsize=10_000)
def behaviour(seed: int, argv: tuple[str, ...], job_id: int, index: int, attempt: int) -> Behaviour:
    """Return what a try of a unit does: the same in every process."""
    random = Random(f"{seed}:unit:{job_id}:{index}:{attempt}")
    _, run_us, failing_percent, _ = argv
    fails = random.randrange(100) < int(failing_percent)
    took_us = max(1, int(run_us) * random.randint(50, 150) // 100)
    said = f"{job_id}/{index}/{attempt}".encode()
    stubborn = random.random() < 0.1
    return Behaviour(took_us, random.choice((1, 2, 257)) if fails else 0, said, b"", took_us, 2**20, stubborn)


class WatchedExecutor:
    """An executor of one life of a worker."""

    def __init__(
        self, witness: Witness, seed: int, node: str, life: int, capacity: Resources, is_alive: Callable[[], bool]
    ) -> None:
        """Run units of at most ``capacity`` together; what a dead node starts runs nowhere."""
        self._witness = witness
        self._capacity = capacity
        self._node = node
        self._life = life
        self._is_alive = is_alive
        self._argv: dict[int, tuple[str, ...]] = {}
        self._inner = SimulatedExecutor(lambda job, index, tried: behaviour(seed, self._argv[job], job, index, tried))

    @property
    def features(self) -> frozenset[str]:
        """All that the simulated executor has."""
        return self._inner.features

    def open(self) -> None:
        """Get ready."""
        self._inner.open()

    def close(self) -> None:
        """End what runs."""
        self._inner.close()

    async def run(self, unit: UnitToRun, started: Callable[[], None] = nothing) -> UnitEnd:
        """Run a unit, and see it."""
        if not self._is_alive():
            await trio.sleep_forever()
        self._argv[unit.job_id] = unit.spec.argv
        execution = Execution(self._node, self._life, unit.lease_id, unit.job_id, unit.index, unit.attempt, _now_us())
        if unit.key in self._witness.executions:
            self._witness.fail(f"Unit {unit.index} of lease {unit.lease_id} was started twice.")
        self._witness.executions[unit.key] = execution
        if dict(unit.secrets) != (SECRETS if unit.spec.argv[-1] == "secret" else {}):
            self._witness.fail(f"Unit {unit.index} of job {unit.job_id} was given the secrets {dict(unit.secrets)}.")
        try:
            end = await self._inner.run(unit, lambda: self._started(started))
            execution.exit_code, execution.result = end.exit_code, end.result
        finally:
            execution.end_us = _now_us()
        return end

    def kill(self, key: UnitKey, grace_us: int = 5_000_000) -> bool:
        """End a unit."""
        return self._inner.kill(key, grace_us)

    def suspend(self, key: UnitKey) -> bool:
        """Stop a unit's sleep."""
        return self._inner.suspend(key)

    def resume(self, key: UnitKey) -> bool:
        """Let a unit sleep on."""
        return self._inner.resume(key)

    def usage(self) -> Usage:
        """Return what runs now."""
        return self._inner.usage()

    def read(self, job_id: int, index: int, attempt: int | None, stream: str, offset: int, limit_bytes: int) -> Output:
        """Return a part of what a unit wrote."""
        return self._inner.read(job_id, index, attempt, stream, offset, limit_bytes)

    def forget(self, job_id: int) -> None:
        """Drop what a job's units wrote."""
        self._inner.forget(job_id)

    def _started(self, started: Callable[[], None]) -> None:
        if not self._inner.usage().held.fits(self._capacity):
            self._witness.fail(f"{self._node} runs more than it has room for.")
        started()


def _now_us() -> int:
    return round(trio.current_time() * 1_000_000)
