"""Forecasts of a server: each made by another process, one at a time, and used again for a while."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable

import attrs
import trio

from meted.core.engine import Engine
from meted.core.forecast import Forecast
from meted.core.limits import FORECAST_HORIZON_US
from meted.core.policy.registry import POLICIES
from meted.core.schema import encode_state

from ..forecaster import pack_request
from ..forecasts import unpack_forecast
from ..wire.errors import CallError, Code
from .runner import Runner

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

    async def latest(self, job_id: int = 0) -> Forecast:
        """Return a forecast that knows of a job, if there is one; one that was made a moment ago will do.

        Raises:
            CallError: There is none; the sentence says why.
        """
        async with self._making:
            if not self._will_do(job_id):
                self._last = await self._made()
            assert self._last is not None, "it was made"
            if isinstance(self._last.found, CallError):
                raise self._last.found
            return self._last.found

    def _will_do(self, job_id: int) -> bool:
        last = self._last
        if last is None or job_id >= last.next_job_id:
            return False
        limit_s = SAME_S if last.seq == self._engine.committed.seq else FRESH_S
        return trio.current_time() - last.made_s < limit_s

    async def _made(self) -> _Made:
        state, found = self._engine.committed, None
        try:
            self._check()
            body = await self._runner(lambda: encode_state(state))
            request = pack_request(self._engine.policy.name, self._clock(), FORECAST_HORIZON_US, body)
            found = unpack_forecast(await self.make(request))
        except CallError as error:
            return _Made(trio.current_time(), state.seq, state.jobs.next_job_id, error)
        return _Made(trio.current_time(), state.seq, state.jobs.next_job_id, found)

    def _check(self) -> None:
        name, jobs = self._engine.policy.name, self._engine.committed.jobs
        if name not in POLICIES:
            raise _refusal(
                "no_forecast", f"The policy {name!r} is known to this server alone, so there is no forecast."
            )
        size = len(jobs.jobs) + len(jobs.leases)
        if size > FORECAST_JOBS_MAX:
            raise _refusal(
                "no_forecast",
                f"There are {size:,} jobs and leases, and forecasts are made of up to {FORECAST_JOBS_MAX:,}; ask again "
                "when there are fewer, and see what explain says meanwhile.",
            )


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
            raise _refusal(
                "no_forecast",
                "The process that makes forecasts has failed, maybe for want of memory or cpu time; ask again later.",
            )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _refusal(
            "no_forecast", f"No process could be started for a forecast: {reason}; ask again later."
        ) from None
    raise _refusal(
        "no_forecast",
        f"The forecast has taken longer than {FORECAST_S:g} s and was given up; ask again when less waits.",
    )


def _refusal(reason: str, sentence: str) -> CallError:
    return CallError(Code.FAILED, reason, sentence)
