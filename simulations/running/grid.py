"""A grid of runs: every combination of the values that were given for some parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final

from meted.core.record import record

from ..errors import SimulationError
from .request import RunRequest

GRID_MAX: Final = 10_000
"""Runs of one grid."""

_SHOWN: Final = 60


@record
class Varied:
    """A parameter and its values, as they were written.

    Attributes:
        name: Its option without the dashes.
        texts: The values.
    """

    name: str
    texts: tuple[str, ...]


@record
class Cell:
    """One run of a grid.

    Attributes:
        texts: The value of each parameter that is varied, in their order; empty where the policy does not go by it.
        request: The run.
    """

    texts: tuple[str, ...]
    request: RunRequest


def parse_varied(text: str) -> Varied:
    """Return the parameter and the values of ``NAME=V1,V2``; values that hold a comma stand between semicolons.

    Raises:
        ValueError: It is not written so, or a value stands there twice.
    """
    name, equals, rest = text.partition("=")
    name = name.strip().removeprefix("--").replace("_", "-")
    values = tuple(value.strip() for value in rest.split(";" if ";" in rest else ","))
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    if not equals or not name or not all(values):
        raise ValueError(f"{shown!r} names no values; write it like alpha=0.5,0.75 or policy=meted,easy.")
    if len(set(values)) < len(values):
        twice = next(value for value, count in Counter(values).items() if count > 1)[:_SHOWN]
        raise ValueError(f"{shown!r} names a value twice ({twice}); name each once.")
    return Varied(name, values)


def combinations(varied: Sequence[Varied]) -> list[tuple[str, ...]]:
    """Return all combinations of values, the last parameter changing fastest.

    Raises:
        SimulationError: There are too many.
    """
    count = 1
    for one in varied:
        count *= len(one.texts)
    if count > GRID_MAX:
        raise SimulationError(f"These are {count:,} runs, and one grid has at most {GRID_MAX:,}; vary less at a time.")
    return list(product(*(one.texts for one in varied)))


def once_each(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells without those that ask for the run of an earlier one, as where a rule is not a policy's."""
    first: dict[RunRequest, Cell] = {}
    for cell in cells:
        first.setdefault(cell.request, cell)
    return list(first.values())


def label_of(texts: Mapping[str, str]) -> str:
    """Return what a cell is called: ``policy=meted alpha=0.5``."""
    return " ".join(f"{name}={text}" for name, text in texts.items() if text)
