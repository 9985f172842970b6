"""Who paid whom in a log of one's own and its replay: exact to the thousandth, in figures, tables, the page and CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meted.adapters.embedded import Done, Pool
from meted.core.credit.state import ESCROW, TREASURY
from meted.core.events import (
    CreditAlarmCleared,
    CreditAlarmRaised,
    CreditClosed,
    CreditMoved,
    CreditOpened,
    DonorPaid,
    Event,
    FeePosted,
    PointsLapsed,
)
from meted.core.ids import AccountId, DomainId, JobId, LeaseId, TransferId
from meted.simulations.commands.replay import replay
from meted.simulations.results.run_csv import CREDIT_COLUMNS
from meted.simulations.traces import credit_moves
from meted.simulations.traces.credit_moves import CREDIT_STEPS_MAX, CreditReader

S = 1_000_000
HOUR = 3_600 * S
NAMES = {DomainId(1): "a", DomainId(2): "b", DomainId(3): "c"}
OPENED = tuple(CreditOpened(0, AccountId(2 + n), DomainId(n), JobId(0)) for n in NAMES) + tuple(
    CreditOpened(0, AccountId(10 + n), DomainId(n), JobId(n)) for n in NAMES
)


def fee(at_us: int, domain: int, amount_mc: int, payee: AccountId = ESCROW) -> Event:
    return FeePosted(at_us, TransferId(1), LeaseId(1), 1, AccountId(10 + domain), payee, amount_mc, amount_mc)


def paid(at_us: int, domain: int, amount_mc: int) -> Event:
    account = AccountId(2 + domain) if domain else TREASURY
    return DonorPaid(at_us, TransferId(1), account, amount_mc, amount_mc)


def seen(*events: Event) -> dict[tuple[str, str, str], int]:
    reader = CreditReader()
    for event in (*OPENED, *events):
        reader.take(event)
    return {(it.payer, it.payee, it.kind): it.paid_mc[-1] for it in reader.seen(0, NAMES).series}


def test_whoever_is_paid_is_paid_by_all_in_proportion_and_nothing_is_lost() -> None:
    found = seen(fee(1, 1, 300), fee(2, 2, 100), paid(3, 3, 200), paid(4, 0, 200))
    assert found == {
        ("a", "c", "priority"): 150,
        ("b", "c", "priority"): 50,
        ("a", "treasury", "unclaimed"): 150,
        ("b", "treasury", "unclaimed"): 50,
    }


@pytest.mark.parametrize("parts", [(1, 1, 1), (7, 11, 13), (1, 999, 5), (997, 1, 1)])
def test_parts_add_up_to_what_was_paid(parts: tuple[int, int, int]) -> None:
    whole = sum(parts)
    outs = [whole // 3, whole // 5, whole - whole // 3 - whole // 5]
    found = seen(*(fee(1, n, part) for n, part in enumerate(parts, 1)), *(paid(2, 0, out) for out in outs))
    assert found == {(NAMES[DomainId(n)], "treasury", "unclaimed"): part for n, part in enumerate(parts, 1)}


def test_what_stays_within_a_domain_is_no_flow() -> None:
    moved = (TransferId(1), AccountId(3))
    found = seen(
        CreditMoved(1, *moved, AccountId(11), 5, "purse", 1, ""),
        CreditMoved(2, *moved, AccountId(4), 7, "transfer", 0, ""),
        CreditMoved(3, TransferId(1), TREASURY, AccountId(3), 9, "grant", 0, ""),
        fee(4, 2, 3, TREASURY),
    )
    assert found == {("a", "b", "transfer"): 7, ("treasury", "a", "grant"): 9, ("b", "treasury", "fee"): 3}


def test_steps_are_bounded_and_the_last_is_kept() -> None:
    reader = CreditReader()
    for event in OPENED:
        reader.take(event)
    for step in range(5 * CREDIT_STEPS_MAX):
        reader.take(CreditMoved(step * S, TransferId(1), AccountId(3), AccountId(4), 1, "transfer", 0, ""))
    (one,) = reader.seen(0, NAMES).series
    assert len(one.at_s) <= CREDIT_STEPS_MAX
    assert (one.at_s[0], one.at_s[-1], one.paid_mc[-1]) == (0.0, 5.0 * CREDIT_STEPS_MAX - 1, 5 * CREDIT_STEPS_MAX)


def test_all_steps_together_are_bounded_and_no_total_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credit_moves, "CREDIT_STEPS_ALL_MAX", 30)
    monkeypatch.setattr(credit_moves, "CREDIT_PAIRS_MAX", 3)
    reader = CreditReader()
    for event in OPENED:
        reader.take(event)
    pairs = [(3, 4), (3, 5), (4, 5), (4, 3), (5, 3)]
    for step in range(500):
        debit, credit = pairs[step % 5]
        reader.take(CreditMoved(step, TransferId(1), AccountId(debit), AccountId(credit), 1, "transfer", 0, ""))
    found = {(one.payer, one.payee): one for one in reader.seen(0, NAMES).series}
    assert found.keys() == {("a", "b"), ("a", "c"), ("b", "c"), ("others", "others")}
    assert sum(len(one.at_s) for one in found.values()) <= 30
    assert [found[pair].paid_mc[-1] for pair in sorted(found)] == [100, 100, 100, 200]


def test_the_purse_of_a_job_is_forgotten_with_it() -> None:
    reader = CreditReader()
    for event in OPENED:
        reader.take(event)
    assert reader.owner_of(AccountId(11)) == DomainId(1)
    reader.take(CreditClosed(1, AccountId(11)))
    assert reader.owner_of(AccountId(11)) == DomainId(0)
    assert reader.owner_of(AccountId(3)) == DomainId(1)


def test_alarms_are_told_with_their_times() -> None:
    reader = CreditReader()
    for event in (
        CreditAlarmRaised(3 * S, "crash"),
        CreditAlarmCleared(5 * S, "crash"),
        PointsLapsed(6 * S, JobId(1), 2),
    ):
        reader.take(event)
    found = reader.seen(2 * S, NAMES)
    assert (found.alarms, found.lapsed) == (((1.0, "crash", True), (3.0, "crash", False)), 1)


@pytest.fixture
def traded(tmp_path: Path) -> Path:
    """A pool in which ``hasty`` buys, ``patient`` has made room, and ``usual`` gets a present."""
    path, now_us = tmp_path / "pool", [1_700_000_000 * S]
    with Pool.open(path, clock=lambda: now_us[0]) as pool:
        worker = pool.join("one")
        for name in ("hasty", "patient", "usual"):
            pool.domain(name)
            pool.credit_grant(name, 20_000)

        def run(until_us: int) -> None:
            while now_us[0] < until_us:
                leases = pool.work(worker)
                now_us[0] += 60 * S
                for lease in leases:
                    pool.finish(lease, *(Done(index, 60 * S) for index in lease.indices))

        pool.submit("patient", time_request_us=60 * S)
        pool.submit("usual", count=200, time_request_us=60 * S)
        run(now_us[0] + HOUR)
        hasty = pool.submit("hasty", count=200, time_request_us=60 * S)
        pool.job_nice(hasty, 3)
        pool.credit_transfer("hasty", "usual", 1_500)
        run(now_us[0] + 3 * HOUR)
        balances = {name: pool.credit_account(name)["balance_mc"] for name in ("patient", "usual")}
        assert balances["patient"] > 20_000
        assert balances["usual"] >= 21_500
    return path


def test_a_replay_tells_who_paid_whom(traded: Path, tmp_path: Path) -> None:
    html, rows, document = (str(tmp_path / name) for name in ("page.html", "credit.csv", "figures.json"))
    arguments = [str(traded), "--policy", "fcfs", "--html", html, "--credit-csv", rows, "--json", document]
    result = CliRunner().invoke(replay, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads(Path(document).read_text())
    flows = figures["credit_flows_mc"]
    with Pool.open(traded) as pool:
        income = [line["amount_mc"] for line in pool.credit_statement("patient") if line["kind"] == "income"]
    was = figures["recorded_credit_flows_mc"]
    assert was["hasty -> patient, priority"] == sum(income) > 0
    assert was["hasty -> usual, transfer"] == flows["hasty -> usual, transfer"] == 1_500
    assert 0 < flows["hasty -> patient, priority"] < sum(income)  # units that never ended are left out
    assert figures["credit_alarms_raised"] == {"crash": 0, "starvation": 0}
    assert "hasty -> patient" in result.output
    with open(rows, encoding="utf-8") as file:
        last = {(row["payer"], row["payee"], row["kind"]): int(row["paid_mc"]) for row in csv.DictReader(file)}
    assert {f"{payer} -> {payee}, {kind}": paid_mc for (payer, payee, kind), paid_mc in last.items()} == flows
    page = Path(html).read_text()
    assert 'id="credit"' in page
    assert "hasty → patient" in page


def test_a_log_without_credit_says_nothing_of_it(tmp_path: Path) -> None:
    now_us = [1_700_000_000 * S]
    with Pool.open(tmp_path / "pool", clock=lambda: now_us[0]) as pool:
        worker = pool.join("one")
        pool.domain("a")
        pool.submit("a")
        (lease,) = pool.work(worker)
        now_us[0] += S
        pool.finish(lease, Done(0, S))
    html, rows = str(tmp_path / "page.html"), str(tmp_path / "credit.csv")
    result = CliRunner().invoke(replay, [str(tmp_path / "pool"), "--html", html, "--credit-csv", rows, "--json", "-"])
    assert result.exit_code == 0, result.output
    assert not [key for key in json.loads(result.stdout) if key.startswith("credit")]
    assert 'id="credit"' not in Path(html).read_text()
    assert Path(rows).read_text().splitlines() == [",".join(CREDIT_COLUMNS)]
