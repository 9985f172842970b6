"""Fair Tree: the published examples, ties with and without merging, and what it promises about siblings."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.simulations.errors import SimulationError
from meted.simulations.policies.fair_tree import NEVER_USED, Node, fair_tree, level_value, read_tree


def user(name: str, shares: int, usage: int) -> Node:
    """Return a user."""
    return Node(name, shares, usage, is_user=True)


def account(name: str, shares: int, *inside: Node) -> Node:
    """Return an account that has used what is inside it."""
    return Node(name, shares, sum(node.usage for node in inside), children=inside)


SMALL = account(
    "root",
    1,
    account("account1", 1000, user("1.1", 10000, 100), user("1.2", 1000, 11), user("1.3", 100000, 10)),
    account("account2", 100, user("2.1", 100000, 8), user("2.2", 10000, 3)),
    account("account3", 10, user("3.1", 100, 0), user("3.2", 10, 1)),
)
TIED = account(
    "root",
    1,
    account("account1", 1000, user("1.1", 10000, 100), user("1.2", 1000, 10), user("1.3", 100000, 10)),
    account("account2", 100, user("2.1", 10000, 10), user("2.2", 1000, 1), user("2.3", 100000, 1)),
    account("account3", 10, user("3.1", 100, 0), user("3.2", 10, 1)),
)


def eighths(**ranks: int) -> dict[str, Fraction]:
    """Return factors of eight users."""
    return {name.replace("u", "").replace("_", "."): Fraction(rank, 8) for name, rank in ranks.items()}


def test_level_values() -> None:
    values = {child.name: level_value(child, SMALL) for child in SMALL.children}
    for parent in SMALL.children:
        values |= {child.name: level_value(child, parent) for child in parent.children}
    assert values.pop("3.1") is NEVER_USED
    assert {name: float(f"{float(value or 0):.6g}") for name, value in values.items()} == {
        "account1": 0.990246,
        "account2": 1.08927,
        "account3": 1.1982,
        "1.1": 0.109009,
        "1.2": 0.0990991,
        "1.3": 10.9009,
        "2.1": 1.25,
        "2.2": 0.333333,
        "3.2": 0.0909091,
    }


@pytest.mark.parametrize("merge_ties", [True, False])
def test_without_ties(merge_ties: bool) -> None:
    factors = fair_tree(SMALL, merge_ties)
    assert list(factors) == ["3.1", "3.2", "2.1", "2.2", "1.3", "1.1", "1.2"]
    assert list(factors.values()) == [Fraction(rank, 7) for rank in range(7, 0, -1)]


def test_accounts_that_tie_are_merged() -> None:
    assert fair_tree(TIED) == eighths(u3_1=8, u3_2=7, u1_3=6, u2_3=6, u1_2=4, u2_2=4, u1_1=4, u2_1=4)


def test_unmerged_the_next_account_begins_at_the_rank_of_the_last_user() -> None:
    """What Slurm's code does: user 2.3 is ranked like 1.1 and 1.2, and 2.1 and 2.2 after all of account 1."""
    factors = fair_tree(TIED, merge_ties=False)
    assert factors == eighths(u3_1=8, u3_2=7, u1_3=6, u1_1=5, u1_2=5, u2_3=5, u2_1=2, u2_2=2)


def test_a_user_that_ties_with_an_account_has_the_rank_of_its_first_user() -> None:
    root = account("root", 1, account("a", 1, user("a1", 2, 1), user("a2", 1, 1)), user("u", 1, 2))
    assert fair_tree(root) == {"u": Fraction(1), "a1": Fraction(1), "a2": Fraction(1, 3)}


def test_no_share_is_last_and_no_usage_is_first() -> None:
    root = account("root", 1, user("idle", 1, 0), user("busy", 1, 5), user("none", 0, 0))
    assert list(fair_tree(root)) == ["idle", "busy", "none"]


@pytest.mark.parametrize("name", ["small_no_tie", "small_tie", "small_tie_all"])
def test_files_of_flux_accounting(shared_traces: Path, name: str) -> None:
    folder = shared_traces / "fairtree"
    script = (folder / "expected_from_flux_t1098.sh.txt").read_text()
    rows = script.split(f"{name}.test &&")[1].split("EOF")[1].split("\n")[1:]
    expected = {row.split(",")[0].strip(): row.split(",")[1] for row in rows if "," in row}
    with (folder / f"{name}.csv").open() as file:
        factors = fair_tree(read_tree(file))
    assert {user: str(round(float(factor), 6)) for user, factor in factors.items()} == expected


trees = st.recursive(
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    lambda inside: st.tuples(st.integers(0, 4), st.lists(inside, max_size=3)),
    max_leaves=12,
)


def grown(drawn: object, name: str = "r") -> Node:
    """Return a drawn tree; what is below a node has its name in front."""
    assert isinstance(drawn, tuple)
    shares, rest = drawn
    if isinstance(rest, int):
        return user(name, shares, rest)
    return account(name, shares, *(grown(child, f"{name}.{at}") for at, child in enumerate(rest)))


@given(st.lists(trees, min_size=1, max_size=4), st.booleans())
def test_all_inside_a_higher_account_come_before_all_inside_a_lower(drawn: list[object], merge_ties: bool) -> None:
    root = account("r", 1, *(grown(child, f"r.{at}") for at, child in enumerate(drawn)))
    factors = fair_tree(root, merge_ties)
    assert sorted(factors) == sorted(one.name for one in root.users())
    levels = [(child, level_value(child, root)) for child in root.children]
    for high, above in levels:
        for low, below in levels:
            if below is not NEVER_USED and (above is NEVER_USED or above > below):
                least = min((factors[one.name] for one in high.users()), default=Fraction(2))
                assert least > max((factors[one.name] for one in low.users()), default=Fraction(0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no account"),
        ("1,root,%^+_nouser,1,0", "line 1 is not the account"),
        ("0,root,%^+_nouser,1,0\n1,root,u,1", "line 2 is not depth"),
        ("0,root,%^+_nouser,1,0\n1,root,u,-1,0", "line 2 is not depth"),
        ("0,root,%^+_nouser,1,0\n3,a,u,1,0", "line 2 has depth 3"),
        ("0,root,%^+_nouser,1,0\n0,a,%^+_nouser,1,0", "line 2 has depth 0"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(SimulationError, match=said):
        read_tree(text.splitlines())
