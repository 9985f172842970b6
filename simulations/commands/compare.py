"""``meted compare``: one trace, several policies side by side, and how sure their differences are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from meted.adapters.cli.tables import print_table, shown
from meted.adapters.cli.times import duration_us
from meted.adapters.cli.values import Reader
from meted.adapters.wording import counted
from meted.core.record import replaced

from ..errors import SimulationError
from ..event_orders import EventOrder
from ..results.documents import document, write_document
from ..results.html_page import RUNS_MAX, write_report
from ..results.html_tables import DifferencesTable
from ..results.report import whole
from ..results.run_csv import write_credit_csv
from ..ruled import RULED_POLICY
from ..running.cells import CELL_US
from ..running.comparison import BEST, Comparison, intervals_sentences
from ..running.request import RunRequest
from ..running.resample import RESAMPLES, RESAMPLES_MAX, Resampling
from ..traces.source import read_many_times
from ..traces.trace_rules import TraceOptions
from ..trade.plan import CreditPlan
from ..whole_file import write_text
from .compared_runs import ComparedRuns
from .credit_options import credit_options, plans_of
from .misreport_options import liar_of, misreport_options
from .output_options import Outputs, output_options
from .policy_option import policies_epilog, policies_option
from .rules_options import NamedRules, rules_options
from .run_options import cores_option, echo_rules, interrupted, interruptible
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
@misreport_options
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
    misreport: tuple[str, tuple[str, ...]] | None,
    resamples: int,
    block: int | None,
    cores: int | None,
    outputs: Outputs,
) -> None:
    """Replay TRACE under each policy, and show the figures side by side, the best of each marked.

    The differences from the first policy come with intervals: had other weeks like these been recorded, or other users
    like these been there, where would the difference lie? Rules of fairness count for the policy that goes by them.

    After Ctrl-C those are compared that have ended, if there are two.

    With --credit each policy runs once with nobody trading, then once with each file; with --misreport it runs once
    more for all that the user says, and all of fairness is measured. One policy is enough with either.

    TRACE is a file in the Standard Workload Format, plain or compressed with gzip; - is the standard input, which is
    copied to a temporary file first.
    """
    ruled = rules.of(RULED_POLICY if RULED_POLICY in policies else policies[0])
    try:
        plans = plans_of(credit)
        _check_policies(policies, plans, misreport is not None)
        outputs.check(trace)
        with read_many_times(trace) as path, interruptible(lambda: "nothing was written."):
            liar = None if misreport is None else liar_of(path, options, misreport)
            fairness = outputs.fairness or any(one is not None for one in (outputs.html, outputs.credit, liar))
            request = RunRequest(path, options, "", event_order, None, "", fairness)
            truths = [
                replaced(
                    request, policy=policy, rules=ruled if policy == RULED_POLICY else None, label=label, credit=plan
                )
                for policy in policies
                for label, plan in _trades(policy, plans)
            ]
            runs = ComparedRuns(truths, liar)
            runs.run(cores)
            found = runs.comparison(Resampling(block, resamples, options.seed))
        differences = _differences(found, resamples)
        gains = None if found.misreports is None else found.misreports.table()
        if outputs.html is not None:
            write_report(outputs.html, runs.records(), differences, gains)
        if outputs.csv is not None:
            write_text("--csv", outputs.csv, found.csv())
        if outputs.credit is not None:
            write_credit_csv(outputs.credit, runs.records())
        if outputs.json not in (None, "-"):
            write_document(str(outputs.json), found.document())
    except SimulationError as error:
        raise click.ClickException(str(error)) from None
    if outputs.json == "-":
        click.echo(document(found.document()))
    else:
        _tell(found, (differences, gains))
    if left := runs.left():
        interrupted(f"what had ended was compared, without {', '.join(left)}.")


def _check_policies(policies: tuple[str, ...], plans: Sequence[CreditPlan], is_misreported: bool) -> None:
    if len(policies) * max(1, len(plans)) < 2 and not is_misreported:
        raise click.UsageError(
            "One policy alone cannot be compared; give --policy at least twice, or a trade in credit with --credit, or "
            "a user with --misreport."
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


def _tell(found: Comparison, tables: Sequence[DifferencesTable | None]) -> None:
    """Print the figures, then the tables of differences, then how they came about."""
    figures = found.figures[0]
    jobs, users = counted(whole(figures, "jobs"), "job"), counted(whole(figures, "users"), "user")
    click.echo(
        f"{shown(str(figures['trace']))}: {jobs} of {users} on {counted(whole(figures, 'procs'), 'processor')}, "
        f"event order {figures['event_order']}\n"
    )
    headings = ["figure", *found.labels]
    print_table(headings, found.figure_rows(), headings[1:])
    if len(found.labels) > 1:
        click.echo(f"\n{BEST.strip()} the best of its row")
    for table in tables:
        if table is None:
            continue
        if table.rows:
            click.echo(f"\n{table.title}\n")
            print_table(table.headings, table.rows, table.headings[2:])
        click.echo("\n" + "\n".join(table.sentences))
    echo_rules(found.figures, [(label,) for label in found.labels])


def _differences(found: Comparison, resamples: int) -> DifferencesTable | None:
    """Return the differences from the first policy for people; None if they were not asked for, or it is the only."""
    if len(found.labels) < 2 or (found.intervals is None and not resamples):
        return None
    rows = tuple(found.difference_rows())
    sentences = (NO_NUMPY,) if found.intervals is None else tuple(intervals_sentences(found.intervals))
    return DifferencesTable(f"Differences from {found.labels[0]}", HEADINGS, rows, sentences)
