"""Published numbers of fair-share rules: Slurm's classic one, TRES billing, HTCondor, Moab, Kueue, DRF."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.ids import DomainId
from meted.core.resources import Resources
from meted.simulations.policies.classic_fair_share import Level, effective_usage, fair_share_factor
from meted.simulations.policies.condor import START, pie_slices
from meted.simulations.policies.fading import DAY_US, UsageBook, faded
from meted.simulations.policies.kueue import Admission, Cohort
from meted.simulations.policies.moab import Credential, Side, fair_share_term, windowed_usage
from meted.simulations.policies.progressive_filling import progressive_filling
from meted.simulations.policies.tres import billing

GB = 10**9
HOUR_US = DAY_US // 24
WHO = DomainId(1)

A, D = Level(0.45, 40, 100), Level(0.25, 60, 100)
B, C, E, F = Level(0.2, 30, 40), Level(0.25, 10, 40), Level(0.25, 25, 60), Level(0.0, 35, 60)


@pytest.mark.parametrize(
    ("path", "usage", "factor"),
    [
        ((A, B), 0.3875, None),
        ((A, C), 0.3, None),
        ((A, B, Level(0.2, 1, 1)), 0.3875, 0.408479),
        ((A, C, Level(0.25, 1, 2)), 0.275, 0.022097),
        ((A, C, Level(0.0, 1, 2)), 0.15, 0.125),
        ((D, E, Level(0.25, 1, 1)), 0.25, 0.5),
        ((D, F, Level(0.0, 1, 1)), 0.1458, 0.749154),
    ],
)
def test_slurm_classic(path: tuple[Level, ...], usage: float, factor: float | None) -> None:
    assert round(effective_usage(path), 4) == usage
    if factor is not None:
        assert round(fair_share_factor(path), 6) == factor


def test_slurm_classic_without_a_share_and_with_damping() -> None:
    assert fair_share_factor([Level(0.0, 0, 5)]) == 0
    assert fair_share_factor([Level(0.5, 1, 2)], damping=2) == 2**-0.5


@pytest.mark.parametrize(("cpus", "gb", "billed"), [(1, 60, "16"), (16, 1, "16.25"), (16, 60, "31")])
def test_tres_billing(cpus: int, gb: int, billed: str) -> None:
    assert billing({"cpu": cpus, "mem": gb}, {"cpu": 1, "mem": Fraction("0.25")}) == Fraction(billed)


@pytest.mark.parametrize(("cpus", "gb", "billed"), [(1, 60, 15), (15, 1, 15), (16, 64, 16)])
def test_tres_billing_by_the_largest(cpus: int, gb: int, billed: int) -> None:
    weights: dict[str, int | Fraction] = {"cpu": 1, "mem": Fraction("0.25"), "licence": 100}
    assert billing({"cpu": cpus, "mem": gb}, weights, max_of_node=True) == billed
    with_licence = {"cpu": cpus, "mem": gb, "licence": 1}
    assert billing(with_licence, weights, max_of_node=True, cluster_wide=("licence",)) == billed + 100


@pytest.mark.parametrize("steps", [1, 2, 24, 1440])
def test_condor_priority_halves_in_a_day_whatever_the_steps(steps: int) -> None:
    level = 10.0
    for day in (5.0, 2.5):
        for _ in range(steps):
            level = faded(level, 0, DAY_US // steps, DAY_US)
        assert level == pytest.approx(day, abs=1e-12)


def test_condor_priority_goes_to_what_is_held() -> None:
    book = UsageBook(DAY_US, START, START)
    book.hold(WHO, 10_000, 0)
    assert round(book.level(WHO, 100 * HOUR_US), 6) == 9.471029


def test_condor_priority_never_falls_below_where_it_began() -> None:
    book = UsageBook(DAY_US, START, START)
    book.hold(WHO, 4_000, 0)
    book.hold(WHO, -4_000, DAY_US)
    assert book.level(WHO, 2 * DAY_US) == (0.5 + 4) / 2 / 2
    assert book.level(WHO, 100 * DAY_US) == START


def test_condor_pie() -> None:
    priorities = {DomainId(1): 5.0, DomainId(2): 10.0, DomainId(3): 20.0}
    assert pie_slices(priorities, 70) == pytest.approx({1: 40, 2: 20, 3: 10})


def test_moab() -> None:
    user, group = Credential(10, 45, 50), Credential(20, 77, None)
    account, quality = Credential(30, 35, 25), Credential(40, 25, 10, "floor")
    assert fair_share_term([user, group, account, quality], 100) == -25_000


def test_moab_counts_one_side_of_a_floor_and_of_a_ceiling() -> None:
    def term(usage: int, side: Side) -> Fraction:
        return fair_share_term([Credential(1, usage, 10, side)], 1)

    assert [term(usage, "floor") for usage in (4, 10, 15)] == [6, 0, 0]
    assert [term(usage, "ceiling") for usage in (4, 10, 15)] == [0, 0, -5]
    assert [term(usage, "target") for usage in (4, 10, 15)] == [6, 0, -5]


def test_moab_windows_fade() -> None:
    assert windowed_usage([10, 0, 40], [100, 100, 100], Fraction(1, 2)) == Fraction(100 * 20, 175)
    assert windowed_usage([0, 0], [0, 0], Fraction(1, 2)) == 0


def test_kueue_ranks_again_after_each_admission() -> None:
    """Issue 9345: of four, A holds two; then one more workload of A and two of B come."""
    root = Cohort("root", 4, children=(Cohort("A"), Cohort("B")))
    again, once = Admission(root, {"A": 2}), Admission(root, {"A": 2})
    assert again.admit({"A": [1], "B": [1, 1]}) == ["B", "B"]
    assert (again.share("A"), again.share("B")) == (Fraction(500, 1000), Fraction(500, 1000))
    assert once.admit({"A": [1], "B": [1, 1]}, ranks="cycle") == ["B", "A"]
    assert (once.share("A"), once.share("B")) == (Fraction(750, 1000), Fraction(250, 1000))


def test_kueue_shares_in_a_tree() -> None:
    """Story 3 of KEP-1714: 300 to lend; two cohorts, and in the first three queues, one of weight 3."""
    first = Cohort("C1", children=(Cohort("1A"), Cohort("1B"), Cohort("1C", weight=3)))
    admission = Admission(Cohort("root", 300, children=(first, Cohort("C2", children=(Cohort("2A"),)))))
    admission.admit({name: [1] * 300 for name in ("1A", "1B", "1C", "2A")})
    assert admission.usage == {"1A": 30, "1B": 30, "1C": 90, "2A": 150}


def test_drf() -> None:
    """The example of the paper: nine cpus and 18 GB; A asks for 1 and 4, B for 3 and 1."""
    demands = {"A": Resources(1000, 4 * GB), "B": Resources(3000, GB)}
    steps = progressive_filling(Resources(9000, 18 * GB), demands, ties="BA")
    assert "".join(name for name, _ in steps) == "BAABA"
    ninths = [(int(shares["A"] * 9), int(shares["B"] * 9)) for _, shares in steps]
    assert ninths == [(0, 3), (2, 3), (4, 3), (4, 6), (6, 6)]


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=4),
)
def test_drf_leaves_nobody_to_envy_by_more_than_a_task(pool: tuple[int, int], wants: list[tuple[int, int]]) -> None:
    """Whoever was served last had the least dominant share before; so no two differ by more than its task."""
    demands = {str(at): Resources(*want) for at, want in enumerate(wants)}
    whole = Resources(*pool)
    before = dict.fromkeys(demands, Fraction(0))
    for name, after in progressive_filling(whole, demands, ties=demands):
        assert before[name] == min(before.values())
        assert after[name] > before[name]
        before = after
    left = whole
    for name, share in before.items():
        per_task = max(Fraction(wants[int(name)][at], pool[at]) for at in (0, 1))
        left = left.minus(demands[name].times(int(share / per_task)))
    assert left.cpu_milli >= 0
    assert left.mem_bytes >= 0
