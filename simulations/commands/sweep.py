"""``meted sweep``: one trace, every combination of the values of some parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import click

from meted.adapters.cli.tables import print_table, shown
from meted.adapters.cli.values import Reader

from ..errors import SimulationError
from ..plot import check_library
from ..policies.registry import policy_names
from ..results.documents import check_target, document, write_document
from ..ruled import RULED_POLICY
from ..running.comparison import BEST
from ..running.grid import Cell, Varied, combinations, label_of, once_each, parse_varied
from ..running.metric_table import METRICS, Metric, metric_named
from ..running.perform import RunResult
from ..running.request import RunFailure, RunRequest, check_same_trace, request_key, trace_digest
from ..running.result_file import ResultFile
from ..running.sweep_results import Sweep, SweepRow
from ..whole_file import write_text
from .rules_options import rules_of, rules_options
from .run_options import cores_option, echo_rules, interruptible, run_in_processes
from .trace_options import TRACE_NAMES, event_order_option, options_of, trace_parameters

SHOWN: Final = ("mean_wait_s", "max_wait_s", "mean_bounded_slowdown", "mean_user_wait_s", "jain_service", "utilisation")
"""Columns of the table, if nothing else is asked for; the first of them is what is plotted."""

_RULES: Final = ("alpha", "half_life", "aging", "pool", "usage", "start")


@click.command("sweep", short_help="Replay a trace with every combination of some parameters.")
@click.argument("trace", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--vary",
    "varied",
    type=Reader("values", parse_varied),
    multiple=True,
    required=True,
    metavar="NAME=V1,V2,...",
    help="The values of one option, as policy=meted,easy or alpha=0.5,0.75; several span a grid.",
)
@click.option("--policy", type=click.Choice(policy_names()), default="meted", show_default=True, help="Who is next.")
@trace_parameters
@event_order_option
@rules_options
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

    Any option of reading the trace, the policy, the event order and the rules of fairness can be varied; a rule varies
    only for the policy that goes by it. With --results an interrupted sweep is taken up by the same command.
    """
    for option, path in (("--json", json_path), ("--csv", csv_path), ("--plot", plot), ("--results", results)):
        if path is not None and (path != "-" or option != "--json"):
            check_target(option, path, trace)
    try:
        if plot is not None:
            check_library()
        cells = _cells(ctx, trace, varied, given, fairness)
        sha256 = trace_digest(trace)
        found = _run(cells, [one.name for one in varied], sha256, cores, results)
        chosen = [metric for metric in map(metric_named, metrics or SHOWN) if metric is not None]
        _write(found, chosen, Path(trace).name, sha256, json_path, csv_path, plot)
    except SimulationError as error:
        raise click.ClickException(str(error)) from None
    for row in found.rows:
        if row.failure is not None:
            click.echo(f"Failed: {label_of(dict(zip(found.names, row.texts, strict=True)))}: {row.failure}", err=True)
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
        rules_of(asked[0]["policy"], *(asked[0][rule] for rule in _RULES))
    cells = []
    for texts, one in zip(grid, asked, strict=True):
        ruled = one["policy"] == RULED_POLICY
        rules = rules_of(one["policy"], *(one[rule] for rule in _RULES)) if ruled else None
        meant = tuple(
            text if ruled or _field(name) not in _RULES else "" for name, text in zip(names, texts, strict=True)
        )
        label = label_of(dict(zip(names, meant, strict=True)))
        request = RunRequest(trace, options_of(one), one["policy"], one["event_order"], rules, label, fairness)
        cells.append(Cell(meant, request))
    return once_each(cells)


def _field(name: str) -> str:
    return name.replace("-", "_")


def _value(ctx: click.Context, name: str, text: str) -> object:
    """Return what a text means as the value of an option."""
    may = (*TRACE_NAMES, "policy", "event_order", *_RULES)
    option = next((one for one in ctx.command.params if one.name == _field(name) and one.name in may), None)
    if option is None:
        names = ", ".join(sorted(each.replace("_", "-") for each in may))
        raise click.UsageError(f"{shown(name)} cannot be varied; these can: {names}.")
    return option.process_value(ctx, text)


def _run(cells: Sequence[Cell], names: Sequence[str], sha256: str, cores: int | None, results: str | None) -> Sweep:
    """Do the runs that are not in the file of results yet."""
    keys = [request_key(cell.request, sha256) for cell in cells]
    rows: dict[int, SweepRow] = {}

    def kept() -> str:
        if results is None:
            return "nothing was kept; with --results FILE the same command would go on from here."
        return f"{len(rows):,} of {len(cells):,} runs are in {results}; the same command goes on from there."

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

        run_in_processes([cells[place].request for place in left], "sweep", cores, found)
    return Sweep(tuple(names), tuple(rows[place] for place in range(len(cells))))


def _write(
    found: Sweep,
    chosen: Sequence[Metric],
    trace: str,
    sha256: str,
    json_path: str | None,
    csv_path: str | None,
    plot: str | None,
) -> None:
    """Write the files that were asked for, and the table, unless the standard output has the document."""
    if csv_path is not None:
        write_text("--csv", csv_path, found.csv())
    if plot is not None:
        found.plot(Path(plot), chosen[0], trace)
    if json_path == "-":
        click.echo(document(found.document(trace, sha256)))
        return
    if json_path is not None:
        write_document(json_path, found.document(trace, sha256))
    figures = next((row.figures for row in found.rows if row.figures is not None), None)
    if figures is None:
        return
    runs = "1 run" if len(found.rows) == 1 else f"{len(found.rows):,} runs"
    click.echo(f"{shown(trace)}: {runs}\n")
    metrics = found.known(chosen)
    headings = [*found.names, *(metric.title for metric in metrics)]
    print_table(headings, found.table(chosen), headings[len(found.names) :])
    click.echo(f"\n{BEST.strip()} the best of its column")
    echo_rules([row.figures for row in found.rows if row.figures is not None])
