"""A trade in credit as people and programs ask for it: simulate, compare and sweep."""

from __future__ import annotations

import csv
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from meted.simulations.commands.compare import compare
from meted.simulations.commands.simulate import simulate
from meted.simulations.commands.sweep import sweep

from ..calling import call

ROOT = Path(__file__).resolve().parents[3]
TINY, PRICES = ROOT / "examples/tiny.swf", ROOT / "examples/prices.toml"
EASY = (TINY, "--policy", "easy", "--credit", PRICES)


def figures(*words: str | Path) -> dict[str, Any]:
    found = json.loads(call(simulate, *words, "--json", "-").stdout)
    assert isinstance(found, dict)
    return found


def test_a_run_tells_what_was_set_and_what_came_of_it(tmp_path: Path) -> None:
    users, flows, page = (tmp_path / name for name in ("users.csv", "flows.csv", "page.html"))
    found = figures(*EASY, "--csv", users, "--credit-csv", flows, "--html", page)
    assert found["credit"] == {
        "file": "prices.toml",
        "price_mc": 500,
        "grant_mc": 10_000,
        "period_us": 86_400_000_000,
        "cap_mc": 100_000,
        "half_life_us": None,
        "income": "funded",
        "donors": "all",
        "accounts": "each domain begins with 20 credits",
        "sha256": sha256(PRICES.read_bytes()).hexdigest(),
        "trade 1": "all domains buy 2 points for their jobs, time asked for at most 30 min",
        "trade 2": "all domains sell 1 point for their jobs, time asked for at least 1 h, once they have waited 10 min",
    }
    paid = {
        name: amount_mc
        for name, amount_mc in found["credit_flows_mc"].items()
        if name.endswith(("priority", "unclaimed"))
    }
    assert sum(paid.values()) == sum(found["credit_paid_mc"].values()) == round(1000 * found["paid_credits"]) > 0
    with users.open() as file:
        rows = {row["user"]: row for row in csv.DictReader(file)}
    assert {user: int(row["credit_paid_mc"]) for user, row in rows.items()} == found["credit_paid_mc"]
    with flows.open() as file:
        last = {f"{row['payer']} -> {row['payee']}, {row['kind']}": int(row["paid_mc"]) for row in csv.DictReader(file)}
    assert last == found["credit_flows_mc"]
    assert "easy: credits of 3 domains" in page.read_text()
    assert "all domains buy 2 points" in page.read_text()


def test_the_table_tells_people_the_same() -> None:
    out = call(simulate, *EASY).stdout
    for line in (
        "points bought              for 9 jobs",
        "jobs that sell             3",
        "credits of 2               ",
        "price                      0.5 credits for one point for a cpu-hour; those who made room are paid",
        "grants                     10 credits for each unit of share, each 1 d; cap 100 credits",
    ):
        assert f"  {line}" in out
    idle = call(simulate, *EASY, "--price", "none").stdout
    assert "price                      none: nobody trades, and who would is told from the others" in idle
    assert "points bought              for 0 jobs" in idle


def test_options_take_the_place_of_rules_of_the_file() -> None:
    rules = (
        "--price",
        "2",
        "--grant",
        "3",
        "--period",
        "2h",
        "--cap",
        "none",
        "--demurrage",
        "1d",
        "--income",
        "treasury",
        "--donors",
        "nice",
    )
    said = figures(*EASY, *rules)["credit"]
    names = ("price_mc", "grant_mc", "period_us", "cap_mc", "half_life_us", "income", "donors")
    assert [said[name] for name in names] == [2_000, 3_000, 7_200_000_000, None, 86_400_000_000, "treasury", "nice"]
    assert figures(*EASY, "--price", "none")["credit"]["price_mc"] is None


def test_without_it_nothing_is_said_of_credit() -> None:
    found = figures(TINY, "--policy", "easy")
    assert figures(TINY, "--policy", "easy", "--credit", "none").keys() == found.keys()
    assert not [name for name in found if "credit" in name or "buying" in name]


def test_who_would_trade_are_the_same_jobs_where_nobody_does() -> None:
    idle, traded = figures(*EASY, "--price", "none"), figures(*EASY)
    for name in ("buying_jobs", "selling_jobs", "other_jobs", "buying_users"):
        assert idle[name] == traded[name]
    plain = figures(TINY, "--policy", "easy")
    assert [idle[name] for name in ("mean_wait_s", "jain_service")] == [plain["mean_wait_s"], plain["jain_service"]]
    assert traded["buying_jobs_mean_wait_s"] < idle["buying_jobs_mean_wait_s"]


def test_a_comparison_is_with_nobody_trading(tmp_path: Path) -> None:
    dear = tmp_path / "dear.toml"
    dear.write_text(PRICES.read_text().replace("price = 0.5", "price = 100"))
    flows = tmp_path / "flows.csv"
    words = (*EASY, "--credit", dear, "--resamples", "0")
    document = json.loads(call(compare, *words, "--json", "-", "--credit-csv", flows).stdout)
    assert document["policies"] == ["easy", "easy, prices", "easy, dear"]
    assert [run["bought_jobs"] for run in document["results"]] == [0, 9, 1]
    assert {row["run"] for row in csv.DictReader(flows.read_text().splitlines()) if row["kind"] == "priority"}
    out = call(compare, *words).stdout
    assert re.search(r"wait of jobs that buy points, s +1,722.22 +\* 613.33 ", out)
    assert "price of easy, dear        100 credits for one point" in out


def test_a_sweep_varies_prices_and_files(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    words = (*EASY[:3], "--vary", f"credit=none,{PRICES}", "--vary", "price=none,0.5,100", "--results", results)
    document = json.loads(call(sweep, *words, "--json", "-").stdout)
    found = [(run["varied"]["price"], run["results"].get("bought_jobs")) for run in document["runs"]]
    assert found == [(None, None), ("none", 0), ("0.5", 9), ("100", 1)]
    assert len(results.read_text().splitlines()) == 4
    again = call(sweep, *words, "--metric", "mean_wait_s")
    assert len(results.read_text().splitlines()) == 4
    assert "mean wait, s" in again.stdout


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--price", "1"), 2, "--price is a rule of credit; name the file that says who trades with --credit."),
        (("--credit", PRICES, "--price", "-1"), 2, "'-1' is below 0"),
        (("--credit", PRICES, "--price", "dear"), 2, "'dear' is no amount of credit"),
        (("--credit", PRICES, "--period", "1s"), 2, "'1s' is too short"),
        (("--credit", PRICES, "--income", "mine"), 2, "'mine' is not one of"),
        (("--credit", "absent.toml"), 2, "File 'absent.toml' does not exist"),
        (("--credit", TINY), 1, "tiny.swf is no TOML in UTF-8"),
    ],
)
def test_what_cannot_be_is_refused_at_the_edge(words: tuple[str, ...], code: int, sentence: str) -> None:
    policies = ("--policy", "easy", "--policy", "fcfs")
    for command, more in ((simulate, ()), (compare, policies), (sweep, ("--vary", "policy=easy,fcfs"))):
        assert sentence in re.sub(r"\s+", " ", call(command, TINY, *more, *words, code=code).output)


def test_files_whose_runs_nobody_could_tell_apart_are_refused(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(PRICES.read_text())
    words = (*EASY, "--credit", tmp_path / "prices.toml")
    assert "Two files of --credit have the same name" in call(compare, *words, code=1).output
    assert "One policy alone cannot be compared" in call(compare, TINY, "--policy", "easy", code=2).output


def test_a_domain_that_the_trace_has_not_is_refused(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[[trade]]\npoints = 2\ndomains = ["99"]\n')
    done = call(simulate, TINY, "--credit", plan, code=1)
    assert done.output.endswith("plan.toml: domain 99 is not in this trace; leave it out, or name another.\n")
