"""``meted simulate``: a trace, a policy, and what it would have meant for everybody."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Final

import click

from meted.adapters.cli.progress import ProgressBar
from meted.core.state import Rules

from ..errors import SimulationError
from ..policies.registry import make_policy, policy_names
from ..replay import EventOrder, Replay
from ..results.documents import PROGRESS_JOBS, check_target, document, rare_collections, user_cpu_us, write_document
from ..results.metrics import JsonValue, Metrics
from ..results.outcome import OutcomeWriter
from ..results.report import TIE_RULE, table
from ..traces.swf import Malformed
from ..traces.trace import Trace, read_trace
from ..traces.trace_rules import TraceOptions
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
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write the figures as one JSON document; - is the standard output, which then has nothing else.",
)
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
    out: str | None,
) -> None:
    """Replay TRACE through the core that serves live, and tell how everybody fared.

    TRACE is a file in the Standard Workload Format, plain or compressed with gzip; - is the standard input. Every user
    of the trace is a domain with the same share.
    """
    rules = rules_of(policy, alpha, half_life, aging, pool, usage)
    _check_targets(trace, json_path, out)
    try:
        with rare_collections():
            figures, shown = _run(trace, options, policy, event_order, rules, out)
        if json_path == "-":
            click.echo(document(figures))
            return
        click.echo(shown, nl=False)
        if json_path is not None:
            write_document(json_path, figures)
    except SimulationError as error:
        raise click.ClickException(str(error)) from None


def _run(
    path: str, options: TraceOptions, policy: str, event_order: EventOrder, rules: Rules | None, out: str | None
) -> tuple[dict[str, JsonValue], str]:
    """Read, replay and write; return the figures, and the same as a table."""
    trace = _read(path, options)
    metrics = Metrics(trace)
    with ExitStack() as stack:
        bar = stack.enter_context(ProgressBar(f"{trace.name}, {policy}"))
        writer = None if out is None else stack.enter_context(OutcomeWriter(out, trace, policy, event_order))
        outcome = None if writer is None else writer.add
        replay = Replay(trace, make_policy(policy), event_order, [metrics], outcome, rules)
        while not replay.run(PROGRESS_JOBS):
            bar(replay.ended, len(trace))
    figures = metrics.results(policy, event_order, user_cpu_us(), rules)
    return figures | {"tie_rule": TIE_RULE}, table(figures, trace.counts)


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


def _check_targets(trace: str, json_path: str | None, out: str | None) -> None:
    """Refuse what would be found out only after the run, or would write over the trace."""
    for option, path in (("--json", json_path), ("--out", out)):
        if path is not None and (path != "-" or option != "--json"):
            check_target(option, path, trace)
    if out == "-":
        raise click.UsageError("--out needs the name of a file; /dev/stdout is the standard output.")
    if out is not None and json_path not in (None, "-") and os.path.abspath(out) == os.path.abspath(str(json_path)):
        raise click.UsageError(f"--json and --out both name {out}; give two files.")
