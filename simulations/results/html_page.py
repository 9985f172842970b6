"""A report as one page of HTML that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from ..errors import SimulationError
from .html_style import STYLE
from .html_tables import figures_table, rules_table, users_table
from .run_record import RunRecord

RUNS_MAX: Final = 8
"""Runs in one report: more lines than these nobody tells apart."""


def write_report(path: str, runs: Sequence[RunRecord]) -> None:
    """Write a report of some runs, side by side.

    Args:
        path: The file.
        runs: At least one and at most ``RUNS_MAX``; those of one report are best of one trace.

    Raises:
        SimulationError: There are none or too many, a library is missing, or the file cannot be written.
    """
    page = report_page(runs)
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SimulationError(f"{path} cannot be written ({reason}); give another file with --html.") from None


def report_page(runs: Sequence[RunRecord]) -> str:
    """Return what :func:`write_report` writes."""
    if not 1 <= len(runs) <= RUNS_MAX:
        raise SimulationError(f"a report holds 1 to {RUNS_MAX} runs, and these are {len(runs):,}; leave some out.")
    traces = ", ".join(dict.fromkeys(str(run.figures["trace"]) for run in runs))
    labels = ", ".join(run.label for run in runs)
    sections = [
        ("figures", "Figures", figures_table(runs)),
        ("users", "Users", "".join(map(users_table, runs))),
        ("rules", "How these came about", rules_table(runs)),
    ]
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
