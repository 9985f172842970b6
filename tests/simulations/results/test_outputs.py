"""Where results go: rows of users, reports and figures as the commands write them, and the loans of a log."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.embedded import Done, Pool
from meted.simulations import plot
from meted.simulations.commands.replay import replay
from meted.simulations.commands.simulate import simulate
from meted.simulations.results.loan_flow import LOAN_STEPS_MAX, LoanFlow
from meted.simulations.results.report import rows
from meted.simulations.results.run_csv import USERS_COLUMNS, write_users_csv
from meted.simulations.results.run_record import UserRow
from meted.simulations.traces.loan_moves import LoanMove
from meted.simulations.traces.own_log import read_own_log

from ..calling import call
from .recording import recorded

S = 1_000_000
ROW = "{0} {0} -1 10 2 -1 -1 -1 20 -1 1 {1} -1 -1 -1 -1 -1 -1\n"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "small.swf"
    path.write_text("; MaxProcs: 4\n" + "".join(ROW.format(number, number % 3) for number in range(1, 31)))
    return path


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_us = 1_700_000_000 * S

    def __call__(self) -> int:
        return self.now_us

    def later(self, span_s: int) -> None:
        self.now_us += span_s * S


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two domains that each have a job of 30 s; from 10 to 25 s one lends 4 of its 5 to one that has none."""
    clock = Clock()
    with Pool.open(tmp_path / "pool", "fcfs", clock=clock) as pool:
        for name in ("giver", "taker", "other"):
            pool.domain(name, share=5)
        worker = pool.join("one")
        jobs = [pool.submit(name) for name in ("giver", "other")]
        clock.later(10)
        loan = pool.loan_offer("giver", "taker", "share", 4)
        clock.later(15)
        pool.loan_recall(loan)
        pool.loan_offer("other", "taker", "share", 1, start_us=clock.now_us + 1_000 * S)
        while leases := pool.work(worker):
            for lease in leases:
                pool.finish(lease, *[Done(index, 30 * S, b"", 0) for index in lease.indices])
    assert len(jobs) == 2
    return tmp_path / "pool"


def test_rows_of_all_users_of_all_runs(tmp_path: Path) -> None:
    runs = [recorded("fcfs"), recorded("easy")]
    write_users_csv(str(tmp_path / "users.csv"), runs)
    with (tmp_path / "users.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert tuple(found[0]) == USERS_COLUMNS
    assert [(row["run"], row["user"]) for row in found] == [(run.label, row.user) for run in runs for row in run.users]
    for run in runs:
        for row in run.users:
            (one,) = (one for one in found if (one["run"], one["user"]) == (run.label, row.user))
            for name in set(UserRow.__annotations__) - {"user"}:
                assert (float(one[name]) if one[name] else None) == getattr(row, name)


def test_simulate_writes_all_of_it(trace: Path, tmp_path: Path) -> None:
    names = {option: tmp_path / f"out.{option}" for option in ("json", "csv", "html", "swf")}
    words = [word for option, path in names.items() for word in (f"--{'out' if option == 'swf' else option}", path)]
    shown = call(simulate, trace, *words).stdout
    figures = json.loads(names["json"].read_text())
    for line in ("wait, 50 / 95 / 99 %", "starvation, of its bound", "envy, largest"):
        assert line in shown
    assert figures["max_starvation"] > 0
    assert figures["users_rho_above_1"] <= 3
    assert len(names["csv"].read_text().splitlines()) == 1 + 3
    assert "<svg" in names["html"].read_text()
    assert len(names["swf"].read_text().splitlines()) > 30


def test_fairness_is_measured_where_it_is_asked_for(trace: Path) -> None:
    plain = json.loads(call(simulate, trace, "--json", "-").stdout)
    fair = json.loads(call(simulate, trace, "--json", "-", "--fairness").stdout)
    assert "max_envy_units" not in plain
    assert set(fair) > set(plain)
    assert "envy" not in call(simulate, trace).stdout
    assert "envy" in call(simulate, trace, "--fairness").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--csv", "-"), "--csv needs the name of a file"),
        (("--html", "-"), "--html needs the name of a file"),
        (("--html", "none/a.html"), "--html none/a.html is in a folder that does not exist"),
        (("--csv", "same", "--html", "same"), "--csv and --html both name same; give two files."),
        (("--html", "same", "--out", "same"), "--html and --out both name same; give two files."),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_run(trace: Path, words: tuple[str, ...], sentence: str) -> None:
    result = call(simulate, trace, *words, code=2)
    assert sentence in result.stderr
    assert result.stdout == ""


def test_the_trace_is_not_written_over(trace: Path) -> None:
    before = trace.read_bytes()
    for option in ("--csv", "--html"):
        assert "would write over the trace" in call(simulate, trace, option, trace, code=2).stderr
    assert trace.read_bytes() == before


def test_a_missing_library_is_told_before_the_run(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    result = call(simulate, trace, "--html", trace.with_suffix(".html"), code=1)
    assert "install it with: pip install 'meted[plot]'" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("option", ["--csv", "--html"])
def test_a_full_disk_is_one_sentence(trace: Path, option: str) -> None:
    assert "cannot be written" in call(simulate, trace, option, "/dev/full", code=1).stderr


def test_loans_of_a_log(log: Path, tmp_path: Path) -> None:
    assert read_own_log(log).loans == (
        LoanMove(10 * S, "giver", "taker", "share", 4),
        LoanMove(25 * S, "giver", "taker", "share", -4),
    )
    names = [tmp_path / name for name in ("a.json", "a.csv", "a.html")]
    shown = call(replay, log, "--policy", "fcfs", "--json", names[0], "--csv", names[1], "--html", names[2]).stdout
    assert "giver lent share           60 x s\n" in shown
    assert "giver borrowed" not in shown
    assert json.loads(names[0].read_text())["loans_amount_s"] == {
        "giver lent share": 60,
        "giver borrowed share": 0,
        "taker lent share": 0,
        "taker borrowed share": 60,
    }
    with names[1].open(newline="") as file:
        read = list(csv.DictReader(file))
    # One cpu, one after another: seconds of a cpu, and not of its thousandths.
    assert [(row["user"], row["share"], float(row["cpu_s"]), float(row["max_wait_s"])) for row in read] == [
        ("giver", "5", 30, 0),
        ("other", "5", 30, 30),
    ]
    assert 'id="loans"' in names[2].read_text()


def test_the_table_of_a_run_commands_no_terminal() -> None:
    assert rows([("treasury -> a\x1b[2J", "1 credit\x9b2J"), ("Zoë", "x")]) == [
        r"  treasury -> a\x1b[2J       1 credit\x9b2J",
        "  Zoë                        x",
    ]


def test_a_log_without_loans_shows_none(tmp_path: Path) -> None:
    with Pool.open(tmp_path / "pool", "fcfs", clock=Clock()) as pool:
        worker = pool.join("one")
        pool.domain("a")
        pool.submit("a")
        (lease,) = pool.work(worker)
        pool.finish(lease, Done(0, S, b"", 0))
    page = tmp_path / "a.html"
    assert "loans" not in call(replay, tmp_path / "pool", "--html", page).stdout
    assert "loans" not in page.read_text()


@given(
    moves=st.lists(st.tuples(st.integers(-5, 60), st.sampled_from("abc"), st.sampled_from("def"), st.integers(1, 9))),
    until=st.integers(60, 99),
)
def test_flows(moves: list[tuple[int, str, str, int]], until: int) -> None:
    flow = LoanFlow([LoanMove(at * S, lender, borrower, "share", lent) for at, lender, borrower, lent in sorted(moves)])
    found = flow.flows(until * S)
    names = {name for _, lender, borrower, _ in moves for name in (lender, borrower)}
    assert {user for user, _ in found} == names
    for name in names:
        lent = sum(lent * (until - max(at, 0)) for at, lender, _, lent in moves if lender == name)
        borrowed = sum(lent * (until - max(at, 0)) for at, _, borrower, lent in moves if borrower == name)
        assert found[name, "share"] == (Fraction(lent), Fraction(borrowed))
    assert sum((lent - borrowed for lent, borrowed in found.values()), Fraction(0)) == 0
    for loan in flow.series(until * S):
        for at_s, lent, borrowed in zip(loan.at_s, loan.lent, loan.borrowed, strict=True):
            assert lent == sum(lent for at, lender, _, lent in moves if lender == loan.user and max(at, 0) <= at_s)
            assert borrowed == sum(
                lent for at, _, borrower, lent in moves if borrower == loan.user and max(at, 0) <= at_s
            )


def test_many_loans_take_bounded_memory() -> None:
    flow = LoanFlow([LoanMove(at * S, "a", "b", "share", 1 if at % 2 else -1) for at in range(1, 5_001)])
    steps = flow.series(5_000 * S)
    assert all(LOAN_STEPS_MAX // 2 <= len(loan.at_s) <= LOAN_STEPS_MAX for loan in steps)
    assert flow.flows(5_001 * S)["a", "share"] == (Fraction(2_500), Fraction(0))
