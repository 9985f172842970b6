"""What the runs of a grid came to: as a table, as a document, as a spreadsheet, and one figure as a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from ..plot import COLOURS, LINES, label, panels, save
from ..results.metrics import JsonValue
from ..results.origin import ORIGIN_COLUMNS, origin_cells
from ..whole_file import csv_text
from .comparison import BEST
from .metric_table import METRICS, Metric, best, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@attrs.frozen
class SweepRow:
    """One run: the values of what is varied, as they were written, and its figures, or why there are none."""

    texts: tuple[str, ...]
    figures: Mapping[str, JsonValue] | None
    failure: str | None = None


@attrs.frozen
class Sweep:
    """The runs of a grid.

    Attributes:
        names: What is varied.
        rows: The runs, in the order of the grid.
    """

    names: tuple[str, ...]
    rows: tuple[SweepRow, ...]

    def known(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Return those of the figures that the runs have."""
        figures = [row.figures for row in self.rows if row.figures is not None]
        return [one for one in metrics if figures and all(number(each, one.name) is not None for each in figures)]

    def table(self, metrics: Sequence[Metric]) -> Iterator[tuple[str, ...]]:
        """Yield a row of text for each run that came to something, the best of each column marked."""
        rows = [(row.texts, row.figures) for row in self.rows if row.figures is not None]
        columns: list[list[str]] = []
        for metric in self.known(metrics):
            values = [number(figures, metric.name) or 0.0 for _, figures in rows]
            marked = best(metric, values)
            columns.append([BEST * (p in marked) + format(v, metric.form) for p, v in enumerate(values)])
        for place, (texts, _) in enumerate(rows):
            yield (*(text or "-" for text in texts), *(column[place] for column in columns))

    def document(self, trace: str, sha256: str) -> dict[str, object]:
        """Return all of it for programs."""
        return {
            "trace": trace,
            "trace_sha256": sha256,
            "varied": list(self.names),
            "runs": [
                {
                    "varied": {name: text or None for name, text in zip(self.names, row.texts, strict=True)},
                    "results": None if row.figures is None else dict(row.figures),
                    "failure": row.failure,
                }
                for row in self.rows
            ],
        }

    def csv(self) -> str:
        """Return a row for each run that came to something: what is varied, its figures, its rules."""
        metrics = self.known(METRICS)
        origin = [name for name in ORIGIN_COLUMNS if name not in self.names]
        rows = [
            [*row.texts, *(row.figures[metric.name] for metric in metrics), *(made[name] for name in origin)]
            for row in self.rows
            if row.figures is not None
            for made in [dict(zip(ORIGIN_COLUMNS, origin_cells(row.figures), strict=True))]
        ]
        return csv_text([[*self.names, *(metric.name for metric in metrics), *origin], *rows])

    def plot(self, path: Path, metric: Metric, trace: str) -> None:
        """Draw a figure against the first parameter whose values are numbers, else the first.

        There is a line for each combination of the others. A run to which that parameter means nothing is a level line.

        Raises:
            SimulationError: matplotlib is not installed, or the file cannot be written.
        """
        figure, (axes,) = panels()
        axis = next((place for place in range(len(self.names)) if self._numbers(place) is not None), 0)
        lines: dict[tuple[str, ...], list[tuple[str, float]]] = {}
        for row in self.rows:
            value = None if row.figures is None else number(row.figures, metric.name)
            if value is not None:
                rest = row.texts[:axis] + row.texts[axis + 1 :]
                lines.setdefault(rest, []).append((row.texts[axis], value))
        self._draw(axes, axis, lines)
        label(axes, f"{metric.title}: {trace}", metric.title, self.names[axis])
        if len(lines) > 1:
            axes.legend(title=", ".join(self.names[:axis] + self.names[axis + 1 :]) if len(self.names) == 2 else None)
        save(figure, path)

    def _numbers(self, place: int) -> dict[str, float] | None:
        """Return the values of a parameter as numbers, by what was written; None if they are none."""
        try:
            return {row.texts[place]: float(row.texts[place]) for row in self.rows if row.texts[place]}
        except ValueError:
            return None

    def _draw(self, axes: Axes, axis: int, lines: Mapping[tuple[str, ...], list[tuple[str, float]]]) -> None:
        numbers = self._numbers(axis)
        texts = dict.fromkeys(row.texts[axis] for row in self.rows if row.texts[axis])
        at = {text: float(place) for place, text in enumerate(texts)} if numbers is None else numbers
        if numbers is None:
            axes.set_xticks(list(at.values()), list(at))
        others = self.names[:axis] + self.names[axis + 1 :]
        for place, (rest, points) in enumerate(lines.items()):
            name = ", ".join(
                text if len(others) == 1 else f"{other} {text}"
                for other, text in zip(others, rest, strict=True)
                if text
            )
            colour, line = COLOURS[place % len(COLOURS)], LINES[place // len(COLOURS) % len(LINES)]
            level = [value for text, value in points if not text]
            along = sorted((at[text], value) for text, value in points if text)
            if along:
                axes.plot(
                    [x for x, _ in along], [y for _, y in along], marker="o", label=name, color=colour, linestyle=line
                )
            for value in level:
                axes.axhline(value, label=name, color=colour, linestyle=line)
