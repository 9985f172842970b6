"""One run from beginning to end, in the process that calls."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..lending import workload_figures
from ..policies.registry import make_policy
from ..replay import Replay
from ..results.documents import PROGRESS_JOBS, rare_collections, user_cpu_us
from ..results.metrics import JsonValue, Metrics
from ..results.report import TIE_RULE
from ..ruled import check_rules
from ..traces.trace import read_trace
from .cells import CellCounter, Cells
from .request import RunRequest


@attrs.frozen
class RunResult:
    """What a run came to.

    Attributes:
        figures: What ``meted simulate --json`` writes of the same run.
        cells: What it takes to resample it.
    """

    figures: dict[str, JsonValue]
    cells: Cells


def perform(request: RunRequest, progress: Callable[[int, int], None] | None = None) -> RunResult:
    """Read a trace and replay it.

    Args:
        request: What to do.
        progress: Called now and then with how many jobs have ended, and of how many.

    Raises:
        SimulationError: It cannot be done as asked.
    """
    check_rules(request.policy, request.rules)
    with rare_collections():
        trace = read_trace(request.path, request.options)
        metrics, counter = Metrics(trace, trace.shares), CellCounter()
        policy = make_policy(request.policy)
        replay = Replay(trace, policy, request.event_order, [metrics, counter], None, request.rules)
        while not replay.run(PROGRESS_JOBS):
            if progress is not None:
                progress(replay.ended, len(trace))
        figures = metrics.results(request.policy, request.event_order, user_cpu_us(), request.rules)
    figures |= workload_figures(trace, replay.lending)
    return RunResult(figures | {"tie_rule": TIE_RULE}, counter.cells())
