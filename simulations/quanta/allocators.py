"""All allocators by name, and those that Karma is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import add
from typing import Final, Protocol

from meted.core.record import record

from ..errors import SimulationError
from .karma import ALPHA_MILLI, Bankrupt, Karma
from .water_filling import pour


class Allocator(Protocol):
    """Shares one quantum after the other; what it remembers between them is its own."""

    @property
    def name(self) -> str:
        """The name of its rule."""

    def allocate(self, demands: Sequence[int]) -> list[int]:
        """Return the slices of each user, for the slices that each asks for; nobody gets more than that."""


class Static:
    """The static partition: each user has its fair share and no more, and what it does not use idles.

    Where the slices do not divide evenly, users with the highest indices have one more, in every quantum.
    """

    name = "static"

    def __init__(self, users: int, slices: int) -> None:
        """Begin; ``slices`` are those of the pool in each quantum."""
        whole, more = divmod(slices, users)
        self._parts = [whole + (user >= users - more) for user in range(users)]

    def allocate(self, demands: Sequence[int]) -> list[int]:
        """Return the slices of each user; O(n)."""
        return list(map(min, demands, self._parts))


class MaxMin:
    """Max-min fairness in each quantum for itself, with no memory: the next slice to whoever has the fewest *in it*.

    Ties go to the highest index in every quantum. As nothing is remembered, that is an advantage for good.
    """

    name = "max-min"

    def __init__(self, users: int, slices: int) -> None:
        """Begin; ``slices`` are those of the pool in each quantum."""
        self._slices = slices
        self._empty = [0] * users

    def allocate(self, demands: Sequence[int]) -> list[int]:
        """Return the slices of each user; O(n log n)."""
        return pour(self._empty, demands, self._slices)


class DynamicMaxMin:
    """Dynamic max-min fairness: the next slice to whoever has had the fewest since the *beginning*.

    Ties go to the highest index. It is Karma with alpha 0 and unlimited credit. Source: Fikioris, Agarwal, Tardos,
    "Incentives in dominant resource fair allocation under dynamic demands", arXiv 2109.12401.
    """

    name = "dmmf"

    def __init__(self, users: int, slices: int) -> None:
        """Begin; ``slices`` are those of the pool in each quantum."""
        self._slices = slices
        self._had = [0] * users

    def allocate(self, demands: Sequence[int]) -> list[int]:
        """Return the slices of each user; O(n log n)."""
        allocation = pour(self._had, demands, self._slices)
        self._had = list(map(add, self._had, allocation))
        return allocation


@record
class KarmaOptions:
    """How Karma goes about it; see :class:`Karma` for each of them."""

    alpha_milli: int = ALPHA_MILLI
    start_credits: int | None = None
    bankrupt: Bankrupt = "serve"
    redistribute: bool = False


def _karma(users: int, slices: int, options: KarmaOptions) -> Allocator:
    return Karma(users, slices, options.alpha_milli, options.start_credits, options.bankrupt, options.redistribute)


ALLOCATORS: Final[Mapping[str, Callable[[int, int, KarmaOptions], Allocator]]] = {
    Karma.name: _karma,
    MaxMin.name: lambda users, slices, _options: MaxMin(users, slices),
    Static.name: lambda users, slices, _options: Static(users, slices),
    DynamicMaxMin.name: lambda users, slices, _options: DynamicMaxMin(users, slices),
}
"""What makes each allocator: from the users, the slices of the pool, and the options of Karma."""


def make_allocator(name: str, users: int, slices: int, options: KarmaOptions | None = None) -> Allocator:
    """Return a new allocator of that name.

    Raises:
        SimulationError: There is none of that name.
    """
    make = ALLOCATORS.get(name)
    if make is None:
        raise SimulationError(f"there is no allocator {name}; choose one of {', '.join(ALLOCATORS)}.")
    return make(users, slices, options or KarmaOptions())
