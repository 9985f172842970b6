"""Several allocators on one demand matrix, quantum by quantum side by side, so that it is read once and never held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import add

from meted.adapters.wording import counted
from meted.core.record import record

from ..errors import SimulationError
from .allocators import Allocator, KarmaOptions, make_allocator
from .figures import Figures, Tally, figures
from .misreport import STRATEGIES

PROGRESS_QUANTA = 100
"""Quanta between two looks at the progress bar."""


@record
class Contender:
    """An allocator to try: its name, and the options of Karma."""

    name: str
    options: KarmaOptions


@record
class Outcome:
    """What one contender came to.

    Attributes:
        contender: Which one.
        figures: How users fared.
        useful: Useful slices of each user, over all quanta.
        misreports: Useful slices of the strategic user, by strategy; empty without one.
    """

    contender: Contender
    figures: Figures
    useful: tuple[int, ...]
    misreports: dict[str, int]


class _Run:
    """One contender and its tally, with a second allocator for each strategy of the strategic user."""

    def __init__(self, contender: Contender, users: int, slices: int, strategist: int | None) -> None:
        def make() -> Allocator:
            return make_allocator(contender.name, users, slices, contender.options)

        self.contender = contender
        self.allocator = make()
        self.tally = Tally(users)
        self.others = {} if strategist is None else {name: make() for name in STRATEGIES}
        self.misreports = dict.fromkeys(self.others, 0)

    def misreport(self, demands: Sequence[int], user: int, slices: int) -> None:
        """Play one quantum under each strategy."""
        part = slices // len(demands)
        for name, allocator in self.others.items():
            asked = list(demands)
            asked[user] = STRATEGIES[name](demands[user], part, slices)
            self.misreports[name] += min(allocator.allocate(asked)[user], demands[user])


class Comparison:
    """Runs contenders over the same quanta.

    Attributes:
        users: Users of the matrix.
        slices: Slices of the pool in each quantum.
        quanta: Quanta so far.
        demanded: Slices that each user demanded so far.
    """

    def __init__(self, contenders: Iterable[Contender], users: int, slices: int, strategist: int | None = None) -> None:
        """Begin before the first quantum.

        Args:
            contenders: What to try.
            users: Columns of the matrix.
            slices: Slices of the pool in each quantum.
            strategist: The index of a user of whom it is also tried what each of ``STRATEGIES`` gains.

        Raises:
            SimulationError: There is no such allocator.
        """
        self.users, self.slices, self.quanta = users, slices, 0
        self.demanded = [0] * users
        self._strategist = strategist
        self._runs = [_Run(contender, users, slices, strategist) for contender in contenders]

    def add(self, demands: Sequence[int]) -> None:
        """Share one more quantum."""
        self.quanta += 1
        self.demanded = list(map(add, self.demanded, demands))
        for run in self._runs:
            run.tally.add(run.allocator.allocate(demands), demands)
            if self._strategist is not None:
                run.misreport(demands, self._strategist, self.slices)

    def outcomes(self) -> list[Outcome]:
        """Return what each contender came to, in their order."""
        capacity = self.slices * self.quanta
        return [
            Outcome(
                run.contender,
                figures(run.tally.useful, self.demanded, capacity),
                tuple(run.tally.useful),
                run.misreports,
            )
            for run in self._runs
        ]


def compare(
    rows: Iterable[Sequence[int]],
    contenders: Sequence[Contender],
    slices_of: Callable[[int], int],
    strategist: int | None = None,
    progress: Callable[[int], None] = lambda _quanta: None,
) -> Comparison:
    """Run contenders over a matrix and return the comparison.

    Args:
        rows: The demands of all users, quantum by quantum.
        contenders: What to try.
        slices_of: Returns the slices of the pool, for the number of users.
        strategist: As in :class:`Comparison`.
        progress: Called with the number of quanta so far, now and then.

    Raises:
        SimulationError: There is no quantum, no such allocator, or no such user.
    """
    comparison: Comparison | None = None
    for demands in rows:
        if comparison is None:
            users = len(demands)
            if strategist is not None and strategist >= users:
                raise SimulationError(f"the matrix has {counted(users, 'user')}; name one of them.")
            comparison = Comparison(contenders, users, slices_of(users), strategist)
        comparison.add(demands)
        if comparison.quanta % PROGRESS_QUANTA == 0:
            progress(comparison.quanta)
    if comparison is None:
        raise SimulationError("the matrix has no quantum: give a file with one line of whole numbers for each.")
    return comparison
