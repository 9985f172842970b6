"""``meted simulate``: a trace, a policy, and what it would have meant for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import click

from meted.adapters.cli.progress import ProgressBar

from ..errors import SimulationError
from ..event_orders import EventOrder
from ..results.metrics import JsonValue
from ..results.outcome import OutcomeWriter
from ..results.report import table
from ..results.run_record import RunRecord
from ..running.pace import rare_collections
from ..running.perform import replay_trace
from ..running.request import RunRequest
from ..traces.trace import read_trace
from ..traces.trace_rules import TraceOptions
from .credit_options import credit_options, plan_of
from .malformed import MalformedLines
from .output_options import Outputs, output_options
from .policy_option import policies_epilog, policy_option
from .rules_options import NamedRules, rules_options
from .trace_options import event_order_option, trace_options


@click.command("simulate", short_help="Replay a trace under a policy.", epilog=policies_epilog())
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@policy_option
@trace_options
@event_order_option
@rules_options
@credit_options()
@output_options(credit=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    metavar="FILE.swf",
    help="Write each job's outcome in the Standard Workload Format (FILE.swf.gz: compressed).",
)
def simulate(
    trace: str,
    policy: str,
    options: TraceOptions,
    event_order: EventOrder,
    rules: NamedRules,
    credit: Mapping[str, Any],
    outputs: Outputs,
    out: str | None,
) -> None:
    """Replay TRACE through the core that serves live, and tell how everybody fared.

    TRACE is a file in the Standard Workload Format, plain or compressed with gzip; - is the standard input. Every user
    of the trace is a domain with the same share, unless options or the trace itself say otherwise.
    """
    chosen = rules.of(policy)
    try:
        plan = plan_of(credit)
        outputs.check(trace, out)
        with rare_collections():
            request = RunRequest(trace, options, policy, event_order, chosen, policy, outputs.wants_record, plan)
            figures, shown, record = _run(request, out)
        outputs.write(figures, shown, record)
    except SimulationError as error:
        raise click.ClickException(str(error)) from None


def _run(request: RunRequest, out: str | None) -> tuple[dict[str, JsonValue], str, RunRecord | None]:
    """Read, replay and write the schedule; return the figures, the same as a table, and the record if it is wanted."""
    with MalformedLines(request.path) as told:
        trace = read_trace(request.path, request.options, told)
    with ExitStack() as stack:
        bar = stack.enter_context(ProgressBar(f"{trace.name}, {request.policy}"))
        writer = None if out is None else OutcomeWriter(out, trace, request.policy, request.event_order, request.rules)
        outcome = None if writer is None else stack.enter_context(writer).add
        figures, record = replay_trace(trace, request, bar, outcome)
    return figures, table(figures, trace.counts), record
