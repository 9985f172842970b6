"""``meted compare``: one trace, several policies side by side, and how sure their differences are."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import click

from meted.adapters.cli.tables import print_table, shown
from meted.adapters.cli.values import Reader, duration_us
from meted.adapters.wording import counted
from meted.core.record import replaced

from ..errors import SimulationError
from ..event_orders import EventOrder
from ..results.credit_csv import write_credit_csv
from ..results.documents import document, write_document
from ..results.html_page import RUNS_MAX, write_report
from ..results.html_tables import DifferencesTable
from ..results.report import whole
from ..results.run_record import RunRecord
from ..ruled import RULED_POLICY
from ..running.cells import CELL_US
from ..running.comparison import BEST, Comparison, intervals_sentences
from ..running.perform import RunResult
from ..running.request import RunFailure, RunRequest, check_same_trace, trace_digest
from ..running.resample import RESAMPLES, RESAMPLES_MAX, Intervals, Resampling, intervals
from ..traces.source import read_many_times
from ..traces.trace_rules import TraceOptions
from ..trade.plan import CreditPlan
from ..whole_file import write_text
from .credit_options import credit_options, plans_of
from .output_options import Outputs, output_options
from .policy_option import policies_epilog, policies_option
from .rules_options import NamedRules, rules_options
from .run_options import cores_option, echo_rules, interrupted, interruptible, run_in_processes
from .trace_options import event_order_option, trace_options

HEADINGS = ("figure", "policy", "difference", "over time", "over users")

NO_NUMPY = "There are no intervals of the differences: they need numpy; install it with: pip install 'meted[lab]'."


def block_us(text: str) -> int:
    """Return the microseconds of a whole number of hours.

    Raises:
        ValueError: It is none.
    """
    found = duration_us(text)
    if not found or found % CELL_US:
        raise ValueError(f"{text!r} is no whole number of hours; write it like 7d or 6h.")
    return found


@click.command("compare", short_help="Replay a trace under several policies, side by side.", epilog=policies_epilog())
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@policies_option
@trace_options
@event_order_option
@rules_options
@credit_options(several=True)
@click.option(
    "--resamples",
    type=click.IntRange(0, RESAMPLES_MAX),
    default=RESAMPLES,
    show_default=True,
    metavar="N",
    help="Draws for the intervals of differences; 0 leaves them out.",
)
@click.option(
    "--block",
    type=Reader("hours", block_us),
    metavar="DUR",
    help="Draw stretches of time of this length.  [default: the longest of 7d, 1d, 6h and 1h of which there are 30]",
)
@cores_option
@output_options(
    json="Write all of it as one JSON document; - is the standard output, which then has nothing else.",
    csv="Write it as a table.",
    html="Write a report with plots of all policies as one page that needs no other file.",
    fairness="Compare all measures of fairness as well, as --html does.",
    credit=True,
)
def compare(
    trace: str,
    policies: tuple[str, ...],
    options: TraceOptions,
    event_order: EventOrder,
    rules: NamedRules,
    credit: Mapping[str, Any],
    resamples: int,
    block: int | None,
    cores: int | None,
    outputs: Outputs,
) -> None:
    """Replay TRACE under each policy, and show the figures side by side, the best of each marked.

    The differences from the first policy come with intervals: had other weeks like these been recorded, or other users
    like these been there, where would the difference lie? Rules of fairness count for the policy that goes by them.

    After Ctrl-C those are compared that have ended, if there are two.

    With --credit each policy runs once with nobody trading, then once with each file; one policy is enough then.

    TRACE is a file in the Standard Workload Format, plain or compressed with gzip; - is the standard input, which is
    copied to a temporary file first.
    """
    ruled = rules.of(RULED_POLICY if RULED_POLICY in policies else policies[0])
    try:
        plans = plans_of(credit)
        _check_policies(policies, plans)
        outputs.check(trace)
        with read_many_times(trace) as path, interruptible(lambda: "nothing was written."):
            fairness = outputs.fairness or outputs.html is not None or outputs.credit is not None
            request = RunRequest(path, options, "", event_order, None, "", fairness)
            requests = [
                replaced(
                    request, policy=policy, rules=ruled if policy == RULED_POLICY else None, label=label, credit=plan
                )
                for policy in policies
                for label, plan in _trades(policy, plans)
            ]
            found, records = _compare(requests, cores, Resampling(block, resamples, options.seed))
        differences = _differences(found, resamples)
        if outputs.html is not None:
            write_report(outputs.html, records, differences)
        if outputs.csv is not None:
            write_text("--csv", outputs.csv, found.csv())
        if outputs.credit is not None:
            write_credit_csv(outputs.credit, records)
        if outputs.json not in (None, "-"):
            write_document(str(outputs.json), found.document())
    except SimulationError as error:
        raise click.ClickException(str(error)) from None
    if outputs.json == "-":
        click.echo(document(found.document()))
    else:
        _tell(found, differences)
    if len(found.labels) < len(requests):
        left = [request.label for request in requests if request.label not in found.labels]
        interrupted(f"what had ended was compared, without {', '.join(left)}.")


def _check_policies(policies: tuple[str, ...], plans: Sequence[CreditPlan]) -> None:
    if len(policies) * max(1, len(plans)) < 2:
        raise click.UsageError(
            "One policy alone cannot be compared; give --policy at least twice, or a trade in credit with --credit."
        )
    if len(policies) * max(1, len(plans)) > RUNS_MAX:
        raise click.UsageError(f"At most {RUNS_MAX} runs can stand side by side; leave some out.")
    if len(set(policies)) < len(policies):
        raise click.UsageError("A policy is named twice; name each once.")


def _trades(policy: str, plans: Sequence[CreditPlan]) -> list[tuple[str, CreditPlan | None]]:
    """Return the runs of a policy: what each is called, and what is traded."""
    if not plans:
        return [(policy, None)]
    return [(policy if plan.is_idle else f"{policy}, {plan.name.removesuffix('.toml')}", plan) for plan in plans]


def _compare(requests: list[RunRequest], cores: int | None, how: Resampling) -> tuple[Comparison, list[RunRecord]]:
    """Do all runs, and work the intervals out; return them with the records for a report, if that was asked for.

    After an interruption those count that have ended, where they are at least two.
    """
    sha256 = trace_digest(requests[0].path)
    results: dict[int, RunResult] = {}

    def found(place: int, outcome: RunResult | RunFailure) -> None:
        if isinstance(outcome, RunFailure):
            raise SimulationError(outcome.sentence)
        check_same_trace(outcome.figures, sha256)
        results[place] = outcome

    try:
        run_in_processes(requests, "comparing", cores, found)
    except KeyboardInterrupt:
        if len(results) < 2:  # one alone cannot be compared
            raise
    ordered = [results[place] for place in sorted(results)]
    labels = tuple(requests[place].label for place in sorted(results))
    figures = tuple(result.figures for result in ordered)
    records = [result.record for result in ordered if result.record is not None]
    return Comparison(labels, figures, _intervals(labels, ordered, how)), records


def _intervals(labels: tuple[str, ...], results: list[RunResult], how: Resampling) -> Intervals | None:
    if not how.resamples or importlib.util.find_spec("numpy") is None:
        return None
    return intervals([(label, result.cells) for label, result in zip(labels, results, strict=True)], how)


def _tell(found: Comparison, differences: DifferencesTable | None) -> None:
    """Print the figures, then the differences with their intervals, then how they came about."""
    figures = found.figures[0]
    jobs, users = counted(whole(figures, "jobs"), "job"), counted(whole(figures, "users"), "user")
    click.echo(
        f"{shown(str(figures['trace']))}: {jobs} of {users} on {counted(whole(figures, 'procs'), 'processor')}, "
        f"event order {figures['event_order']}\n"
    )
    headings = ["figure", *found.labels]
    print_table(headings, found.figure_rows(), headings[1:])
    click.echo(f"\n{BEST.strip()} the best of its row")
    if differences is not None and differences.rows:
        click.echo(f"\n{differences.title}\n")
        print_table(differences.headings, differences.rows, differences.headings[2:])
    if differences is not None:
        click.echo()
        for sentence in differences.sentences:
            click.echo(sentence)
    echo_rules(found.figures, found.labels)


def _differences(found: Comparison, resamples: int) -> DifferencesTable | None:
    """Return the differences from the first policy for people; None if they were not asked for."""
    if found.intervals is None and not resamples:
        return None
    rows = tuple(found.difference_rows())
    sentences = (NO_NUMPY,) if found.intervals is None else tuple(intervals_sentences(found.intervals))
    return DifferencesTable(f"Differences from {found.labels[0]}", HEADINGS, rows, sentences)
