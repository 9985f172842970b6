"""The plots of a report: what waits and runs over time, service against entitlement, lag, waits, and loans.

Each function returns an element of a page, or nothing where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from .charts import FAINT, INK, RUN_COLOURS, RUN_LINES, shown, svg, time_unit, user_colours
from .run_record import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WAIT_TICKS: Final = (
    (0, "0"),
    (1, "1 s"),
    (10, "10 s"),
    (60, "1 min"),
    (600, "10 min"),
    (3_600, "1 h"),
    (6 * 3_600, "6 h"),
    (86_400, "1 day"),
    (7 * 86_400, "1 week"),
    (30 * 86_400, "30 days"),
    (365 * 86_400, "1 year"),
)
USERS_DRAWN: Final = 1_000
"""Users that are drawn as dots; where there are more, those with the most work."""

_CURVE_POINTS: Final = 400
_FAR_APART: Final = 8


def load_plot(runs: Sequence[RunRecord]) -> str:
    """Return how many jobs waited and how much of the machine was used over time."""

    def draw(panels: list[Axes]) -> None:
        unit_s, unit = _unit(runs)
        waiting, busy = panels
        for run, colour, style in zip(runs, RUN_COLOURS, RUN_LINES, strict=False):
            at = [0.0, *(at_s / unit_s for at_s in run.series.at_s)]
            for panel, values in ((waiting, run.series.waiting_jobs), (busy, [100 * part for part in run.series.busy])):
                panel.stairs(
                    values, at, baseline=None, color=colour, linestyle=style, linewidth=1.4, label=shown(run.label)
                )
        waiting.set(title="Jobs that wait", ylabel="jobs")
        _scale(waiting, [max(run.series.waiting_jobs, default=0.0) for run in runs], 1)
        waiting.set_ylim(0, None if any(any(run.series.waiting_jobs) for run in runs) else 1)
        busy.set(title="Utilisation", ylabel="% of the machine", ylim=(0, 103), xlabel=f"{unit} from the first submit")
        _legend(waiting, runs)

    about = "Jobs that wait, and the part of the machine that is used, over time."
    return svg("load", about, 2, 1, 2.1, draw, share_x=True)


def service_plot(runs: Sequence[RunRecord]) -> str:
    """Return what users received against what they were owed: all of them at the end, and the largest over time."""
    colours = user_colours(runs)

    def draw(panels: list[Axes]) -> None:
        for place, run in enumerate(runs):
            _service_over_time(panels[2 * place], run, colours)
            _service_at_end(panels[2 * place + 1], run)

    about = "Processor time received against what was owed: of the largest users over time, and of all at the end."
    return svg("service", about, len(runs), 2, 3.3, draw)


def lag_plot(runs: Sequence[RunRecord]) -> str:
    """Return the largest lag of all users over time, each over its own bound."""

    def draw(panels: list[Axes]) -> None:
        unit_s, unit = _unit(runs)
        (panel,) = panels
        for run, colour, style in zip(runs, RUN_COLOURS, RUN_LINES, strict=False):
            at = [0.0, *(at_s / unit_s for at_s in run.series.at_s)]
            lags = run.series.lag_of_bound
            panel.stairs(lags, at, baseline=None, color=colour, linestyle=style, linewidth=1.4, label=shown(run.label))
        panel.axhline(1, color=INK, linestyle=":", linewidth=1.4)
        panel.annotate("bound", (1, 1), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=INK)
        panel.set(title="Largest lag of any user", ylabel="of its bound", xlabel=f"{unit} from the first submit")
        _scale(panel, [max(run.series.lag_of_bound, default=0.0) for run in runs], 0.1)
        panel.set_ylim(0, None)
        _legend(panel, runs)

    return svg("lag", "The largest lag of any user over time, as a part of its bound.", 1, 1, 2.6, draw)


def waits_plot(runs: Sequence[RunRecord]) -> str:
    """Return which part of jobs, and of users by their mean, waited at most so long."""

    def draw(panels: list[Axes]) -> None:
        longest = max((run.waits_s[-1][0] for run in runs if run.waits_s), default=0.0)
        for panel, name in zip(panels, ("jobs", "users"), strict=True):
            for run, colour, style in zip(runs, RUN_COLOURS, RUN_LINES, strict=False):
                steps = _thinned(run.waits_s if name == "jobs" else run.user_waits_s)
                waits = [0.0, *(wait_s for wait_s, _ in steps), max(longest, 1.0)]
                parts = [0.0, *(100 * part for _, part in steps), 100.0]
                panel.step(waits, parts, where="post", color=colour, linestyle=style, label=shown(run.label))
            panel.set_xscale("symlog", linthresh=1)
            ticks = [tick for tick in _WAIT_TICKS if tick[0] <= max(longest, 1)]
            panel.set_xticks([at for at, _ in ticks], [text for _, text in ticks], rotation=40, ha="right")
            panel.minorticks_off()
            panel.set_ylim(0, 102)
        panels[0].set(title="Waits of jobs", ylabel="% that waited at most so long", xlabel="wait")
        panels[1].set(title="Mean waits of users", ylabel="% of users", xlabel="mean wait")
        _legend(panels[0], runs)

    about = "The part of all jobs, and of all users by their mean, that waited at most so long."
    return svg("waits", about, 1, 2, 3.3, draw)


def loans_plot(runs: Sequence[RunRecord]) -> str:
    """Return what was lent and borrowed over time; nothing where there were no loans."""
    lending = [
        (run, resource) for run in runs for resource in dict.fromkeys(loan.resource for loan in run.series.loans)
    ]
    if not lending:
        return ""
    users = dict.fromkeys([*user_colours(runs), *(loan.user for run in runs for loan in run.series.loans)])
    colours = dict(zip(users, RUN_COLOURS, strict=False))

    def draw(panels: list[Axes]) -> None:
        for panel, (run, resource) in zip(panels, lending, strict=True):
            unit_s, unit = _unit([run])
            end = run.series.at_s[-1] / unit_s if run.series.at_s else 1.0
            found = [loan for loan in run.series.loans if loan.resource == resource]
            for loan in found:
                at = [at_s / unit_s for at_s in loan.at_s] + [end]
                moved = [borrowed - lent for lent, borrowed in zip(loan.lent, loan.borrowed, strict=True)]
                panel.step(
                    [0.0, *at],
                    [0, *moved, moved[-1]],
                    where="post",
                    color=colours.get(loan.user),
                    label=shown(loan.user),
                )
            panel.axhline(0, color=FAINT, linewidth=0.8)
            panel.set(
                title=f"{shown(run.label)}: {shown(resource)} borrowed (above) and lent (below)", ylabel=shown(resource)
            )
            panel.set_xlabel(f"{unit} from the first submit")
            panel.legend(ncols=4)

    return svg("loans", "What domains borrowed and lent over time.", len(lending), 1, 2.4, draw)


def _service_over_time(panel: Axes, run: RunRecord, colours: Mapping[str, str]) -> None:
    """Draw what the users with the most work received (solid) and were owed (dashed)."""
    unit_s, unit = _unit([run])
    at = [0.0, *(at_s / unit_s for at_s in run.series.at_s)]
    for user in run.series.users:
        colour = colours.get(user.user, FAINT)
        for amounts, style, label in ((user.received_cpu_s, "-", shown(user.user)), (user.owed_cpu_s, "--", None)):
            hours = [0.0, *(amount / 3_600 for amount in amounts)]
            panel.plot(at, hours, color=colour, linestyle=style, linewidth=1.4, label=label)
    panel.set(
        title=f"{shown(run.label)}: received, and owed (dashed)", ylabel="processor-hours", xlabel=unit, ylim=(0, None)
    )
    if run.series.users:
        panel.legend(title="user", alignment="left")


def _service_at_end(panel: Axes, run: RunRecord) -> None:
    """Draw a dot for each user: what it was owed against what it received."""
    most_first = sorted(run.users, key=lambda row: (-row.cpu_s, row.user))[:USERS_DRAWN]
    dots = [(row.owed_cpu_s / 3_600, row.cpu_s / 3_600) for row in most_first if row.owed_cpu_s]
    if dots:
        owed, received = zip(*dots, strict=True)
        least, most = min(*owed, *received), max(*owed, *received)
        panel.plot([least, most], [least, most], color=FAINT, linestyle=":", linewidth=1.4)
        panel.plot(owed, received, "o", markersize=3.5, alpha=0.7, color=RUN_COLOURS[0], markeredgewidth=0)
        if most > 20 * least:
            panel.set(xscale="log", yscale="log")
        panel.minorticks_off()
    panel.set(title="each user at the end", xlabel="owed, processor-hours", ylabel="received, processor-hours")


def _unit(runs: Sequence[RunRecord]) -> tuple[float, str]:
    return time_unit(max((run.series.at_s[-1] for run in runs if run.series.at_s), default=0.0))


def _scale(panel: Axes, largest: Sequence[float], linear: float) -> None:
    """Make an axis logarithmic above a value where runs are so far apart that else one would hide the others."""
    if max(largest) > _FAR_APART * max(min(largest), linear):
        panel.set_yscale("symlog", linthresh=linear)


def _legend(panel: Axes, runs: Sequence[RunRecord]) -> None:
    """Say above the panels which line is which, where there are several."""
    if len(runs) > 1:
        figure = panel.get_figure(root=True)
        assert figure is not None
        handles, labels = panel.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=min(4, len(runs)))


def _thinned(steps: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Return about ``_CURVE_POINTS`` of the steps of a rising curve, the first and the last of them among these."""
    every = -(-len(steps) // _CURVE_POINTS)
    return steps if every <= 1 else [steps[0], *steps[every - 1 :: every], steps[-1]]
