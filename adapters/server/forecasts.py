"""Forecasts of a server: each made by another process, one at a time, and used again for a while."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable

import attrs
import trio

from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.forecast import Forecast
from meted.core.limits import FORECAST_HORIZON_US
from meted.core.policy.memory import Memory, followed
from meted.core.state import State
from meted.core.what_if import events_of_points, price_of_points

from ..forecaster import pack_request
from ..forecasts import PointsView, points_view, unpack_forecast
from ..live_policies import live_policy_text
from ..wire.errors import CallError, Code
from .runner import Runner
from .state_body import snapshot_body

FORECAST_S = 12.0
"""A forecast that takes longer is given up, and its process killed: also who waited for another is answered in time."""

FORECAST_JOBS_MAX = 200_000
"""Jobs and leases in the state; of more no forecast is made."""

FRESH_S = 5.0
"""A forecast is used again for so long, whatever has happened since; so is the news that there is none."""

SAME_S = 60.0
"""And for so long where nothing has happened since."""

PROGRAM = (sys.executable, "-m", "meted.adapters.forecaster")

Make = Callable[[bytes], Awaitable[bytes]]
"""Takes a packed request and returns the packed forecast, or raises ``CallError``."""


@attrs.frozen
class _Made:
    """What came out, when, and up to which job it knows.

    Attributes:
        made_s: By trio's clock.
        seq, next_job_id: Of the state that it starts from.
        found: The forecast, or why there is none.
    """

    made_s: float
    seq: int
    next_job_id: int
    found: Forecast | CallError


class Forecasts:
    """Makes forecasts of what is durable."""

    def __init__(self, engine: Engine, clock: Callable[[], int], runner: Runner) -> None:
        """Prepare.

        Args:
            engine: Whose committed state they start from.
            clock: Gives the time, microseconds.
            runner: How the state is packed, which takes as long as it is large.
        """
        self.make: Make = in_process
        self._engine = engine
        self._clock = clock
        self._runner = runner
        self._making = trio.Lock()
        self._last: _Made | None = None
        self._compared: tuple[int, int, _Made, PointsView | None] | None = None

    async def latest(self, job_id: int = 0) -> Forecast:
        """Return a forecast that knows of a job, if there is one; one that was made a moment ago will do.

        Raises:
            CallError: There is none; the sentence says why.
        """
        async with self._making:
            if not self._will_do(job_id):
                engine = self._engine
                self._last = await self._made(engine.committed, engine.committed_memory, self._clock())
            assert self._last is not None, "it was made"
            if isinstance(self._last.found, CallError):
                raise self._last.found
            return self._last.found

    async def compared(self, job_id: int, points: int) -> tuple[Forecast, PointsView | None]:
        """Return a forecast, and what it would be for a job that had so many more points, both of one moment.

        The second is None where such points cannot be had, or where it takes too long.

        Raises:
            CallError: There is no forecast at all; the sentence says why.
        """
        async with self._making:
            compared = self._compared
            if compared is not None and compared[:2] == (job_id, points) and self._is_fresh(compared[2]):
                made, view = compared[2:]
            else:
                state, memory, at_us = self._engine.committed, self._engine.committed_memory, self._clock()
                self._last = made = await self._made(state, memory, at_us)
                view = None
                if not isinstance(made.found, CallError):
                    view = await self._raised(state, memory, at_us, job_id, points)
                self._compared = job_id, points, made, view
            if isinstance(made.found, CallError):
                raise made.found
            return made.found, view

    async def _raised(
        self, state: State, memory: Memory | None, at_us: int, job_id: int, points: int
    ) -> PointsView | None:
        try:
            events, cost_mc = events_of_points(state, at_us, job_id, points), price_of_points(state, job_id, points)
        except Refused:
            return None
        # With a memory this makes an index of the whole state, for which nobody else should wait.
        policy = self._engine.policy
        raised, remembered = await self._runner(lambda: followed(policy, state, memory, events))
        made = await self._made(raised, remembered, at_us)
        if isinstance(made.found, CallError):
            return None
        return points_view(made.found, job_id, points, cost_mc or 0)

    def _will_do(self, job_id: int) -> bool:
        return self._last is not None and job_id < self._last.next_job_id and self._is_fresh(self._last)

    def _is_fresh(self, made: _Made) -> bool:
        limit_s = SAME_S if made.seq == self._engine.committed.seq else FRESH_S
        return trio.current_time() - made.made_s < limit_s

    async def _made(self, state: State, memory: Memory | None, at_us: int) -> _Made:
        try:
            text = self._check()
            policy = self._engine.policy
            body = await snapshot_body(state, policy, memory, self._runner)
            request = pack_request(text, at_us, FORECAST_HORIZON_US, body)
            found: Forecast | CallError = unpack_forecast(await self.make(request))
        except CallError as error:
            found = error
        return _Made(trio.current_time(), state.seq, state.jobs.next_job_id, found)

    def _check(self) -> str:
        """Return the policy as a text, unless there can be no forecast."""
        policy, jobs = self._engine.policy, self._engine.committed.jobs
        text = live_policy_text(policy)
        if text is None:
            raise _no_forecast(f"The policy {policy.name!r} is known to this server alone, so there is no forecast.")
        size = len(jobs.jobs) + len(jobs.leases)
        if size > FORECAST_JOBS_MAX:
            raise _no_forecast(
                f"There are {size:,} jobs and leases, and forecasts are made of up to {FORECAST_JOBS_MAX:,}; ask again "
                "when there are fewer, and see what explain says meanwhile.",
            )
        return text


async def in_process(request: bytes) -> bytes:
    """Have another process make a forecast; it is killed when it takes too long, or when nobody waits any more.

    Raises:
        CallError: It could not.
    """
    try:
        with trio.move_on_after(FORECAST_S):
            done = await trio.run_process(
                list(PROGRAM), stdin=request, capture_stdout=True, stderr=subprocess.DEVNULL, check=False
            )
            if done.returncode == 0:
                return done.stdout
            raise _no_forecast(
                "The process that makes forecasts has failed, maybe for want of memory or cpu time; ask again later.",
            )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _no_forecast(f"No process could be started for a forecast: {reason}; ask again later.") from None
    raise _no_forecast(
        f"The forecast has taken longer than {FORECAST_S:g} s and was given up; ask again when less waits.",
    )


def _no_forecast(sentence: str) -> CallError:
    return CallError(Code.FAILED, "no_forecast", sentence)
