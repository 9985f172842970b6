"""Trade in a simulated run: what is bought, paid and earned, that nothing is made or lost, and what stays in memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.credit.state import CreditRules
from meted.core.record import replaced
from meted.core.state import Rules
from meted.simulations.errors import SimulationError
from meted.simulations.event_orders import EVENT_ORDERS, EventOrder
from meted.simulations.policies.registry import make_policy, policy_names
from meted.simulations.replay import Replay
from meted.simulations.results.metrics import JsonValue
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.trace import Trace
from meted.simulations.trade.plan import CreditPlan, Trade
from meted.simulations.trade.trader import Trader

from ..driving import make_trace

S, HOUR = 1_000_000, 3_600_000_000

Run = tuple[dict[str, JsonValue], dict[int, int], Trader]


def job(number: int, user: int, submit_s: int, run_s: int, procs: int = 1, asked_s: int = 0) -> TraceJob:
    return TraceJob(number, user, submit_s * S, run_s * S, (asked_s or run_s) * S, procs)


def run(
    trace: Trace, plan: CreditPlan, policy: str = "easy", rules: Rules | None = None, order: EventOrder = "instant"
) -> Run:
    """Return what came of a run, when each job started, and who traded."""
    starts: dict[int, int] = {}
    trader = Trader(plan, trace.domains)
    replay = Replay(
        trace,
        make_policy(policy),
        order,
        outcome=lambda one, start_us: starts.__setitem__(one.job_id, start_us // S),
        rules=rules,
        trader=trader,
    )
    assert replay.run()
    engine = replay.engine
    ledger = engine.state.ledger
    assert sum(account.balance_mc for account in ledger.accounts.values()) == 0
    assert (ledger.unpaid_size, len(ledger.of_job), len(ledger.fees)) == (0, 0, 0)
    return trader.figures(engine), starts, trader


def amounts(figures: dict[str, JsonValue], name: str) -> dict[str, int]:
    found = figures[f"credit_{name}_mc"]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def queue(tmp_path: Path) -> Trace:
    """One processor, on which a job of 1 runs while two of 2 and one of 3 come to wait."""
    jobs = [job(1, 1, 0, 3600), job(2, 2, 1, 3600), job(3, 2, 2, 3600), job(4, 3, 3, 1800)]
    return make_trace(tmp_path, jobs, 1)


def test_who_buys_is_earlier_and_pays_the_price_for_what_it_took(queue: Trace) -> None:
    plan = CreditPlan("p", CreditRules(price_mc=700), 5_000, trades=(Trade(2, ("3",)),))
    idle, before, _ = run(queue, replaced(plan, is_idle=True))
    traded, after, _ = run(queue, plan)
    assert before == {1: 0, 2: 3600, 3: 7200, 4: 10_800}
    assert after == {1: 0, 4: 3600, 2: 5400, 3: 9000}
    assert (idle["buying_jobs_mean_wait_s"], traded["buying_jobs_mean_wait_s"]) == (10_797.0, 3_597.0)
    assert (idle["other_jobs"], traded["other_jobs"], traded["buying_users"]) == (3, 3, 1)
    assert idle["other_jobs_mean_wait_s"] == (3599 + 7198) / 3
    assert amounts(traded, "paid") == {"1": 0, "2": 0, "3": 700}
    assert amounts(traded, "balance")["3"] == 4_300
    assert (idle["bought_jobs"], traded["bought_jobs"], traded["unpaid_jobs"]) == (0, 1, 0)


def test_who_cannot_pay_waits_like_before_and_buys_when_it_can(tmp_path: Path) -> None:
    jobs = [
        job(1, 1, 0, 90_000),
        job(2, 1, 1, 3600),
        job(3, 2, 2, 3600),
        job(4, 1, 88_000, 3600),
        job(5, 2, 88_001, 3600),
    ]
    plan = CreditPlan("p", CreditRules(grant_mc=2_000, cap_mc=2_000), trades=(Trade(2, ("2",)),))
    figures, starts, _ = run(make_trace(tmp_path, jobs, 1), plan)
    assert (figures["bought_jobs"], figures["unpaid_jobs"], figures["refused_jobs"]) == (1, 1, 0)
    assert starts == {1: 0, 5: 90_000, 2: 93_600, 3: 97_200, 4: 100_800}
    assert amounts(figures, "granted") == {"1": 2_000, "2": 2_000}
    assert amounts(figures, "paid") == {"1": 0, "2": 2_000}


def test_points_are_bought_once_a_job_has_waited_so_long_and_still_waits(queue: Trace) -> None:
    late = Trade(2, ("3",), after_us=HOUR + 600 * S)
    figures, starts, _ = run(queue, CreditPlan("p", each_mc=9_000, trades=(late,)))
    assert starts == {1: 0, 2: 3600, 4: 7200, 3: 9000}
    assert figures["bought_jobs"] == 1
    never, starts, _ = run(queue, CreditPlan("p", each_mc=9_000, trades=(replaced(late, after_us=4 * HOUR),)))
    assert (never["bought_jobs"], never["buying_jobs"], starts[4]) == (0, 1, 10_800)


def test_the_first_entry_that_fits_counts_and_bounds_are_kept(tmp_path: Path) -> None:
    jobs = [job(n, 1, n, 60 * n, 1 + n % 2) for n in range(1, 11)]
    trace = make_trace(tmp_path, jobs, 4)
    plan = CreditPlan("p", each_mc=100_000)

    def told(*trades: Trade) -> tuple[JsonValue, JsonValue, JsonValue]:
        figures, _, _ = run(trace, replaced(plan, trades=trades))
        return figures["buying_jobs"], figures["selling_jobs"], figures["other_jobs"]

    assert told(Trade(1, time_max_us=180 * S)) == (3, 0, 7)
    assert told(Trade(1, time_min_us=540 * S), Trade(-1)) == (2, 8, 0)
    assert told(Trade(1, procs_max=1), Trade(-1, procs_min=2)) == (5, 5, 0)
    assert told(Trade(1, part_milli=300)) == (3, 0, 7)
    assert told(Trade(1, part_milli=300), Trade(-1)) == (3, 0, 7)
    assert told(Trade(1, users=(4,))) == (0, 0, 10)


def test_who_lets_others_go_first_is_paid_by_them(tmp_path: Path) -> None:
    jobs = (
        [job(1, 1, 0, 600)] + [job(10 + n, 2, 1, 600) for n in range(20)] + [job(50 + n, 3, 1, 600) for n in range(20)]
    )
    plan = CreditPlan("p", each_mc=50_000, trades=(Trade(3, ("2",)), Trade(-1, ("3",))))
    figures, _, _ = run(make_trace(tmp_path, jobs, 1), plan, "meted")
    earned, paid = amounts(figures, "earned"), amounts(figures, "paid")
    assert paid["2"] > 0
    assert earned["3"] > 0
    assert paid == {"1": 0, "2": paid["2"], "3": 0}
    assert figures["paid_credits"] == figures["earned_credits"] + figures["unclaimed_credits"]  # type: ignore[operator]


def test_by_income_of_the_treasury_sold_points_are_paid_for_what_was_done(queue: Trace) -> None:
    plan = CreditPlan("p", CreditRules(income="treasury"), trades=(Trade(-1, ("2",)),))
    figures, _, _ = run(queue, plan)
    assert amounts(figures, "earned") == {"1": 0, "2": 2_000, "3": 0}
    assert amounts(figures, "balance")["2"] == 2_000


def test_accounts_are_as_asked(queue: Trace) -> None:
    plan = CreditPlan("p", CreditRules(), 1_000, (("2", 7_000),), ("1",), ("3",), (Trade(2),))
    figures, _, _ = run(queue, plan)
    assert amounts(figures, "granted") == {"2": 7_000, "3": 1_000}
    assert amounts(figures, "paid") == {"2": 4_000, "3": 0}
    assert figures["bought_jobs"] == 4


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (CreditPlan("p.toml", trades=(Trade(1, ("9",)),)), "p.toml: domain 9 is not in this trace"),
        (CreditPlan("p.toml", without=("\x1b[2J" + "x" * 99,)), "domain \\x1b[2J" + "x" * 36 + " is not in this trace"),
        (CreditPlan("p.toml", without=("x",)), "domain x is not in this trace; leave it out, or name another."),
    ],
)
def test_a_domain_that_is_not_there_is_refused(queue: Trace, plan: CreditPlan, sentence: str) -> None:
    with pytest.raises(SimulationError) as refused:
        Trader(plan, queue.domains)
    assert sentence in str(refused.value)


def test_more_credit_than_there_may_be_is_refused_in_a_sentence(queue: Trace) -> None:
    plan = CreditPlan("p.toml", each_mc=10**15 + 1, trades=(Trade(1),))
    with pytest.raises(SimulationError, match=r"^p\.toml: the accounts cannot be as asked: "):
        run(queue, plan)


@pytest.mark.parametrize(
    ("policy", "order"),
    [both for both in product(policy_names(), EVENT_ORDERS) if both != ("conservative", "cqsim")],
)
def test_every_policy_takes_points(tmp_path: Path, policy: str, order: EventOrder) -> None:
    jobs = [job(n, n % 3, 20 * n, 100 + 37 * (n % 11), 1 + n % 4, 1_000) for n in range(1, 40)]
    plan = CreditPlan("p", each_mc=900_000, trades=(Trade(2, ("0",)), Trade(-1, ("1",), after_us=60 * S)))
    figures, starts, _ = run(make_trace(tmp_path, jobs, 4), plan, policy, order=order)
    assert (len(starts), figures["bought_jobs"]) == (39, 13)


def test_what_is_remembered_of_a_job_goes_with_it(tmp_path: Path) -> None:
    jobs = [job(n, n % 2, 10 * n, 5) for n in range(1, 3_001)]
    plan = CreditPlan("p", each_mc=1_000_000, trades=(Trade(1, after_us=HOUR),))
    trader = run(make_trace(tmp_path, jobs, 1), plan)[2]
    assert len(trader._waiting) == 0
    assert len(trader._later) <= 1_024 + 2
    bought = run(make_trace(tmp_path, jobs, 1), replaced(plan, trades=(Trade(1),)))[2]
    assert len(bought._books._reader._owner) == 2


TRADES = st.lists(
    st.builds(
        Trade,
        st.sampled_from([-2, -1, 1, 2, 5]),
        st.sampled_from([(), ("0",), ("1", "2")]),
        part_milli=st.sampled_from([250, 1000]),
        after_us=st.sampled_from([0, 90 * S]),
    ),
    min_size=1,
    max_size=3,
)
JOBS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 400), st.integers(1, 500), st.integers(1, 3), st.integers(0, 400)),
    min_size=1,
    max_size=40,
)
CREDIT_RULES = st.builds(
    CreditRules,
    grant_mc=st.sampled_from([0, 7, 900]),
    period_us=st.sampled_from([60 * S, HOUR]),
    cap_mc=st.sampled_from([None, 0, 1_500]),
    half_life_us=st.sampled_from([None, 60 * S]),
    price_mc=st.sampled_from([0, 333, 5_000]),
    income=st.sampled_from(["funded", "treasury"]),
    donors=st.sampled_from(["all", "nice"]),
)


@given(JOBS, TRADES, CREDIT_RULES, st.sampled_from([0, 20, 3_000]), st.sampled_from(["decay", "fifo", "karma"]))
def test_credit_is_conserved(
    tmp_path_factory: pytest.TempPathFactory,
    rows: Sequence[tuple[int, int, int, int, int]],
    trades: list[Trade],
    rules: CreditRules,
    each_mc: int,
    pool: str,
) -> None:
    """Whatever is traded: all balances are zero together, and each book adds up to what its domain has."""
    jobs = [
        job(number, user, submit_s, run_s, procs, run_s + more_s)
        for number, (user, submit_s, run_s, procs, more_s) in enumerate(sorted(rows, key=lambda row: row[1]), 1)
    ]
    trace = make_trace(tmp_path_factory.mktemp("made"), jobs, 3)
    known = {domain.name for domain in trace.domains}
    plan = CreditPlan("p", rules, each_mc, trades=tuple(one for one in trades if known.issuperset(one.domains)))
    figures, starts, _ = run(trace, plan, "meted", Rules(pool=pool))
    assert len(starts) == len(jobs)
    has, granted, faded, paid, earned = (
        amounts(figures, name) for name in ("balance", "granted", "faded", "paid", "earned")
    )
    for name in has:
        assert has[name] == granted[name] - faded[name] - paid[name] + earned[name] >= 0
