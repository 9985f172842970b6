"""``meted credit`` and ``nice`` against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meted.adapters.cli import config, credits
from meted.adapters.cli.credit_statement import together
from meted.adapters.cli.main import meted
from meted.adapters.client.blocking import BlockingClient

from ..live import LiveServer, live_server

HOUR_US = 3_600_000_000


@pytest.fixture
def server() -> Iterator[LiveServer]:
    """A server with ``lab``, which has 20 credits, ``guest``, which has none, and ``open``, which has no account."""
    with live_server() as made:
        with BlockingClient(made.environ["METED_SERVER"]) as client:
            for name, share in (("lab", 1), ("guest", 2), ("open", 1)):
                client.call("domain.create", name=name, share=share)
            client.call("credit.grant", domain="lab", amount_mc=20_000, note="to begin")
            client.call("credit.open", domain="guest")
        yield made


@pytest.fixture(autouse=True)
def environ(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let commands in this process find the server."""
    for name in ("METED_SERVER", "METED_DATA", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, server.environ[name])
    config._read.cache_clear()
    yield
    config._read.cache_clear()


def run(*arguments: str, code: int = 0) -> Result:
    """Run a command in this process and see that it ends with ``code``, and in a sentence where that is not 0."""
    result = CliRunner().invoke(meted, arguments, prog_name="meted")
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def read(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def free(domain: str) -> int:
    return int(read("credit", "show", domain)["free_mc"])


def held_job(domain: str = "lab") -> str:
    """Submit a job that waits, and return its number."""
    return run("submit", "--hold", "--domain", domain, "--count", "4", "--time", "30m", "true").stdout.strip()


def test_nothing_is_shown_of_credit_where_there_is_none() -> None:
    with live_server() as bare:
        assert json.loads(bare.run("credit", "ls", "--json").stdout) == []
        assert "credit" not in bare.run("domain", "ls").stdout.splitlines()[0]


def test_accounts_are_shown_where_there_are_any() -> None:
    lines = run("credit", "ls").stdout.splitlines()
    assert lines[0].split() == ["domain", "balance", "free"]
    assert read("credit", "show", "lab").keys() == {
        *read("credit", "ls")[0].keys(),
        "purses_mc",
        "lent_mc",
        "borrowed_mc",
    }
    heading, *rows = run("domain", "ls").stdout.splitlines()
    assert "credit" in heading.split()
    assert any(row.startswith("lab ") and row.rstrip().endswith("20") for row in rows)
    row = read("domain", "show", "lab")
    assert (row["credit_mc"], row["credit_unlimited"], read("domain", "show", "open")["credit_mc"]) == (
        20_000,
        False,
        None,
    )
    assert "credit     20 (see: meted credit show)" in run("domain", "show", "lab").stdout
    assert "credit" not in run("domain", "show", "open").stdout


def test_an_account_is_opened_and_closed() -> None:
    run("domain", "create", "short")
    number = run("credit", "open", "short").stdout.strip()
    assert run("credit", "open", "short", "--unlimited").stdout.strip() == number
    assert "unlimited: it pays for nothing" in run("credit", "show", "short").stdout
    assert "unlimited" in run("credit", "ls").stdout
    assert (
        run("credit", "forecast", "short").stdout
        == "short can run any amount of work at +1 point, as it is unlimited.\n"
    )
    assert "unlimited" in run("credit", "transfer", "short", "lab", "1", code=1).stderr
    run("credit", "open", "short", "--limited")
    assert "has 0 credits free and would need 1 credit" in run("credit", "transfer", "short", "lab", "1", code=1).stderr
    assert "Nothing has moved" in run("credit", "statement", "short").stderr
    run("credit", "close", "short")
    assert "no account of credit" in run("credit", "show", "short", code=1).stderr
    run("domain", "rm", "short")


def test_credit_moves_and_the_statement_adds_up() -> None:
    run("credit", "transfer", "lab", "guest", "2.345", "--note", "thanks")
    run("credit", "grant", "guest", "-0.345")
    run("credit", "transfer", "guest", "lab", "2")
    lines = read("credit", "statement", "guest")
    balance_mc = 0
    for line in lines:
        balance_mc += line["amount_mc"]
        assert line["balance_mc"] == balance_mc
    assert [(line["kind"], line["debit"], line["credit"]) for line in lines] == [
        ("transfer", "lab", "guest"),
        ("withdrawal", "guest", "treasury"),
        ("transfer", "guest", "lab"),
    ]
    table = run("credit", "statement", "guest").stdout.splitlines()
    assert table[0].split() == ["time", "what", "debit", "credit", "amount", "balance", "note"]
    assert table[1].split()[2:] == ["transfer", "lab", "guest", "+2.345", "2.345", "thanks"]
    assert table[2].split()[2:] == ["withdrawal", "guest", "treasury", "-0.345", "2"]
    assert read("credit", "statement", "guest", "--last", "1") == lines[-1:]
    treasury = read("credit", "statement", "--account", "1")
    assert {line["debit"] for line in treasury} >= {"treasury", "guest"}
    assert run("credit", "statement", "--account", "2").stderr == "Nothing has moved on this account yet.\n"
    assert "never been an account 999" in run("credit", "statement", "--account", "999", code=1).stderr
    run("credit", "grant", "lab", "0.345")


def line(kind: str, debit: int, credit: int, amount_mc: int, balance_mc: int) -> Any:
    """A line of a statement as the server tells it."""
    return {
        **{"seq": 1, "at_us": 0, "kind": kind, "debit": str(debit), "credit": str(credit), "debit_account": debit},
        **{"credit_account": credit, "amount_mc": amount_mc, "balance_mc": balance_mc, "reference": 0, "note": ""},
    }


def test_small_payments_that_follow_each_other_are_one_line() -> None:
    lines = [
        line("grant", 1, 3, 10, 10),
        line("income", 2, 3, 1, 11),
        line("income", 2, 3, 2, 13),
        line("transfer", 3, 4, -1, 12),
        line("transfer", 3, 4, -1, 11),
        line("income", 2, 3, 1, 12),
        line("fee", 5, 3, 1, 13),
        line("fee", 6, 3, 1, 14),
    ]
    told = [(it["kind"], it["amount_mc"], it["balance_mc"], count) for it, count in together(lines)]
    assert told == [
        ("grant", 10, 10, 1),
        ("income", 3, 13, 2),
        ("transfer", -1, 12, 1),
        ("transfer", -1, 11, 1),
        ("income", 1, 12, 1),
        ("fee", 1, 13, 1),
        ("fee", 1, 14, 1),
    ]


def test_a_call_with_a_key_acts_once(server: LiveServer) -> None:
    run("domain", "create", "once")
    job = int(held_job("once"))
    calls: list[tuple[str, dict[str, object]]] = [
        ("credit.grant", {"domain": "once", "amount_mc": 9_000}),
        ("credit.transfer", {"payer": "once", "payee": "guest", "amount_mc": 1_000}),
        ("credit.hold", {"domain": "once", "amount_mc": 1_000}),
        ("credit.lend", {"lender": "once", "borrower": "guest", "amount_mc": 1_000, "due_us": 2**52}),
        ("job.nice", {"job": job, "points": 1}),
    ]
    with BlockingClient(server.environ["METED_SERVER"]) as client:
        for method, params in calls:
            first = client.call(method, key="a key", **params)
            assert client.call(method, key="a key", **params) == first, method
        hold, loan = client.call("credit.holds")[-1]["hold"], client.call("credit.loans")[-1]["loan"]
        for _ in range(2):
            client.call("credit.void", key="a key", hold=hold)
    row = read("credit", "show", "once")
    assert (row["balance_mc"], row["held_mc"], row["purses_mc"], row["lent_mc"]) == (5_000, 0, 2_000, 1_000)
    assert [it["kind"] for it in read("credit", "statement", "once")] == ["grant", "transfer", "loan", "purse"]
    run("credit", "repay", str(loan))
    run("cancel", str(job))
    run("credit", "transfer", "guest", "once", "1")
    run("credit", "close", "once")


def test_holds_are_posted_and_voided() -> None:
    assert run("credit", "holds").stderr == "Nothing is held.\n"
    before_mc = free("lab")
    first = run("credit", "hold", "lab", "5").stdout.strip()
    second = run("credit", "hold", "lab", "1", "--until", "2h").stdout.strip()
    assert [str(row["hold"]) for row in read("credit", "holds", "--domain", "lab")] == [first, second]
    assert run("credit", "holds").stdout.splitlines()[0].split() == ["hold", "domain", "amount", "until"]
    assert "held     6 credits (see: meted credit holds)" in run("credit", "show", "lab").stdout
    assert "at most that much" in run("credit", "post", first, "guest", "6", code=1).stderr
    run("credit", "post", first, "guest", "3")
    run("credit", "void", second)
    assert "already" in run("credit", "void", second, code=1).stderr
    assert f"hold {first}" in run("credit", "statement", "lab", "--last", "1").stdout
    run("credit", "transfer", "guest", "lab", "3")
    assert free("lab") == before_mc


def test_credit_is_lent_and_paid_back() -> None:
    assert run("credit", "loans").stderr == "There are no loans of credit.\n"
    loan = run("credit", "lend", "lab", "guest", "3", "--due", "1d").stdout.strip()
    assert [(str(row["loan"]), row["left_mc"]) for row in read("credit", "loans", "--domain", "guest")] == [
        (loan, 3_000)
    ]
    assert run("credit", "loans").stdout.splitlines()[0].split() == ["loan", "lender", "borrower", "left", "due"]
    assert "borrowed" in run("credit", "show", "guest").stdout
    run("credit", "transfer", "guest", "open", "1.5")
    assert run("credit", "repay", loan).stdout == f"Of loan {loan}, 1.5 credits are still to be paid.\n"
    run("credit", "transfer", "open", "guest", "1.5")
    assert run("credit", "repay", loan).stdout == f"Loan {loan} is over.\n"
    assert f"repayment of loan {loan}" in run("credit", "statement", "guest", "--last", "1").stdout
    run("credit", "close", "open")


def test_rules_and_a_forecast() -> None:
    before = read("credit", "rules")
    assert before == {
        "grant_mc": 0,
        "period_us": 24 * HOUR_US,
        "cap_mc": None,
        "half_life_us": None,
        "price_mc": 1_000,
        "income": "funded",
        "donors": "all",
    }
    run(
        "credit",
        "rules",
        "set",
        "--grant",
        "10",
        "--period",
        "1w",
        "--cap",
        "500",
        "--half-life",
        "30d",
        "--price",
        "0.5",
        "--donors",
        "nice",
    )
    assert read("credit", "rules")["cap_mc"] == 500_000
    said = run("credit", "rules").stdout
    for part in (
        "0.5 credits for one point",
        "10 credits for each unit of share, each 7 d",
        "500 credits",
        "30 d",
        "(nice)",
    ):
        assert part in said
    told = read("credit", "forecast", "guest", "--points", "+2")
    assert (told["points"], told["period_cpu_us"]) == (2, 20 * HOUR_US)
    assert told["now_cpu_us"] == free("guest") * HOUR_US // 1_000
    said = run("credit", "forecast", "guest", "--points", "2").stdout
    assert (
        "at +2 points (1 credit for a cpu-hour). Each 7 d it is granted 20 credits, enough for 20 cpu-hours more."
        in said
    )
    assert "next period" in run("credit", "ls").stdout.splitlines()[0]
    run(
        "credit",
        "rules",
        "set",
        "--grant",
        "0",
        "--period",
        "1d",
        "--cap",
        "none",
        "--half-life",
        "none",
        "--price",
        "1",
        "--donors",
        "all",
    )
    assert read("credit", "rules") == before


def test_points_are_bought_given_back_and_sold() -> None:
    job, before_mc = held_job(), free("lab")
    assert run("nice", job, "+2").stdout == f"Job {job} has +2 points and priority 2. Charged: 4 credits.\n"
    shown = {line[:15].strip(): line[15:].strip() for line in run("show", job).stdout.splitlines()}
    assert (shown["priority"], shown["points"]) == ("2", "+2 of it bought, with 4 credits in its purse")
    assert "in purses of jobs  4 credits" in run("credit", "show", "lab").stdout
    assert run("nice", job, "1", "--cost", "90m").stdout.endswith("Charged: 1.5 credits.\n")
    assert run("nice", job, "-1").stdout.startswith(f"Job {job} has +2 points and priority 2. Paid back: 1.8")
    done = read("nice", job, "-4")
    assert (done["points"], done["priority"], done["pays"]) == (-2, -2, True)
    assert free("lab") == before_mc
    assert "-2 of it sold" in run("show", job).stdout
    assert "It waits for the pool" in run("nice", job, "-1").stdout
    assert "at most 10" in run("nice", job, "-8", code=1).stderr
    run("nice", job, "+5", "--cost", "2")
    assert run("nice", job, "-5").stdout == f"Job {job} has -3 points and priority -3. Its domain has 4 credits more.\n"
    run("cancel", job)
    assert "counts no more" in run("nice", job, "+1", code=1).stderr
    other = held_job("guest")
    assert "would need 20000 credits" in run("nice", other, "+2", "--cost", "10000", code=1).stderr
    run("domain", "create", "free")
    other = held_job("free")
    said = f"Job {other} has priority 3. Its domain pays no credit for it, so it counts as usage.\n"
    assert run("nice", other, "+3").stdout == said
    unknown = run("submit", "--hold", "--domain", "lab", "true").stdout.strip()
    assert "--cost 3h" in run("nice", unknown, "+1", code=1).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nice", "1", "0"],
        ["nice", "1", "-30"],
        ["nice", "1", "two"],
        ["nice", "1", "1.5"],
        ["nice", "x", "1"],
        ["nice", "1"],
        ["nice", "1", "1", "--cost", "0"],
        ["nice", "1", "1", "--cost", "nan"],
        ["nice", "1", "1", "--cost", "-3"],
        ["nice", "1", "1", "--cost", "9" * 40],
        ["credit", "grant", "lab", "1.2345"],
        ["credit", "grant", "lab", "1e3"],
        ["credit", "grant", "lab", "9" * 30],
        ["credit", "grant", "lab", "9" * 300],
        ["credit", "transfer", "lab", "guest", "-1"],
        ["credit", "transfer", "lab", "guest", "0"],
        ["credit", "hold", "lab", "1", "--until", "2020-01-01"],
        ["credit", "lend", "lab", "guest", "1"],
        ["credit", "lend", "lab", "guest", "1", "--due", "2020-01-01"],
        ["credit", "post", "0", "lab", "1"],
        ["credit", "statement"],
        ["credit", "statement", "lab", "--account", "1"],
        ["credit", "forecast", "lab", "--points", "0"],
        ["credit", "forecast", "lab", "--points", "11"],
        ["credit", "rules", "set"],
        ["credit", "rules", "set", "--period", "1s"],
        ["credit", "rules", "set", "--price", "-1"],
        ["credit", "rules", "set", "--income", "lottery"],
        ["credit", "rules", "set", "--donors", "idle"],
    ],
)
def test_what_makes_no_sense_has_code_2(arguments: list[str]) -> None:
    said = run(*arguments, code=2).stderr
    assert said.startswith("Error: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "cost_us"),
    [
        ("3", 3 * HOUR_US),
        ("3h", 3 * HOUR_US),
        ("1.5", HOUR_US * 3 // 2),
        ("90m", HOUR_US * 3 // 2),
        ("1h30m", HOUR_US * 3 // 2),
    ],
)
def test_a_plain_cost_is_cpu_hours(text: str, cost_us: int) -> None:
    assert credits.cost_us(text) == cost_us


@pytest.mark.parametrize(("text", "mc"), [("12.5", 12_500), ("-0.001", -1), ("+3", 3_000), (".5", 500), ("7.", 7_000)])
def test_credit_is_read_exactly(text: str, mc: int) -> None:
    assert credits.amount_mc(text) == mc


@pytest.mark.parametrize(
    ("cpu_us", "text"),
    [
        (HOUR_US, "1 cpu-hour"),
        (0, "0 cpu-hours"),
        (6 * HOUR_US + HOUR_US // 4, "6.25 cpu-hours"),
        (HOUR_US - 1, "0.99 cpu-hours"),
    ],
)
def test_hours_are_rounded_down(cpu_us: int, text: str) -> None:
    assert credits.cpu_hours(cpu_us) == text


def test_alarms_are_shown_raised_or_not() -> None:
    rows = read("credit", "alarms")
    assert [(row["number"], row["alarm"], row["raised"]) for row in rows] == [
        (1, "crash", False),
        (2, "starvation", False),
    ]
    lines = run("credit", "alarms").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["crash", "starvation"]
    assert all(line.endswith("not raised") for line in lines)
