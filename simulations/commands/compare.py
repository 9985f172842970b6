"""``meted compare``: one trace, several policies side by side, and how sure their differences are."""

from __future__ import annotations

import importlib.util

import click

from meted.adapters.cli.tables import print_table, shown
from meted.adapters.cli.values import Reader, duration_us
from meted.core.record import replaced

from ..errors import SimulationError
from ..policies.registry import policy_names
from ..replay import EventOrder
from ..results.documents import document, write_document
from ..results.html_page import RUNS_MAX, write_report
from ..results.html_tables import DifferencesTable
from ..results.run_record import RunRecord
from ..ruled import RULED_POLICY
from ..running.cells import CELL_US
from ..running.comparison import BEST, Comparison, intervals_sentences
from ..running.perform import RunResult
from ..running.request import RunFailure, RunRequest, check_same_trace, trace_digest
from ..running.resample import RESAMPLES, RESAMPLES_MAX, Intervals, Resampling, intervals
from ..traces.trace_rules import TraceOptions
from ..whole_file import write_text
from .output_options import Outputs
from .rules_options import rules_of, rules_options
from .run_options import cores_option, echo_rules, interruptible, run_in_processes
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


@click.command("compare", short_help="Replay a trace under several policies, side by side.")
@click.argument("trace", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--policy",
    "policies",
    type=click.Choice(policy_names()),
    multiple=True,
    required=True,
    help="Who is next; at least two, the others compared with the first.",
)
@trace_options
@event_order_option
@rules_options
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
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write all of it as one JSON document; - is the standard output, which then has nothing else.",
)
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False), metavar="FILE", help="Write it as a table.")
@click.option(
    "--html",
    "html_path",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write a report with plots of all policies as one page that needs no other file.",
)
@click.option("--fairness", is_flag=True, help="Compare all measures of fairness as well, as --html does.")
def compare(
    trace: str,
    policies: tuple[str, ...],
    options: TraceOptions,
    event_order: EventOrder,
    alpha: int | None,
    half_life: int | None,
    aging: int | None,
    pool: str | None,
    usage: str | None,
    start: int | None,
    resamples: int,
    block: int | None,
    cores: int | None,
    json_path: str | None,
    csv_path: str | None,
    html_path: str | None,
    fairness: bool,
) -> None:
    """Replay TRACE under each policy, and show the figures side by side, the best of each marked.

    The differences from the first policy come with intervals: had other weeks like these been recorded, or other users
    like these been there, where would the difference lie? Rules of fairness count for the policy that goes by them.
    """
    _check_policies(policies)
    ruled = RULED_POLICY if RULED_POLICY in policies else policies[0]
    rules = rules_of(ruled, alpha, half_life, aging, pool, usage, start)
    request = RunRequest(trace, options, "", event_order, None, "", fairness or html_path is not None)
    requests = [
        replaced(request, policy=policy, rules=rules if policy == RULED_POLICY else None, label=policy)
        for policy in policies
    ]
    try:
        Outputs(json_path, csv_path, html_path, fairness).check(trace)
        with interruptible(lambda: "nothing was written."):
            found, records = _compare(requests, cores, Resampling(block, resamples, options.seed))
            if html_path is not None:
                write_report(html_path, records, _differences(found, resamples))
        if csv_path is not None:
            write_text("--csv", csv_path, found.csv())
        if json_path is not None and json_path != "-":
            write_document(json_path, found.document())
    except SimulationError as error:
        raise click.ClickException(str(error)) from None
    if json_path == "-":
        click.echo(document(found.document()))
    else:
        _tell(found, resamples)


def _check_policies(policies: tuple[str, ...]) -> None:
    if len(policies) < 2:
        raise click.UsageError("One policy alone cannot be compared; give --policy at least twice.")
    if len(policies) > RUNS_MAX:
        raise click.UsageError(f"At most {RUNS_MAX} policies can stand side by side; leave some out.")
    if len(set(policies)) < len(policies):
        raise click.UsageError("A policy is named twice; name each once.")


def _compare(requests: list[RunRequest], cores: int | None, how: Resampling) -> tuple[Comparison, list[RunRecord]]:
    """Do all runs, and work the intervals out; return them with the records for a report, if that was asked for."""
    sha256 = trace_digest(requests[0].path)
    results: dict[int, RunResult] = {}

    def found(place: int, outcome: RunResult | RunFailure) -> None:
        if isinstance(outcome, RunFailure):
            raise SimulationError(outcome.sentence)
        check_same_trace(outcome.figures, sha256)
        results[place] = outcome

    run_in_processes(requests, "comparing", cores, found)
    ordered = [results[place] for place in range(len(requests))]
    labels = tuple(request.label for request in requests)
    figures = tuple(result.figures for result in ordered)
    records = [result.record for result in ordered if result.record is not None]
    return Comparison(labels, figures, _intervals(labels, ordered, how)), records


def _intervals(labels: tuple[str, ...], results: list[RunResult], how: Resampling) -> Intervals | None:
    if not how.resamples or importlib.util.find_spec("numpy") is None:
        return None
    return intervals([(label, result.cells) for label, result in zip(labels, results, strict=True)], how)


def _tell(found: Comparison, resamples: int) -> None:
    """Print the figures, then the differences with their intervals, then how they came about."""
    figures = found.figures[0]
    click.echo(
        f"{shown(str(figures['trace']))}: {figures['jobs']:,} jobs of {figures['users']:,} users on "
        f"{figures['procs']:,} processors, event order {figures['event_order']}\n"
    )
    headings = ["figure", *found.labels]
    print_table(headings, found.figure_rows(), headings[1:])
    click.echo(f"\n{BEST.strip()} the best of its row")
    differences = _differences(found, resamples)
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
