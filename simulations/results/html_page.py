"""A report as one page of HTML that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from ..errors import SimulationError
from ..whole_file import write_text
from .credit_plot import credit_plot
from .credit_rows import books_table
from .gantt_plot import gantt_plot
from .html_style import STYLE
from .html_tables import DifferencesTable, differences_table, figures_table, rules_table, users_table
from .plots import lag_plot, load_plot, loans_plot, service_plot, waits_plot
from .run_record import RunRecord

_LOAD: Final = "Means over bins of equal width; a job that starts as it is submitted does not wait."
_SERVICE: Final = (
    "While a user has work it is owed its share of the machine among those who have work, and no more than it asks "
    "for. Left: the users with the most work; service counts when a job starts. Right: every user; below the dotted "
    "line are those who got their work done later than they were owed."
)
_LAG: Final = (
    "While a user waits, it is owed its share of all that is started. Its lag is what it did not get of that, over a "
    "bound that depends on its share and its largest job. The bound is proven for the policy meted and jobs of one "
    "processor; else it is a yardstick."
)
_WAITS: Final = "Left every job counts once, right every user. Higher is sooner."
_LOANS: Final = "What is borrowed is lent by somebody: at each moment the lines of a resource sum up to zero."
_CREDIT: Final = (
    "What domains paid each other until then. What is paid for priority goes to those who made room, in proportion to "
    "what each payer had in escrow, and to the treasury where nobody did. Dark: while an alarm of too much credit "
    "(crash) or too little (starvation) was raised."
)
_GANTT: Final = (
    "What ran around the moment at which the most jobs waited, which may be another under each "
    "policy. Which processors a job had is not part of a schedule: each is drawn on the lowest that are free."
)

RUNS_MAX: Final = 8
"""Runs in one report: more lines than these nobody tells apart."""


def write_report(
    path: str,
    runs: Sequence[RunRecord],
    differences: DifferencesTable | None = None,
    gains: DifferencesTable | None = None,
) -> None:
    """Write a report of some runs, side by side.

    Args:
        path: The file.
        runs: At least one and at most ``RUNS_MAX``; those of one report are best of one trace.
        differences: How sure the differences between them are, if that is known.
        gains: What a user gains by saying other than the truth, if that was asked for.

    Raises:
        SimulationError: There are none or too many, a library is missing, or the file cannot be written.
    """
    write_text("--html", path, report_page(runs, differences, gains))


def report_page(
    runs: Sequence[RunRecord], differences: DifferencesTable | None = None, gains: DifferencesTable | None = None
) -> str:
    """Return what :func:`write_report` writes."""
    if not 1 <= len(runs) <= RUNS_MAX:
        raise SimulationError(f"a report holds 1 to {RUNS_MAX} runs, and these are {len(runs):,}; leave some out.")
    traces = ", ".join(dict.fromkeys(str(run.figures["trace"]) for run in runs))
    labels = ", ".join(run.label for run in runs)
    sections = [section for section in _sections(runs, differences, gains) if section[2]]
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in sections)
    body = "".join(f'<section id="{name}"><h2>{title}</h2>\n{content}</section>\n' for name, title, content in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(traces)}: {escape(labels)}</title>\n<style>{STYLE}</style></head>\n<body>\n"
        f'<header><h1>{escape(traces)}</h1>\n<p class="about">{escape(labels)}</p>\n<nav aria-label="Contents"><ul>'
        f"{links}</ul></nav></header>\n<main>\n{body}</main>\n"
        "<footer>Simulated by meted, through the engine that serves live.</footer>\n</body></html>\n"
    )


def _sections(
    runs: Sequence[RunRecord], differences: DifferencesTable | None, gains: DifferencesTable | None
) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the title and the content of each section; what is not there is empty."""
    yield "rules", "How these came about", rules_table(runs)
    yield "figures", "Figures", figures_table(runs)
    if differences is not None:
        yield "differences", differences.title, differences_table(differences)
    if gains is not None:
        yield "misreport", escape(gains.title), differences_table(gains)
    yield "load", "Queue and utilisation", _figure(load_plot(runs), _LOAD)
    yield "service", "Service against entitlement", _figure(service_plot(runs), _SERVICE)
    yield "lag", "Lag", _figure(lag_plot(runs), _LAG)
    yield "waits", "Waits", _figure(waits_plot(runs), _WAITS)
    yield "loans", "Loans", _figure(loans_plot(runs), _LOANS)
    yield "credit", "Credit", _figure(credit_plot(runs), _CREDIT) + "".join(map(books_table, runs))
    yield "gantt", "A window of the schedule", _figure(gantt_plot(runs), _GANTT)
    yield "users", "Users", "".join(map(users_table, runs))


def _figure(plot: str, caption: str) -> str:
    """Return a plot with what one has to know to read it; nothing of none."""
    return f"<figure>\n{plot}<figcaption>{escape(caption)}</figcaption></figure>\n" if plot else ""
