"""Small pools in virtual time: what they answer is what the theory says, and the same every time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meted.core.commands import OfferLoan
from meted.core.errors import Refused
from meted.core.invariants import check_engine
from meted.core.state import Rules
from meted.simulations.errors import SimulationError
from meted.simulations.plot import panels, save
from meted.simulations.scenario import Scenario, cpus

US = 1_000_000


def busy(pool: Scenario, **shares: int) -> Scenario:
    """Register domains that always have units of ten seconds."""
    for name, share in shares.items():
        pool.domain(name, share)
        pool.submit(0, name, units=10_000, unit_s=10)
    return pool


def test_shares_become_parts_of_the_machine() -> None:
    pool = busy(Scenario(4), a=1, b=3)
    first, *_, last = pool.run(until_s=2_000, every_s=500)
    assert (first.at_s, last.at_s) == (0, 2_000)
    assert first.held == {"a": 1, "b": 3}
    assert sum(last.service_s.values()) == 4 * 2_010  # four units have just started
    assert last.service_s["a"] == pytest.approx(2_010, abs=10)
    assert sum(start.size_s for start in pool.starts if start.domain == "b") == last.service_s["b"]
    assert last.waiting == {"a": True, "b": True}
    check_engine(pool.engine)


def test_it_goes_on_where_it_was_and_is_the_same_every_time() -> None:
    whole = busy(Scenario(3), a=1, b=2).run(600, 100)
    pool = busy(Scenario(3), a=1, b=2)
    assert [*pool.run(250, 100), *pool.run(600, 100)] == whole


def test_usage_fades_and_nothing_is_owed_to_who_waits_for_nothing() -> None:
    pool = Scenario(1, Rules(half_life_us=100 * US))
    pool.domain("a")
    pool.domain("idle")
    pool.submit(0, "a", units=1, unit_s=100)
    begin, *_, end = pool.run(200, 100)
    assert begin.used_s["a"] == pytest.approx(100)
    assert end.used_s["a"] == pytest.approx(25)
    assert end.service_s["a"] == 100
    assert end.lag_s["idle"] == 0 > begin.lag_s["a"]
    assert not any(end.waiting.values())


def test_loans_end_by_time_alone() -> None:
    pool = busy(Scenario(2), lender=10, borrower=10)
    pool.at(100, OfferLoan(100 * US, "lender", "borrower", "share", 4, expiry_us=200 * US))
    assert [sample.share["lender"] for sample in pool.run(300, 50)] == [10, 10, 6, 6, 10, 10, 10]


def test_a_tree_users_and_short_units() -> None:
    pool = Scenario(4)
    pool.domain("lab", guarantee=cpus(1))
    pool.domain("inner", parent="lab", cap=cpus(2))
    pool.submit(0, "inner", units=1_000, unit_s=0.01, user="ann", priority=1)
    pool.submit(1, "inner", units=2, unit_s=5, user="ben", width=2)
    samples = pool.run(20, 1)
    assert {start.user for start in pool.starts} == {"ann", "ben"}
    assert max(sample.held["inner"] for sample in samples) == 2
    assert all(sample.held["lab"] == sample.held["inner"] for sample in samples)
    assert samples[-1].service_s == {"lab": 30, "inner": 30}


def test_what_cannot_be_is_refused_at_its_time() -> None:
    pool = busy(Scenario(1), a=1)
    pool.submit(50, "nobody", units=1, unit_s=1)
    with pytest.raises(Refused, match="There is no domain 'nobody'"):
        pool.run(100, 10)


def test_plots_say_what_they_need(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figure, _ = panels(2)
    with pytest.raises(SimulationError, match="cannot be written"):
        save(figure, tmp_path / "absent/plot.svg")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SimulationError, match=r"pip install 'meted\[plot\]'"):
        panels()
