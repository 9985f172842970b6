"""Three users who want the same in all, but not at once: what each has had, under Karma and under max-min fairness.

python examples/karma.py FOLDER    # writes FOLDER/karma.svg
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from meted.simulations.plot import COLOURS, LINES, label, panels, save, script
from meted.simulations.quanta.allocators import Allocator, MaxMin
from meted.simulations.quanta.karma import Karma

SLICES, NAMES = 12, ("first in turns", "second in turns", "late")
QUANTA, TURN = 48, 4


def demands() -> list[tuple[int, int, int]]:
    """Return the demands of all quanta: two users take turns in wanting more, and the third wants all of it late."""
    turns = [(9, 3, 0) if quantum // TURN % 2 else (3, 9, 0) for quantum in range(QUANTA // 2)]
    return [*turns, *[(6, 6, 12)] * (QUANTA // 2)]


def had(allocator: Allocator, rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return what each user has had up to each quantum."""
    columns = zip(*map(allocator.allocate, rows), strict=True)
    return [[0, *accumulate(column)] for column in columns]


def draw(folder: Path) -> None:
    """Draw what each user has had under both."""
    rows = demands()
    print("demanded:", *(sum(column) for column in zip(*rows, strict=True)))
    figure, both = panels(2)
    titles = ("Karma: who came late is paid back", "Max-min: what was left to others is forgotten")
    allocators: tuple[Allocator, ...] = (Karma(3, SLICES), MaxMin(3, SLICES))
    for axes, title, allocator in zip(both, titles, allocators, strict=True):
        totals = had(allocator, rows)
        for colour, line, name, column in zip(COLOURS, LINES, NAMES, totals, strict=False):
            axes.plot(column, color=colour, linestyle=line, label=name)
        axes.set_ylim(0, 250)
        label(axes, title, "had (slices)")
        print(f"{allocator.name}:", *(column[-1] for column in totals))
    both[0].legend()
    both[1].set_xlabel("time (quanta)")
    save(figure, folder / "karma.svg")


if __name__ == "__main__":
    script(__doc__, draw)
