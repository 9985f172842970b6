"""One run from beginning to end, in the process that calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from ..lending import workload_figures
from ..observer import Observer
from ..policies.registry import make_policy
from ..replay import Replay
from ..results.metrics import JsonValue, Metrics
from ..results.recorder import Recorder, credit_figures
from ..results.report import TIE_RULE, rule_rows
from ..results.run_record import RunRecord
from ..ruled import check_rules
from ..traces.job import TraceJob
from ..traces.trace import Trace, read_trace
from ..trade.trader import Trader
from ..trade.words import plan_figures
from .cells import CellCounter, Cells
from .pace import PROGRESS_JOBS, rare_collections, user_cpu_us
from .request import RunRequest


@attrs.frozen
class RunResult:
    """What a run came to.

    Attributes:
        figures: What ``meted simulate --json`` writes of the same run.
        cells: What it takes to resample it.
        record: What it takes to report it, if all of fairness was asked for.
    """

    figures: dict[str, JsonValue]
    cells: Cells
    record: RunRecord | None = None


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
        counter = CellCounter()
        figures, record = replay_trace(trace, request, progress, watch=[counter])
    return RunResult(figures, counter.cells(), record)


def replay_trace(
    trace: Trace,
    request: RunRequest,
    progress: Callable[[int, int], None] | None = None,
    outcome: Callable[[TraceJob, int], None] | None = None,
    watch: Sequence[Observer] = (),
) -> tuple[dict[str, JsonValue], RunRecord | None]:
    """Replay a trace that was read; return the figures, and a record if all of fairness was asked for.

    Args:
        trace: The trace.
        request: What to do with it.
        progress: Called now and then with how many jobs have ended, and of how many.
        outcome: Called with every job that has ended and its start in microseconds.
        watch: Who else is told of every submit, start and end.

    Raises:
        SimulationError: It cannot be done as asked.
    """
    policy, rules = request.policy, request.rules
    names = {domain.number: domain.name for domain in trace.domains}
    recorder = Recorder(trace, policy, rules, trace.shares, names) if request.fairness else None
    metrics = Metrics(trace, trace.shares) if recorder is None else recorder.metrics
    observers = [recorder or metrics, *watch]
    entitled = (recorder or metrics).entitled
    trader = None if request.credit is None else Trader(request.credit, trace.domains)
    replay = Replay(trace, make_policy(policy), request.event_order, observers, outcome, rules, entitled, trader)
    while not replay.run(PROGRESS_JOBS):
        if progress is not None:
            progress(replay.ended, len(trace))
    if recorder is None:
        figures = metrics.results(policy, request.event_order, user_cpu_us(), rules)
    else:
        for move in replay.lending.moves:
            recorder.lent(move)
        if trader is not None:
            recorder.traded(trader.seen(replay.engine))
        figures = recorder.results(request.event_order, user_cpu_us())
    figures["tie_rule"] = TIE_RULE
    figures |= workload_figures(trace, replay.lending)
    if request.credit is not None and trader is not None:
        figures |= plan_figures(request.credit) | credit_figures(trader.seen(replay.engine))
        figures |= trader.figures(replay.engine)
    if recorder is None:
        return figures, None
    return figures, recorder.record(request.label or policy, figures, [*rule_rows(figures, trace.counts)])
