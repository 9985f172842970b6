"""Runs side by side: figures, which is best, and intervals of differences; for people, programs and spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from meted.adapters.cli.tables import span
from meted.adapters.wording import counted

from ..results.metrics import JsonValue
from ..results.origin import ORIGIN_COLUMNS, origin_cells
from ..whole_file import csv_text
from .cells import CELL_US
from .metric_table import METRICS, best, metric_named, present
from .misreports import Misreports
from .resample import CLUSTERS_MIN, Difference, Intervals, Over

BEST: Final = "* "
"""Stands before the best value of a row."""

Figures = Mapping[str, JsonValue]


@attrs.frozen
class Comparison:
    """Runs of several policies on one trace.

    Attributes:
        labels: What the runs are called; the others are compared with the first.
        figures: Their figures.
        intervals: Of the differences; None where they were not asked for or cannot be computed.
        misreports: What a user gains by saying other than the truth; None where it was not asked for.
    """

    labels: tuple[str, ...]
    figures: tuple[Figures, ...]
    intervals: Intervals | None
    misreports: Misreports | None = None

    def figure_rows(self) -> Iterator[tuple[str, ...]]:
        """Yield a row for each figure: its title, and its value in each run, the best ones marked."""
        for metric, values in present(self.figures):
            marked = best(metric, values)
            shown = (format(value, metric.form) for value in values)
            yield (
                metric.title,
                *(BEST * (place in marked) + text for place, text in enumerate(shown)),
            )

    def difference_rows(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Yield a row for each run but the first and each figure that has intervals.

        These are the figure, the run, the difference, and its intervals over time and over users.
        """
        if self.intervals is None:
            return
        cells: dict[tuple[str, str], dict[Over, Difference]] = {}
        for one in self.intervals.differences:
            cells.setdefault((one.metric, one.label), {})[one.over] = one
        for (name, label), found in sorted(cells.items(), key=lambda entry: _order(entry[0], self.labels)):
            metric = metric_named(name)
            assert metric is not None
            form = "+" + metric.form
            some = next(iter(found.values()))
            yield (
                metric.title,
                label,
                format(some.difference, form),
                _interval(found.get("time"), form),
                _interval(found.get("users"), form),
            )

    def document(self) -> dict[str, object]:
        """Return all of it for programs."""
        rows = {
            metric.name: [self.labels[place] for place in sorted(best(metric, values))]
            for metric, values in present(self.figures)
        }
        first = self.figures[0]
        return {
            "trace": first["trace"],
            "trace_sha256": first["trace_sha256"],
            "policies": list(self.labels),
            "results": [dict(figures) for figures in self.figures],
            "best": rows,
            "intervals": None if self.intervals is None else intervals_document(self.intervals),
            "misreport": None if self.misreports is None else self.misreports.document(),
        }

    def csv(self) -> str:
        """Return a row for each run and figure: its difference from the first run, the ends of intervals, its rules."""
        found = {
            (one.label, one.metric, one.over): one for one in (self.intervals.differences if self.intervals else ())
        }
        ends = ("time_low", "time_high", "users_low", "users_high")
        heads = ("policy", "metric", "value", "best", "difference", *ends, "intervals", *ORIGIN_COLUMNS)
        how = "" if self.intervals is None else intervals_words(self.intervals)
        rows: list[list[object]] = [list(heads)]
        origins = [origin_cells(figures) for figures in self.figures]
        for metric, values in present(self.figures):
            marked = best(metric, values)
            for place, (label, value) in enumerate(zip(self.labels, values, strict=True)):
                over = [found.get((label, metric.name, kind)) for kind in ("time", "users")]
                cells = [end for one in over for end in (("", "") if one is None else (one.low, one.high))]
                difference = value - values[0] if place else ""
                rows.append([label, metric.name, value, int(place in marked), difference, *cells, how, *origins[place]])
        return csv_text(rows)


def intervals_document(found: Intervals) -> dict[str, object]:
    """Return intervals for programs, with how they came about."""
    return {
        "method": "BCa bootstrap of paired clusters",
        "level": found.level,
        "resamples": found.resamples,
        "seed": found.seed,
        "block_s": found.block_us // 1_000_000,
        "blocks": found.blocks,
        "users": found.users,
        "differences": [
            {"policy": one.label, "metric": one.metric, "over": one.over, "difference": one.difference}
            | {"low": one.low, "high": one.high}
            for one in found.differences
        ],
    }


def intervals_words(found: Intervals) -> str:
    """Return how intervals came about, for a cell of a table."""
    made = f"draws={found.resamples} seed={found.seed} block_s={found.block_us // 1_000_000}"
    return f"BCa bootstrap at {100 * found.level:g} %; {made}"


def intervals_sentences(found: Intervals) -> Iterator[str]:
    """Yield how intervals came about, a sentence a line."""
    block = {604_800: "weeks", 86_400: "days", 3_600: "hours"}.get(
        found.block_us // 1_000_000, f"stretches of {span(found.block_us)}"
    )
    drawn = f"{counted(found.resamples, 'draw')} with seed {found.seed}"
    yield (
        f"Intervals at {100 * found.level:g} %, BCa bootstrap: {drawn} of {found.blocks:,} {block} by submission, "
        f"and of {counted(found.users, 'user')}; the same for all policies."
    )
    if found.blocks < CLUSTERS_MIN:
        advice = "; give a shorter --block" if found.block_us > CELL_US else ""
        yield f"There is none over time: that takes at least {CLUSTERS_MIN} {block}{advice}."
    if found.users < CLUSTERS_MIN:
        yield f"There is none over users: that takes at least {CLUSTERS_MIN} of them."
    if found.differences:
        yield "An interval that holds 0 says that this trace does not tell which of the two is better."


def _interval(found: Difference | None, form: str) -> str:
    return "" if found is None else f"{format(found.low, form)} to {format(found.high, form)}"


def _order(key: tuple[str, str], labels: Sequence[str]) -> tuple[int, int]:
    """Return where a row stands: figures as in the table above, then runs as they were named."""
    return [metric.name for metric in METRICS].index(key[0]), labels.index(key[1])
