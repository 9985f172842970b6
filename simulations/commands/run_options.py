"""What ``meted compare`` and ``meted sweep`` have in common: how many runs at a time, by which rules,
and how an interruption ends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Final, NoReturn

import click

from meted.adapters.cli.funnel import INTERRUPTED

from ..results.metrics import JsonValue
from ..results.report import rows, rule_rows
from ..running.bars import RunBars
from ..running.perform import RunResult
from ..running.processes import CORES_MAX, run_all
from ..running.request import RunFailure, RunRequest
from ..traces.trace_rules import FilterCounts

cores_option: Final = click.option(
    "--cores",
    type=click.IntRange(1, CORES_MAX),
    metavar="N",
    help="So many runs at a time, each in a process of its own.  [default: all cores]",
)


def run_in_processes(
    requests: Sequence[RunRequest],
    title: str,
    at_once: int | None,
    found: Callable[[int, RunResult | RunFailure], None],
) -> None:
    """Do all runs and show how far they are.

    Args:
        requests: The runs.
        title: What they are called together.
        at_once: So many at a time; None is all cores.
        found: Called with the place of each run that has ended and what it came to. What it raises ends all others.
    """
    labels = [request.label for request in requests]
    with RunBars(labels, title) as bars, closing(run_all(requests, at_once, bars)) as runs:
        for place, outcome in runs:
            bars.done(place)
            found(place, outcome)


def echo_rules(runs: Sequence[Mapping[str, JsonValue]], labels: Sequence[str] = ()) -> None:
    """Show by which rules figures came about: those that all runs have in common, then those of single runs.

    Args:
        runs: The figures of each run.
        labels: What the runs are called; without labels the rules of single runs are left out.
    """
    found = [tuple(rule_rows(figures, _counts(figures))) for figures in runs]
    common = [row for row in found[0] if all(row in each for each in found)]
    own = [
        (f"{name} of {label}", text)
        for label, each in zip(labels, found, strict=False)
        for name, text in each
        if (name, text) not in common
    ]
    click.echo("\n".join(["", *rows([*own, *common])]))


def _counts(figures: Mapping[str, JsonValue]) -> FilterCounts:
    counts = figures["filter"]
    assert isinstance(counts, Mapping)
    return FilterCounts(**{name: count for name, count in counts.items() if isinstance(count, int)})


@contextmanager
def interruptible(kept: Callable[[], str]) -> Iterator[None]:
    """Let Ctrl-C end the command with one sentence: ``kept`` returns what is left of its work."""
    try:
        yield
    except KeyboardInterrupt:
        interrupted(kept())


def interrupted(kept: str) -> NoReturn:
    """End a command that was interrupted with one sentence; ``kept`` says what is left of its work."""
    click.echo(f"Interrupted; {kept}", err=True)
    sys.exit(INTERRUPTED)
