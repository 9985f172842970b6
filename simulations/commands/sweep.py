"""``meted sweep``: one trace, every combination of the values of some parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs
import click

from meted.adapters.cli.tables import print_table, shown
from meted.adapters.cli.values import Reader
from meted.adapters.wording import counted

from ..errors import SimulationError
from ..plot import check_library
from ..results.documents import check_targets, document, write_document
from ..ruled import RULED_POLICY
from ..running.comparison import BEST
from ..running.grid import Cell, Varied, combinations, label_of, once_each, parse_varied
from ..running.metric_table import METRICS, Metric, metric_named
from ..running.perform import RunResult
from ..running.request import RunFailure, RunRequest, check_same_trace, request_key, trace_digest
from ..running.result_file import ResultFile
from ..running.sweep_results import Sweep, SweepRow
from ..traces.source import read_many_times, source_name
from ..trade.plan_file import read_plan
from ..whole_file import write_text
from .credit_options import CREDIT_NAMES, CREDIT_RULE_NAMES, credit_parameters, plan_of
from .policy_option import policies_epilog, policy_option
from .rules_options import RULE_NAMES, named_rules, rules_parameters
from .run_options import cores_option, echo_rules, interrupted, interruptible, run_in_processes
from .trace_options import TRACE_NAMES, event_order_option, options_of, trace_parameters

SHOWN: Final = ("mean_wait_s", "max_wait_s", "mean_bounded_slowdown", "mean_user_wait_s", "jain_service", "utilisation")
"""Columns of the table, if nothing else is asked for; the first of them is what is plotted."""


@attrs.frozen
class _Outputs:
    """Where the figures go: all of them as JSON (``-``: the standard output alone), a table, and a plot."""

    json: str | None
    csv: str | None
    plot: str | None

    def check(self, trace: str, results: str | None) -> None:
        """Refuse what would be found out only after the runs, or would write over what is read.

        Raises:
            click.UsageError: A folder is not there, or a file would be written over.
            SimulationError: A library is missing.
        """
        named = (("--json", self.json), ("--csv", self.csv), ("--plot", self.plot), ("--results", results))
        check_targets(named, trace)
        if self.plot is not None:
            check_library()

    def write(self, found: Sweep, chosen: Sequence[Metric], trace: str, sha256: str) -> None:
        """Write what was asked for, and the table, unless the standard output has the document.

        Raises:
            SimulationError: A file cannot be written.
        """
        if self.csv is not None:
            write_text("--csv", self.csv, found.csv())
        if self.plot is not None:
            found.plot(Path(self.plot), chosen[0], trace)
        if self.json == "-":
            click.echo(document(found.document(trace, sha256)))
            return
        if self.json is not None:
            write_document(self.json, found.document(trace, sha256))
        done = [(row.figures, row.texts) for row in found.rows if row.figures is not None]
        if not done:
            return
        click.echo(f"{shown(trace)}: {counted(len(found.rows), 'run')}\n")
        metrics = found.known(chosen)
        headings = [*found.names, *(metric.title for metric in metrics)]
        print_table(headings, found.table(chosen), headings[len(found.names) :])
        click.echo(f"\n{BEST.strip()} the best of its column")
        labels = [[label_of({name: text}) for name, text in zip(found.names, texts, strict=True)] for _, texts in done]
        echo_rules([figures for figures, _ in done], labels)


@click.command(
    "sweep", short_help="Replay a trace with every combination of some parameters.", epilog=policies_epilog()
)
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--vary",
    "varied",
    type=Reader("values", parse_varied),
    multiple=True,
    required=True,
    metavar="NAME=V1,V2,...",
    help="The values of one option, as policy=meted,easy or alpha=0.5,0.75; several span a grid.",
)
@policy_option
@trace_parameters
@event_order_option
@rules_parameters
@credit_parameters()
@click.option("--fairness", is_flag=True, help="Measure all of fairness in each run.")
@cores_option
@click.option(
    "--results",
    type=click.Path(dir_okay=False),
    metavar="FILE.jsonl",
    help="Append each result as it comes; a run whose result is there is not done again.",
)
@click.option(
    "--metric",
    "metrics",
    type=click.Choice([metric.name for metric in METRICS]),
    multiple=True,
    metavar="KEY",
    help="A figure for the table, by its key in the JSON document; the first is plotted.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write all figures as one JSON document; - is the standard output, which then has nothing else.",
)
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False), metavar="FILE", help="Write a row for each run.")
@click.option("--plot", type=click.Path(dir_okay=False), metavar="FILE.svg", help="Draw a figure over a parameter.")
@click.pass_context
def sweep(
    ctx: click.Context,
    /,
    trace: str,
    varied: tuple[Varied, ...],
    fairness: bool,
    cores: int | None,
    results: str | None,
    metrics: tuple[str, ...],
    json_path: str | None,
    csv_path: str | None,
    plot: str | None,
    **given: Any,
) -> None:
    """Replay TRACE with every combination of the values of some options, on all cores.

    Any option of reading the trace, the policy, the event order, the rules of fairness and those of credit can be
    varied; a rule varies only for the policy that goes by it, and a rule of credit where there is a file of --credit.
    After Ctrl-C what was done is shown and written; with --results the same command takes the sweep up again.

    TRACE is a file in the Standard Workload Format, plain or compressed with gzip; - is the standard input, which is
    copied to a temporary file first.
    """
    outputs = _Outputs(json_path, csv_path, plot)
    chosen = [metric for metric in map(metric_named, metrics or SHOWN) if metric is not None]
    try:
        outputs.check(trace, results)
        with read_many_times(trace) as path:
            cells = _cells(ctx, path, varied, given, fairness)
            sha256 = trace_digest(path)
            found = _run(cells, [one.name for one in varied], sha256, cores, results)
        outputs.write(found, chosen, source_name(trace), sha256)
    except SimulationError as error:
        raise click.ClickException(str(error)) from None
    for row in found.rows:
        if row.failure is not None:
            click.echo(f"Failed: {label_of(dict(zip(found.names, row.texts, strict=True)))}: {row.failure}", err=True)
    if len(found.rows) < len(cells):
        done = f"{len(found.rows):,} of {counted(len(cells), 'run')}"
        if results is not None:
            interrupted(f"{results} has {done}; the same command goes on from there.")
        interrupted(f"{done} came to their end; with --results FILE the same command would go on from there.")
    if any(row.failure is not None for row in found.rows):
        ctx.exit(1)


def _cells(
    ctx: click.Context, trace: str, varied: Sequence[Varied], given: Mapping[str, Any], fairness: bool
) -> list[Cell]:
    """Return the runs of the grid, each once."""
    names = [one.name for one in varied]
    if len(set(names)) < len(names):
        raise click.UsageError("A parameter is varied twice; give all its values in one --vary.")
    values = {one.name: {text: _value(ctx, one.name, text) for text in one.texts} for one in varied}
    grid = combinations(varied)
    asked = [
        dict(given) | {_field(name): values[name][text] for name, text in zip(names, texts, strict=True)}
        for texts in grid
    ]
    if not any(one["policy"] == RULED_POLICY for one in asked):
        named_rules(asked[0]).of(asked[0]["policy"])
    read = cache(read_plan)
    cells = []
    for texts, one in zip(grid, asked, strict=True):
        ruled = one["policy"] == RULED_POLICY
        rules = named_rules(one).of(one["policy"]) if ruled else None
        plan = plan_of(one, read)
        idle = {*(() if ruled else RULE_NAMES), *(() if plan is not None else CREDIT_RULE_NAMES)}
        meant = tuple("" if _field(name) in idle else text for name, text in zip(names, texts, strict=True))
        label = label_of(dict(zip(names, meant, strict=True)))
        order = one["event_order"]
        cells.append(
            Cell(meant, RunRequest(trace, options_of(one), one["policy"], order, rules, label, fairness, plan))
        )
    return once_each(cells)


def _field(name: str) -> str:
    return name.replace("-", "_")


def _value(ctx: click.Context, name: str, text: str) -> object:
    """Return what a text means as the value of an option."""
    may = (*TRACE_NAMES, "policy", "event_order", *RULE_NAMES, *CREDIT_NAMES)
    option = next((one for one in ctx.command.params if one.name == _field(name) and one.name in may), None)
    if option is None:
        names = ", ".join(sorted(each.replace("_", "-") for each in may))
        raise click.UsageError(f"{shown(name)} cannot be varied; these can: {names}.")
    return option.process_value(ctx, text)


def _run(cells: Sequence[Cell], names: Sequence[str], sha256: str, cores: int | None, results: str | None) -> Sweep:
    """Do the runs that are not in the file of results yet.

    After an interruption those count that have ended.
    """
    keys = [request_key(cell.request, sha256) for cell in cells]
    rows: dict[int, SweepRow] = {}

    def kept() -> str:
        if results is None:
            return "nothing was kept; with --results FILE the same command would go on from here."
        return f"{results} has {len(rows):,} of {counted(len(cells), 'run')}; the same command goes on from there."

    with ResultFile(results) if results is not None else nullcontext() as file, interruptible(kept):
        if file is not None:
            rows.update(
                (p, SweepRow(cells[p].texts, file.found[key])) for p, key in enumerate(keys) if key in file.found
            )
        left = [place for place in range(len(cells)) if place not in rows]

        def found(which: int, outcome: RunResult | RunFailure) -> None:
            place = left[which]
            texts = cells[place].texts
            if isinstance(outcome, RunFailure):
                rows[place] = SweepRow(texts, None, outcome.sentence)
                return
            check_same_trace(outcome.figures, sha256)
            if file is not None:
                file.add(keys[place], dict(zip(names, texts, strict=True)), outcome.figures)
            rows[place] = SweepRow(texts, outcome.figures)

        try:
            run_in_processes([cells[place].request for place in left], "sweep", cores, found)
        except KeyboardInterrupt:
            if not rows:
                raise
    return Sweep(tuple(names), tuple(rows[place] for place in sorted(rows)))
