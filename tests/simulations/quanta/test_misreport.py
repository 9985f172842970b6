"""What strategic users gain: next to never by asking for more, seldom and little by asking for less."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from random import Random

import pytest

from meted.core.record import record
from meted.simulations.quanta.allocators import Allocator, MaxMin, Static
from meted.simulations.quanta.karma import Karma
from meted.simulations.quanta.misreport import (
    STRATEGIES,
    Found,
    Search,
    useful_of,
)

Rows = list[tuple[int, ...]]
VALUES = range(7)

LESS_PAYS: Rows = [(1, 6, 1), (5, 6, 4), (2, 4, 4)]
"""With alpha 0, the last user gets 6 slices, and 7 if it asks for nothing at first."""

MORE_PAYS: Rows = [(1, 0, 6), (4, 2, 2), (0, 0, 2), (0, 0, 3), (5, 4, 0)]
"""With alpha 1, the second user gets 5 slices, and 6 if it asks for one at first that it cannot use."""


@record
class Deviation:
    """A report that differs from the truth in one quantum, counted from 0, and the useful slices that come of it."""

    quantum: int
    reported: int
    useful: int


def single_deviations(
    make: Callable[[], Allocator], rows: Sequence[Sequence[int]], user: int, values: Iterable[int]
) -> Iterator[Deviation]:
    """Try every report that differs from the truth in one quantum."""
    truth = [demands[user] for demands in rows]
    tried = list(values)
    for quantum, demand in enumerate(truth):
        for value in tried:
            if value != demand:
                reports = [*truth[:quantum], value, *truth[quantum + 1 :]]
                yield Deviation(quantum, value, useful_of(make(), rows, user, reports))


def every_report(
    make: Callable[[], Allocator], rows: Sequence[Sequence[int]], user: int, values: Sequence[int]
) -> Found:
    """Try every report that there is; the truth wins a tie, and then the first that was tried."""
    truth = tuple(demands[user] for demands in rows)
    truthful = useful_of(make(), rows, user, truth)
    best, reports, tried = truthful, truth, 0
    for report in product(values, repeat=len(rows)):
        tried += 1
        useful = useful_of(make(), rows, user, report)
        if useful > best:
            best, reports = useful, report
    return Found(truthful, best, reports, tried)


def small(dice: Random) -> tuple[Rows, Callable[[], Allocator]]:
    """Draw three users, at most five quanta, fair share 2, and 0, 1 or 2 slices guaranteed."""
    alpha_milli = dice.choice((0, 500, 1_000))
    rows = [tuple(dice.choice(VALUES) for _ in range(3)) for _ in range(dice.randint(1, 5))]
    return rows, lambda: Karma(3, 6, alpha_milli)


def test_asking_for_more_does_not_pay_and_for_less_seldom() -> None:
    """P15: all reports that differ in one quantum. Gains here come only by less, never at once, and are at most 7/6."""
    dice, more, less, gains, best = Random(0), 0, 0, 0, Fraction(1)
    for _ in range(700):
        rows, make = small(dice)
        for user in range(3):
            truth = [demands[user] for demands in rows]
            truthful = useful_of(make(), rows, user, truth)
            for deviation in single_deviations(make, rows, user, VALUES):
                if deviation.reported > truth[deviation.quantum]:
                    more += 1
                    assert deviation.useful <= truthful
                else:
                    less += 1
                    if deviation.useful > truthful:
                        gains += 1
                        best = max(best, Fraction(deviation.useful, truthful))
                        until = deviation.quantum + 1
                        at_once = [*truth[: deviation.quantum], deviation.reported]
                        assert useful_of(make(), rows[:until], user, at_once) <= useful_of(
                            make(), rows[:until], user, truth[:until]
                        )
    assert min(more, less) > 15_000
    assert 0 < gains < less / 500
    assert best <= Fraction(7, 6)


def test_every_report_of_a_few_quanta() -> None:
    """Lying in all quanta at once gains at most half, which is what is proven."""
    dice = Random(3)
    for _ in range(8):
        rows, make = small(dice)
        found = every_report(make, rows[:3], 0, VALUES)
        assert found.tried == 7 ** len(rows[:3])
        assert 1 <= found.gain <= Fraction(3, 2)
        assert useful_of(make(), rows[:3], 0, found.reports) == found.useful


def test_asking_for_less_can_pay() -> None:
    """A slice that is not had at first leaves more credit later; no report of all three quanta pays more."""
    found = every_report(lambda: Karma(3, 6, 0), LESS_PAYS, 2, VALUES)
    assert (found.truthful, found.useful, found.reports, found.gain) == (6, 7, (0, 4, 3), Fraction(7, 6))


def test_asking_for_more_can_pay_where_credits_tie() -> None:
    """With whole slices "asking for more never pays" is no law: one credit less made a tie that was worth a slice."""
    gains = [
        deviation
        for deviation in single_deviations(lambda: Karma(3, 6, 1_000), MORE_PAYS, 1, VALUES)
        if deviation.useful > 5
    ]
    assert useful_of(Karma(3, 6, 1_000), MORE_PAYS, 1, [demands[1] for demands in MORE_PAYS]) == 5
    assert gains == [Deviation(quantum=0, reported=1, useful=6)]


def test_a_search_finds_what_pays() -> None:
    """The same seed finds the same; no more is found than there is, and in time all of it."""
    found = []
    for _ in range(2):
        search = Search(lambda: Karma(3, 6, 0), LESS_PAYS, 2, 2, 6, seed=1)
        assert search.found == Found(6, 6, (1, 4, 4), 0)
        for _ in range(50):
            search.step()
        found.append(search.found)
    assert found[0] == found[1]
    assert (found[0].useful, found[0].tried) == (7, 50)
    assert useful_of(Karma(3, 6, 0), LESS_PAYS, 2, found[0].reports) == 7


@pytest.mark.parametrize("make", [lambda: Static(3, 6), lambda: MaxMin(3, 6)])
def test_without_a_memory_nothing_can_be_gained(make: Callable[[], Allocator]) -> None:
    rows = [(5, 3, 1), (0, 6, 2)]
    assert {every_report(make, rows, user, VALUES).gain for user in range(3)} == {Fraction(1)}


def test_useful_is_what_could_be_used() -> None:
    rows = [(1, 6, 0), (6, 1, 0)]
    assert useful_of(MaxMin(3, 6), rows, 0, (6, 6)) == 1 + 5
    assert useful_of(MaxMin(3, 6), rows, 0, (1, 2)) == 1 + 2


def test_strategies_are_what_they_are_called() -> None:
    asked = {name: [lie(demand, 3, 12) for demand in (1, 6)] for name, lie in STRATEGIES.items()}
    assert asked == {"double": [2, 12], "hoard": [3, 6], "all": [12, 12], "half": [0, 3], "modest": [1, 3]}


def test_a_gain_is_a_ratio() -> None:
    assert Found(6, 7, (), 1).gain == Fraction(7, 6)
    assert Found(0, 0, (), 1).gain == 1
    assert Found(0, 2, (), 1).gain == 2
