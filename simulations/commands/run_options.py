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
from meted.adapters.wording import counted

from ..results.metrics import JsonValue
from ..results.report import rows, rule_rows
from ..running.bars import RunBars
from ..running.perform import RunResult
from ..running.processes import CORES_MAX, run_all
from ..running.request import RunFailure, RunRequest
from ..traces.trace_rules import FilterCounts

RULES_SHOWN_MAX: Final = 40
"""Rules of single runs below one table; the files for programs have all."""

RUNS_NAMED_MAX: Final = 3
"""Runs that are named beside a rule that only some go by; the others are counted."""

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


def echo_rules(runs: Sequence[Mapping[str, JsonValue]], labels: Sequence[Sequence[str]]) -> None:
    """Show by which rules figures came about: those of single runs, then those that all runs have in common.

    Args:
        runs: The figures of each run.
        labels: What each run is called, part by part: all of them have as many parts, and some may be empty.
    """
    found = [tuple(rule_rows(figures, _counts(figures))) for figures in runs]
    common = [row for row in found[0] if all(row in each for each in found)]
    own: dict[tuple[str, str], list[int]] = {}
    for run, each in enumerate(found):
        for row in each:
            if row not in common:
                own.setdefault(row, []).append(run)
    single = [(f"{name} of {_named(whose, labels)}", text) for (name, text), whose in own.items()]
    lines = rows([*single[:RULES_SHOWN_MAX], *common])
    if len(single) > RULES_SHOWN_MAX:
        more = counted(len(single) - RULES_SHOWN_MAX, "rule")
        lines.append(f"  Single runs have {more} more; --json and --csv have all.")
    click.echo("\n".join(["", *lines]))


def _named(whose: Sequence[int], labels: Sequence[Sequence[str]]) -> str:
    """Return what some of the runs are called: by one part of their labels where it tells them from all others."""
    texts = [" ".join(filter(None, labels[run])) for run in whose]
    for column in zip(*labels, strict=True):
        mine = {column[run] for run in whose}
        if "" not in mine and sum(part in mine for part in column) == len(whose):
            texts = [column[run] for run in whose]
            break
    names = list(dict.fromkeys(texts))
    more = len(names) - RUNS_NAMED_MAX
    return "; ".join(names[:RUNS_NAMED_MAX]) + (f" and {more:,} more" if more > 0 else "")


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
