"""The plot of credit in a report: who paid whom over time, and when an alarm was raised."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..traces.credit_moves import CreditSeries
from .charts import INK, RUN_COLOURS, shown, svg, time_unit
from .run_record import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAIRS_DRAWN: Final = 7
"""Pairs that are drawn each by itself, those who paid most; the others are one area."""

_POINTS: Final = 400

_MADE: Final = frozenset({"grant", "withdrawal", "demurrage"})
"""Kinds by which credit is made and taken back: nobody paid anybody."""


def credit_plot(runs: Sequence[RunRecord]) -> str:
    """Return what was paid over time by whom to whom, stacked; nothing where nobody paid anything."""
    trading = [(run, pairs) for run in runs if (pairs := _pairs(run.series.credit.series))]
    if not trading:
        return ""

    def draw(panels: list[Axes]) -> None:
        for panel, (run, pairs) in zip(panels, trading, strict=True):
            _stacked(panel, run, pairs)

    return svg("credit", "Credit that domains paid each other over time.", len(trading), 1, 3.0, draw)


def _pairs(series: Sequence[CreditSeries]) -> list[tuple[str, list[CreditSeries]]]:
    """Return what is drawn, by what it is called; the largest first, and the rest together."""
    found: dict[str, list[CreditSeries]] = {}
    for one in series:
        if one.kind not in _MADE:
            found.setdefault(f"{shown(one.payer)} \u2192 {shown(one.payee)}", []).append(one)
    ordered = sorted(found.items(), key=lambda pair: (-sum(one.paid_mc[-1] for one in pair[1]), pair[0]))
    if len(ordered) <= PAIRS_DRAWN + 1:
        return ordered
    rest = [one for _, many in ordered[PAIRS_DRAWN:] for one in many]
    return [*ordered[:PAIRS_DRAWN], (f"{len(ordered) - PAIRS_DRAWN} other pairs", rest)]


def _stacked(panel: Axes, run: RunRecord, pairs: Sequence[tuple[str, Sequence[CreditSeries]]]) -> None:
    ends = [*run.series.at_s[-1:], *(one.at_s[-1] for _, many in pairs for one in many)]
    unit_s, unit = time_unit(max(ends))
    times = sorted({0.0, max(ends), *(at_s for _, many in pairs for one in many for at_s in one.at_s)})
    every = -(-len(times) // _POINTS)
    times = [*times[::every], times[-1]]
    areas = [[sum(_paid_at(one, at_s) for one in many) / 1000 for at_s in times] for _, many in pairs]
    at = [at_s / unit_s for at_s in times]
    panel.stackplot(at, areas, step="post", labels=[label for label, _ in pairs], colors=RUN_COLOURS, alpha=0.85)
    for alarm, from_s, until_s in _raised(run, max(ends)):
        panel.axvspan(from_s / unit_s, until_s / unit_s, color=INK, alpha=0.12, linewidth=0)
        where, axes = (from_s / unit_s, 0.98), ("data", "axes fraction")
        panel.annotate(f"{alarm} ", where, xycoords=axes, ha="right", va="top", color=INK, fontsize=8)
    panel.set(
        title=f"{shown(run.label)}: paid so far, payer \u2192 payee",
        ylabel="credits",
        xlabel=f"{unit} from the first submit",
        ylim=(0, None),
    )
    panel.legend(loc="upper left", ncols=2)


def _raised(run: RunRecord, end_s: float) -> list[tuple[str, float, float]]:
    """Return each alarm that was raised, from when to when."""
    found, since = [], dict[str, float]()
    for at_s, alarm, is_raised in run.series.credit.alarms:
        if is_raised:
            since[alarm] = at_s
        elif alarm in since:
            found.append((alarm, since.pop(alarm), at_s))
    return [*found, *((alarm, from_s, max(from_s, end_s)) for alarm, from_s in since.items())]


def _paid_at(one: CreditSeries, at_s: float) -> int:
    place = bisect_right(one.at_s, at_s)
    return one.paid_mc[place - 1] if place else 0
