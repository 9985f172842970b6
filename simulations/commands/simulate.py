"""``meted simulate``: a trace, a policy, and what it would have meant for everybody."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

import click

from meted.adapters.cli.progress import ProgressBar
from meted.core.state import Rules

from ..errors import SimulationError
from ..lending import workload_figures
from ..policies.registry import make_policy, policy_names
from ..replay import EventOrder, Replay
from ..results.documents import PROGRESS_JOBS, rare_collections, user_cpu_us
from ..results.metrics import JsonValue, Metrics
from ..results.outcome import OutcomeWriter
from ..results.recorder import Recorder
from ..results.report import TIE_RULE, rule_rows, table
from ..results.run_record import RunRecord
from ..traces.swf import Malformed
from ..traces.trace import Trace, read_trace
from ..traces.trace_rules import TraceOptions
from .output_options import Outputs, output_options
from .rules_options import rules_of, rules_options
from .trace_options import event_order_option, trace_options

MALFORMED_SHOWN: Final = 20
"""So many malformed lines are told one by one; of more only the number."""


@click.command("simulate", short_help="Replay a trace under a policy.")
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--policy", type=click.Choice(policy_names()), default="meted", show_default=True, help="Who is next.")
@trace_options
@event_order_option
@rules_options
@output_options
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
    alpha: int | None,
    half_life: int | None,
    aging: int | None,
    pool: str | None,
    usage: str | None,
    json_path: str | None,
    csv_path: str | None,
    html_path: str | None,
    fairness: bool,
    out: str | None,
) -> None:
    """Replay TRACE through the core that serves live, and tell how everybody fared.

    TRACE is a file in the Standard Workload Format, plain or compressed with gzip; - is the standard input. Every user
    of the trace is a domain with the same share, unless options or the trace itself say otherwise.
    """
    rules = rules_of(policy, alpha, half_life, aging, pool, usage)
    outputs = Outputs(json_path, csv_path, html_path, fairness)
    try:
        outputs.check(trace, out)
        with rare_collections():
            figures, shown, record = _run(trace, options, policy, event_order, rules, out, outputs.wants_record)
        outputs.write(figures, shown, record)
    except SimulationError as error:
        raise click.ClickException(str(error)) from None


def _run(
    path: str,
    options: TraceOptions,
    policy: str,
    event_order: EventOrder,
    rules: Rules | None,
    out: str | None,
    wants_record: bool,
) -> tuple[dict[str, JsonValue], str, RunRecord | None]:
    """Read, replay and write the schedule; return the figures, the same as a table, and the record if it is wanted."""
    trace = _read(path, options)
    names = {domain.number: domain.name for domain in trace.domains}
    recorder = Recorder(trace, policy, rules, trace.shares, names) if wants_record else None
    metrics = Metrics(trace, trace.shares) if recorder is None else recorder.metrics
    with ExitStack() as stack:
        bar = stack.enter_context(ProgressBar(f"{trace.name}, {policy}"))
        writer = None if out is None else stack.enter_context(OutcomeWriter(out, trace, policy, event_order))
        outcome = None if writer is None else writer.add
        replay = Replay(trace, make_policy(policy), event_order, [recorder or metrics], outcome, rules)
        while not replay.run(PROGRESS_JOBS):
            bar(replay.ended, len(trace))
    if recorder is None:
        figures = metrics.results(policy, event_order, user_cpu_us(), rules)
    else:
        for move in replay.lending.moves:
            recorder.lent(move)
        figures = recorder.results(event_order, user_cpu_us())
    figures["tie_rule"] = TIE_RULE
    figures |= workload_figures(trace, replay.lending)
    record = None if recorder is None else recorder.record(policy, figures, [*rule_rows(figures, trace.counts)])
    return figures, table(figures, trace.counts), record


def _read(path: str, options: TraceOptions) -> Trace:
    """Return the trace; its malformed lines are told on the standard error as they are met."""
    told = 0

    def tell(found: Malformed) -> None:
        nonlocal told
        told += 1
        if told <= MALFORMED_SHOWN:
            click.echo(f"{path}: {found}.", err=True)

    try:
        return read_trace(path, options, tell)
    finally:
        if told > MALFORMED_SHOWN:
            click.echo(f"{path}: {told - MALFORMED_SHOWN:,} more malformed lines.", err=True)
