"""Stride and start-time fair queueing in a pool: exact orders, the bound between two, and who comes back."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from meted.core.policy.base import Policy
from meted.core.policy.rivals.sfq import Sfq
from meted.core.policy.rivals.stride import Stride
from meted.simulations.scenario import Scenario

from .playing import play_wrong_estimates


def order(pool: Scenario, until_s: int) -> str:
    """Run, and return whose units started, in order."""
    pool.run(until_s, until_s)
    return "".join(start.domain * start.units for start in pool.starts)


def backlogged(policy: Policy, slots: int = 1, **shares: int) -> Scenario:
    """Return a pool in which domains with these shares always have units of a second waiting."""
    pool = Scenario(slots, policy=policy)
    for name, share in shares.items():
        pool.domain(name, share)
        pool.submit(0, name, units=1_000, unit_s=1)
    return pool


def test_stride_three_two_one() -> None:
    assert order(backlogged(Stride(), A=3, B=2, C=1), until_s=23) == "ABAABC" * 4


def test_sfq_three_two_one() -> None:
    """All start at 0, so each is served once before shares tell."""
    assert order(backlogged(Sfq(), A=3, B=2, C=1), until_s=17) == "ABCABA" * 3


def test_stride_remembers_over_idle_times_and_sfq_does_not() -> None:
    """B had one long unit beside short ones of A; then all was idle, and both come again."""

    def served_again(policy: Policy) -> str:
        pool = Scenario(1, policy=policy)
        for name in "AB":
            pool.domain(name)
        pool.submit(0, "A", units=10, unit_s=1)
        pool.submit(0, "B", units=1, unit_s=8)
        for name in "AB":
            pool.submit(30, name, units=8, unit_s=1)
        return order(pool, 100)[11:]

    assert served_again(Sfq()) == "AB" * 8
    assert served_again(Stride()) == "A" * 8 + "B" * 8


def test_sfq_lets_a_large_share_fall_behind_by_half_the_others() -> None:
    """The extreme of its bound: one share of n - 1 beside n - 1 of 1; nothing does worse than half a unit each."""
    n = 8
    pool = backlogged(Sfq(), **dict.fromkeys("BCDEFGH", 1), A=n - 1)
    served = order(pool, 400)
    part = Fraction(n - 1, 2 * (n - 1))
    lags = [part * count - served[:count].count("A") for count in range(len(served) + 1)]
    assert max(lags) == Fraction(n - 1, 2)


work = st.lists(st.tuples(st.sampled_from([1, 2, 3, 5, 10]), st.sampled_from([1, 2, 5, 40])), min_size=2, max_size=6)


@given(work, st.integers(1, 8), st.sampled_from([Sfq, Stride]))
def test_two_that_wait_all_the_time_stay_together(
    drawn: list[tuple[int, int]], slots: int, policy: type[Sfq] | type[Stride]
) -> None:
    """Service for each share differs by less than a unit of each, however many slots there are."""
    pool = Scenario(slots, policy=policy())
    for at, (share, unit_s) in enumerate(drawn):
        pool.domain(str(at), share)
        pool.submit(0, str(at), units=2_000, unit_s=unit_s)
    pool.run(100, 100)
    served: defaultdict[str, Fraction] = defaultdict(Fraction)
    for start in pool.starts:
        share, unit_s = drawn[int(start.domain)]
        served[start.domain] += Fraction(start.units * unit_s, share)
        for at, (one, longest) in enumerate(drawn):
            for other, (two, length) in enumerate(drawn[:at]):
                apart = abs(served[str(at)] - served[str(other)])
                assert apart <= Fraction(longest, one) + Fraction(length, two)


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([Sfq, Stride]))
def test_in_a_tree_siblings_share_what_their_parent_is_given(
    left: int, right: int, policy: type[Sfq] | type[Stride]
) -> None:
    pool = Scenario(1, policy=policy())
    pool.domain("lab", left)
    pool.domain("lab1", 1, parent="lab")
    pool.domain("lab2", 3, parent="lab")
    pool.domain("other", right)
    for name in ("lab1", "lab2", "other"):
        pool.submit(0, name, units=1_000, unit_s=1)
    (sample,) = pool.run(480, 480)[-1:]
    given_s = sample.service_s
    assert abs(given_s["lab1"] + given_s["lab2"] - 481 * left / (left + right)) <= 2
    assert abs(3 * given_s["lab1"] - given_s["lab2"]) <= 4


def test_what_took_longer_than_estimated_is_paid_afterwards() -> None:
    """A's units are said to take one second and take three; B has as much of the machine as A all the same."""
    for policy in (Sfq(), Stride()):
        taken_s = play_wrong_estimates(policy)
        assert abs(taken_s["A"] - taken_s["B"]) <= 6
