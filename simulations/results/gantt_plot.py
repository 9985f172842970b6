"""The Gantt chart of a report: what ran where in a window of time, one panel a run.

A schedule says how many processors a job had and not which. They are given out here: each job gets the lowest that are
free when it starts, in one piece where there is one, else in several.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from meted.adapters.wording import counted

from .charts import FAINT, LINE, RUN_COLOURS, shown, svg, time_unit, user_colours
from .run_record import Bar, Gantt, RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EDGED_MAX: Final = 700
_EDGE_POINTS: Final = 0.4
"""Boxes have edges so wide, unless there are so many that nothing else would be seen."""

_Span = tuple[float, float]
"""The lowest processor and how many."""


def gantt_plot(runs: Sequence[RunRecord]) -> str:
    """Return the windows of the runs."""
    with_bars = [run for run in runs if run.gantt.bars]
    if not with_bars:
        return ""

    def draw(panels: list[Axes]) -> None:
        colours = _colours(runs)
        for panel, run in zip(panels, with_bars, strict=True):
            _draw_window(panel, run, colours)

    about = "What ran in a window of time around the moment at which the most jobs waited."
    return svg("gantt", about, len(with_bars), 1, 3.2, draw)


def placed(bars: Sequence[Bar]) -> Iterator[tuple[Bar, list[_Span]]]:
    """Yield each job, in the order of the starts, with the processors that it is drawn on."""
    free: list[_Span] = [(0, float("inf"))]
    ends: list[tuple[float, int, list[_Span]]] = []
    for number, bar in enumerate(bars):
        while ends and ends[0][0] <= bar.start_s:
            for span in heappop(ends)[2]:
                _give_back(free, span)
        spans = _take(free, bar.procs)
        heappush(ends, (bar.end_s, number, spans))
        yield bar, spans


def _take(free: list[_Span], procs: float) -> list[_Span]:
    """Take so many processors out of those that are free: the lowest piece with room, but none above a lower fit."""
    for place, (low, count) in enumerate(free):
        if count >= procs and count != float("inf"):
            free[place : place + 1] = [(low + procs, count - procs)] if count > procs else []
            return [(low, procs)]
    spans: list[_Span] = []
    while procs:
        low, count = free.pop(0)
        taken = min(count, procs)
        spans.append((low, taken))
        if count > taken:
            free.insert(0, (low + taken, count - taken))
        procs -= taken
    return spans


def _give_back(free: list[_Span], span: _Span) -> None:
    """Put processors back, joined with their neighbours."""
    insort(free, span)
    place = free.index(span)
    if place + 1 < len(free) and span[0] + span[1] == free[place + 1][0]:
        free[place : place + 2] = [(span[0], span[1] + free[place + 1][1])]
    if place and free[place - 1][0] + free[place - 1][1] == free[place][0]:
        free[place - 1 : place + 1] = [(free[place - 1][0], free[place - 1][1] + free[place][1])]


def _colours(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Return the colours of users: of those with the most work of all, then of those with the most in the windows."""
    colours = user_colours(runs)
    work = Counter[str]()
    for run in runs:
        for bar in run.gantt.bars:
            work[bar.user] += round((bar.end_s - bar.start_s) * bar.procs)
    left = [colour for colour in RUN_COLOURS if colour not in colours.values()]
    others = sorted((user for user in work if user not in colours), key=lambda user: (-work[user], user))
    return colours | dict(zip(others, left, strict=False))


def _when(at_s: float) -> str:
    """Return a time for people."""
    unit_s, unit = time_unit(at_s)
    return f"{at_s / unit_s:,.2f} {unit} after the first submit" if at_s else "the first submit"


def _draw_window(panel: Axes, run: RunRecord, colours: Mapping[str, str]) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch

    gantt: Gantt = run.gantt
    unit_s, unit = time_unit(gantt.to_s - gantt.from_s)
    boxes: dict[str, list[list[_Span]]] = {}
    for bar, spans in placed(gantt.bars):
        left, right = (max(gantt.from_s, bar.start_s), min(gantt.to_s, bar.end_s))
        for low, count in spans:
            if right > left:
                x, end = (left - gantt.from_s) / unit_s, (right - gantt.from_s) / unit_s
                owner = bar.user if bar.user in colours else ""
                boxes.setdefault(owner, []).append([(x, low), (end, low), (end, low + count), (x, low + count)])
    colours = {**colours, "": FAINT}
    edge = _EDGE_POINTS if sum(map(len, boxes.values())) <= _EDGED_MAX else 0
    for owner, corners in boxes.items():
        alpha = 0.85 if owner else 0.3
        panel.add_collection(
            PolyCollection(corners, facecolors=colours[owner], edgecolors=LINE, linewidths=edge, alpha=alpha)
        )
    panel.set_xlim(0, max(gantt.to_s - gantt.from_s, 1e-6) / unit_s)
    panel.set_ylim(0, gantt.procs)
    panel.grid(visible=False)
    panel.set(
        title=f"{shown(run.label)}: {counted(len(gantt.bars), 'job')} around the longest queue",
        xlabel=f"{unit}, from {_when(gantt.from_s)}",
        ylabel="processors",
    )
    owners = [owner for owner in colours if owner in boxes]
    patches = [
        Patch(color=colours[owner], alpha=0.85 if owner else 0.3, label=shown(owner) or "others") for owner in owners
    ]
    panel.legend(handles=patches, title="user", loc="upper left", bbox_to_anchor=(1, 1), alignment="left")
