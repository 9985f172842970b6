"""How wide the columns of a table are on a terminal that is too narrow for all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

GAP = 2
"""Columns of a terminal between two columns of a table."""

LAST_COLUMN_MIN = 12
"""Where rows are cut the last column gives way first, down to so much; what still lacks, all columns of words give."""

CUT_COLUMN_MIN = 6
"""A column of words that is cut keeps at least so much."""

WORD_MAX = 16
"""A column that is broken into lines is as wide as its longest word, or so wide; longer words are broken too."""


def kept(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Iterable[str],
    room: int,
    spare: Sequence[str],
    *,
    cut: bool,
    wide: Callable[[str], int] = len,
) -> list[int]:
    """Return which columns stay where the terminal is too narrow for all of them, by their places from 0.

    Spare columns that are empty go first, then as many others as have to.

    Args:
        headings, rows, numbers, room, cut, wide: As for :func:`fitted`.
        spare: Headings of the columns that may go, the one that is needed least first.
    """
    places = list(range(len(headings)))

    def too_wide(*, as_it_is: bool = False) -> bool:
        table = [headings[n] for n in places], [[row[n] for n in places] for row in rows]
        widths = fitted(*table, numbers, 2**31 if as_it_is else room, cut=cut, wide=wide)
        return sum(widths) + GAP * (len(widths) - 1) > room

    for n in [n for n in places if headings[n] in spare and not any(row[n] for row in rows)]:
        if too_wide(as_it_is=True):
            places.remove(n)
    for n in map(list(headings).index, spare):
        if n in places and too_wide():
            places.remove(n)
    return places


def fitted(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Iterable[str],
    room: int,
    *,
    cut: bool,
    wide: Callable[[str], int] = len,
) -> list[int]:
    """Return the width of each column; numbers are never cut or broken, so all together may be wider than the room.

    Args:
        headings: One a column.
        rows: The cells.
        numbers: Headings of the columns of numbers.
        room: Columns of the terminal.
        cut: Whether each row has to be one line, so that what is too long is cut; else it is broken into lines.
        wide: How wide a text is.
    """
    columns = [[row[number] for row in rows] for number in range(len(headings))]
    cells = [max(map(wide, column), default=0) for column in columns]
    widths = [max(cell, wide(heading)) for cell, heading in zip(cells, headings, strict=True)]
    too_wide = sum(widths) + GAP * (len(widths) - 1) - room
    if too_wide <= 0:
        return widths
    kept = set(numbers)
    words = [number for number, heading in enumerate(headings) if heading not in kept]
    if cut:
        first = {n: LAST_COLUMN_MIN for n in words if n == len(headings) - 1}
        least = dict.fromkeys(words, CUT_COLUMN_MIN)
    else:  # breaking headings costs no row a line
        first = {n: max(cells[n], _longest_word([headings[n]], wide)) for n in range(len(headings))}
        least = {n: min(_longest_word([headings[n], *columns[n]], wide), WORD_MAX) for n in words}
    too_wide = _narrow(widths, first, too_wide)
    _narrow(widths, least, too_wide)
    return widths


def _longest_word(texts: Iterable[str], wide: Callable[[str], int]) -> int:
    """Return how wide the longest word is; that with which a text begins has what it is indented by before it."""
    indented = ((" " * (len(text) - len(text.lstrip())), text.split()) for text in texts)
    return max(
        (wide(indent * (not at) + word) for indent, words in indented for at, word in enumerate(words)), default=0
    )


def _narrow(widths: list[int], least: dict[int, int], too_wide: int) -> int:
    """Take from the widest of some columns again and again, down to their least widths; return what still lacks."""
    while too_wide > 0 and (wider := [number for number in least if widths[number] > least[number]]):
        widths[max(wider, key=widths.__getitem__)] -= 1
        too_wide -= 1
    return too_wide
