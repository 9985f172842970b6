"""How plots of a report are drawn: matplotlib's figures as SVG that stands in a page and takes its colours from it.

The style is that of all plots (:mod:`meted.simulations.plot`). Ink, faint ink and lines are drawn in colours that
nothing else has, which are then replaced by the variables of the style sheet, so that plots follow a dark screen and
print black.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from meted.adapters.cli.tables import shown as printable

from ..plot import COLOURS, STYLE, check_library
from .run_record import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RUN_COLOURS: Final = (*COLOURS, "#882255", "#8a8a8a")
"""A colour for each run of a report; those of all plots first."""

RUN_LINES: Final = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)))
"""A line style for each, so that they differ without their colours as well."""

WIDTH_INCHES: Final = 9.6

NAME_SHOWN: Final = 24
"""Characters of a name in a plot; of longer ones the beginning."""

INK: Final = "#010203"
FAINT: Final = "#020304"
LINE: Final = "#030405"
"""What is replaced by the colours of the page."""

_VARIABLES: Final = {INK: "var(--ink)", FAINT: "var(--faint)", LINE: "var(--line)", COLOURS[0].lower(): "var(--first)"}

_STYLE: Final[dict[str, Any]] = {
    **STYLE,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.axisbelow": True,
    "axes.xmargin": 0.01,
    "grid.color": LINE,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "path.simplify_threshold": 0.5,
}

_TIME_UNITS: Final = ((86_400.0 * 3, 86_400.0, "days"), (3_600.0 * 3, 3_600.0, "hours"), (180.0, 60.0, "minutes"))


def time_unit(span_s: float) -> tuple[float, str]:
    """Return the unit of time for an axis so long: its seconds and its name."""
    for least_s, unit_s, name in _TIME_UNITS:
        if span_s >= least_s:
            return unit_s, name
    return 1.0, "seconds"


def shown(name: str) -> str:
    """Return a name as plots can show it: not too long, nothing in it read as a formula, and never hidden."""
    plain = printable(name)
    short = plain if len(plain) <= NAME_SHOWN else f"{plain[: NAME_SHOWN - 1]}…"
    return ("\u200b" if short.startswith("_") else "") + short.replace("$", r"\$")


def user_colours(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Return a colour for each of the users with the most work, the same in all plots of a report."""
    users = dict.fromkeys(user.user for run in runs for user in run.series.users)
    return dict(zip(users, RUN_COLOURS, strict=False))


def svg(
    name: str,
    about: str,
    rows: int,
    columns: int,
    row_inches: float,
    draw: Callable[[list[Axes]], None],
    share_x: bool = False,
) -> str:
    """Return a plot as an element of a page.

    Args:
        name: What tells it from the other plots of the page.
        about: What it shows, for those who do not see it.
        rows, columns: How many panels it has below one another and side by side.
        row_inches: The height of a panel, where the plot is ``WIDTH_INCHES`` wide.
        draw: Draws on the panels, row by row.
        share_x: Whether panels below one another have the same axis.

    Raises:
        SimulationError: matplotlib is not installed.
    """
    check_library()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    text = StringIO()
    style: Any = {**_STYLE, "svg.hashsalt": name}
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # no font has every letter of every name
        figure = Figure(figsize=(WIDTH_INCHES, row_inches * rows), layout="constrained")
        draw(list(figure.subplots(rows, columns, squeeze=False, sharex="col" if share_x else False).flat))
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inlined(text.getvalue(), name, about)


def _inlined(document: str, name: str, about: str) -> str:
    """Return the SVG element of a document, with the colours of the page and a description."""
    element = document[document.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'<g id="[^"]*"', "<g", element)
    box = re.search(r'viewBox="[^"]*"', element)
    assert box is not None
    for colour, variable in _VARIABLES.items():
        element = element.replace(colour, variable)
    inner = element[element.index(">") + 1 :]
    lines = "\n".join(line.rstrip() for line in inner.splitlines())
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {box.group()} role="img"'
    )
    return f'{head} aria-labelledby="{name}-about"><title id="{name}-about">{escape(about)}</title>\n{lines}'
