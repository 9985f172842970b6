"""The tables of a report: figures of several runs side by side, the rules behind them, and a row for each user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import zip_longest
from typing import Final

from meted.adapters.wording import counted
from meted.core.record import record

from .report import result_rows
from .run_record import RunRecord, UserRow

USERS_SHOWN: Final = 250
"""Users that a table of a report has; where there are more, those with the most work. A CSV file has them all."""

_NUMBER: Final = ' class="number"'

_USER_COLUMNS: Final = (
    ("share", "share", ",.0f"),
    ("jobs", "jobs", ",.0f"),
    ("cpu_s", "processor time, s", ",.0f"),
    ("service", "of what it was owed", ".3f"),
    ("mean_wait_s", "wait: mean, s", ",.0f"),
    ("median_wait_s", "median", ",.0f"),
    ("p95_wait_s", "95 %", ",.0f"),
    ("p99_wait_s", "99 %", ",.0f"),
    ("max_wait_s", "largest", ",.0f"),
    ("mean_bounded_slowdown", "slowdown: mean", ",.2f"),
    ("median_bounded_slowdown", "median", ",.2f"),
    ("p95_bounded_slowdown", "95 %", ",.2f"),
    ("p99_bounded_slowdown", "99 %", ",.2f"),
    ("max_lag_units", "lag, units", ".4f"),
    ("max_lead_units", "lead, units", ".4f"),
    ("envy_units", "envy, units", ".4f"),
    ("sharing_deficit_s", "slower than alone, s", ",.0f"),
    ("mean_rho", "shared / alone: mean", ".3f"),
    ("max_rho", "largest", ",.2f"),
    ("starvation", "longest wait as head, of its bound", ".3f"),
)


@record
class DifferencesTable:
    """Differences between runs, as shown to people: of policies, or by what a user says.

    Attributes:
        title: What they are differences from.
        headings: Of the columns; the first two are no numbers.
        rows: The cells of each row.
        sentences: How they came about, and how to read them.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    sentences: Sequence[str]


def differences_table(found: DifferencesTable) -> str:
    """Return the differences as a table, if there are any, and the sentences below it."""
    head = "".join(
        f'<th scope="col"{_NUMBER if place > 1 else ""}>{escape(title)}</th>'
        for place, title in enumerate(found.headings)
    )
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th><td>{escape(row[1])}</td>'
        + "".join(f"<td{_NUMBER}>{escape(cell)}</td>" for cell in row[2:])
        + "</tr>\n"
        for row in found.rows
    )
    table = f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n'
    return (table if found.rows else "") + f'<p class="about">{escape(" ".join(found.sentences))}</p>\n'


def figures_table(runs: Sequence[RunRecord]) -> str:
    """Return the figures of the runs as columns of one table."""
    found = [_once_each(result_rows(run.figures)) for run in runs]
    names = list(dict.fromkeys(name for figures in found for name in figures))
    head = "".join(f'<th scope="col" class="number">{escape(run.label)}</th>' for run in runs)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="number">{escape(figures.get(name, ""))}</td>' for figures in found)
        + "</tr>\n"
        for name in names
    )
    return (
        f'<div class="wide"><table>\n<thead><tr><th></th>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n'
    )


def _once_each(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return rows by their names; what stands under one name several times is one text."""
    found: dict[str, str] = {}
    for name, text in rows:
        found[name] = f"{found[name]}; {text}" if name in found else text
    return found


def rules_table(runs: Sequence[RunRecord]) -> str:
    """Return the rules behind the figures: those that all runs have in common once, and the others for each."""
    common = [row for row in runs[0].rules if all(row in run.rules for run in runs)]
    parts = [_rows(common)]
    for run in runs:
        if own := [row for row in run.rules if row not in common]:
            parts.append(f"<h3>{escape(run.label)}</h3>\n{_rows(own)}")
    return "".join(parts)


def users_table(run: RunRecord) -> str:
    """Return how each user of a run fared, those with the most work first."""
    shown = sorted(run.users, key=lambda row: (-row.cpu_s, row.user))[:USERS_SHOWN]
    left = len(run.users) - len(shown)
    about = "The most work first." + (f" {counted(left, 'more user')} in the file of --csv." if left else "")
    head = "".join(f'<th scope="col" class="number">{escape(title)}</th>' for _, title, _ in _USER_COLUMNS)
    body = "".join(f'<tr><th scope="row">{escape(row.user)}</th>{"".join(_cells(row))}</tr>\n' for row in shown)
    return (
        f"<details><summary>{escape(run.label)}: {counted(len(run.users), 'user')}</summary>\n"
        f'<div class="wide"><table class="numbers"><caption>{about}</caption>\n'
        f'<thead><tr><th scope="col">user</th>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div></details>\n"
    )


def _cells(row: UserRow) -> Iterator[str]:
    for name, _, shape in _USER_COLUMNS:
        yield f"<td>{format(getattr(row, name), shape)}</td>"


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    names = [name for name, _ in rows]
    cells = (
        f'<tr><th scope="row">{escape("" if name == before else name)}</th><td class="text">{escape(text)}</td></tr>\n'
        for (name, text), before in zip_longest(rows, [None, *names[:-1]])
    )
    return f"<table>\n<tbody>\n{''.join(cells)}</tbody></table>\n"
