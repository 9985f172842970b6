"""Plots as small SVG files, the same bytes from the same numbers, and what all plots have in common.

Drawn with matplotlib, which is loaded when something is drawn: ``pip install 'meted[plot]'``. Text stays text in the
files. They carry no date, and their inner names come from a fixed salt.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import SimulationError
from .whole_file import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that also people tell apart who see fewer (Okabe and Ito, 2008)."""

LINES: Final = ("-", "--", "-.", ":")
"""Line styles, so that lines differ without their colours as well."""

WIDTH_INCHES: Final = 7.0
HEIGHT_INCHES: Final = 2.9
"""Of one panel."""

STYLE: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}
"""The style of all plots."""

_OF_FILES: Final[dict[str, Any]] = {"svg.hashsalt": "meted", "grid.color": "#dddddd", "lines.linewidth": 1.8}


def check_library() -> None:
    """Refuse to begin what will be drawn in the end, where that is not possible.

    Raises:
        SimulationError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise SimulationError("plots are drawn with matplotlib; install it with: pip install 'meted[plot]'.")


def panels(count: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure of so many panels below one another with a common time axis.

    Raises:
        SimulationError: matplotlib is not installed.
    """
    check_library()
    from matplotlib import style
    from matplotlib.figure import Figure

    style.use({**STYLE, **_OF_FILES})
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES * count), layout="constrained")
    axes = figure.subplots(count, 1, sharex=True, squeeze=False)
    return figure, list(axes[:, 0])


def label(axes: Axes, title: str, y: str, x: str = "") -> None:
    """Say what a panel shows: its message as the title, and its axes with their units."""
    axes.set_title(title)
    axes.set_ylabel(y)
    if x:
        axes.set_xlabel(x)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG; lines end without blanks, as text in a repository does.

    Raises:
        SimulationError: It cannot be written.
    """
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    lines = (line.rstrip() for line in text.getvalue().splitlines())
    try:
        write_whole(str(path), "\n".join(lines) + "\n")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SimulationError(f"{path} cannot be written ({reason}); give another folder.") from None


def script(about: str | None, draw: Callable[[Path], None]) -> None:
    """Run a script that draws into a folder, the one that its only argument names; what goes wrong is a sentence."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", default=".", help="where the plot goes (default: here)")
    try:
        draw(Path(parser.parse_args().folder))
    except SimulationError as error:
        sys.exit(str(error))
