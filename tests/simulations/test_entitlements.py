"""Shares, trees of domains and loans over time: from tables and headers to what the engine does with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from meted.simulations.commands.simulate import simulate
from meted.simulations.errors import TraceError
from meted.simulations.policies.registry import make_policy
from meted.simulations.replay import Replay
from meted.simulations.traces.entitlements import WorkloadDomain, leaf_shares
from meted.simulations.traces.trace import Trace, read_trace
from meted.simulations.traces.trace_rules import TraceOptions

S = 1_000_000
ROW = "{0} {1} -1 {2} 1 -1 -1 -1 {2} -1 1 {3} -1 -1 -1 -1 -1 -1\n"


def read(folder: Path, lines: Sequence[str], options: TraceOptions | None = None, rows: str = "") -> Trace:
    """Read a trace of a header and rows, by default of users 1 and 2."""
    path = folder / "made.swf"
    text = "; MaxProcs: 4\n" + "".join(f"; {line}\n" for line in lines)
    path.write_text(text + (rows or ROW.format(1, 0, 10, 1) + ROW.format(2, 5, 10, 2)))
    return read_trace(str(path), options)


def backlog(users: int, jobs: int) -> str:
    """Return rows of jobs of 10 s, all at time 0, of users in turns."""
    return "".join(ROW.format(n, 0, 10, 1 + n % users) for n in range(jobs))


def test_equal_shares_where_nothing_is_said(tmp_path: Path) -> None:
    trace = read(tmp_path, [])
    assert trace.shares is None
    assert trace.domains == (WorkloadDomain(1, "1"), WorkloadDomain(2, "2"))


def test_shares_in_the_header_and_in_a_table_that_replaces_them(tmp_path: Path) -> None:
    lines = ["MetedShare: 1, 3", "MetedShare: 7, 2"]
    trace = read(tmp_path, lines)
    assert {domain.name: domain.share for domain in trace.domains} == {"1": 3, "7": 2, "2": 1}
    assert sorted((trace.shares or {}).values()) == [1, 2, 3]
    assert read(tmp_path, lines, TraceOptions(shares="none")).shares is None
    table = tmp_path / "shares.csv"
    table.write_text("share,domain\n5,2\n")
    replaced = read(tmp_path, lines, TraceOptions(shares=str(table)))
    assert replaced.shares == {1: 1, 2: 5}
    assert set(replaced.side_sha256) == {"shares"}


def test_what_a_header_says_of_users_does_not_hold_where_groups_are_domains(tmp_path: Path) -> None:
    trace = read(tmp_path, ["MetedShare: 1, 3"], TraceOptions(domain_of="group"))
    assert trace.shares is None


def test_a_tree_is_registered_from_the_top_and_its_leaves_have_parts_of_the_whole(tmp_path: Path) -> None:
    lines = ["MetedShare: 1, 1, lab", "MetedShare: 2, 2, lab", "MetedShare: lab, 3, site", "MetedShare: site, 1"]
    lines += ["MetedShare: guest, 1, , 1"]
    trace = read(tmp_path, lines)
    assert [domain.name for domain in trace.domains] == ["site", "lab", "1", "2", "guest"]
    numbers = {domain.name: domain.number for domain in trace.domains}
    assert trace.shares == {1: 1, 2: 2, numbers["guest"]: 3}
    replay = Replay(trace, make_policy("meted"))
    domains = replay.engine.state.domains
    lab = domains.domains[domains.by_name["lab"]]
    assert (lab.children, domains.domains[lab.parent].name) == (2, "site")
    assert domains.domains[domains.by_name["guest"]].guarantee.cpu_milli == 1_000
    assert replay.run()
    assert replay.ended == 2


def test_leaf_shares_stay_small() -> None:
    domains = [WorkloadDomain(n, str(n), 1_000_003 + 2 * n, "" if n < 4 else "1") for n in range(1, 40)]
    assert max(leaf_shares(domains).values()) <= 10**9


def test_a_remark_behind_a_line_of_shares_or_loans_is_no_part_of_it(tmp_path: Path) -> None:
    lines = ["MetedShare: 1, 3", "", "job submit wait run", "MetedLoan: 0, 1, 2, share, 1", "more, of it"]
    trace = read(tmp_path, lines)
    assert trace.shares == {1: 3, 2: 1}
    assert len(trace.loans) == 1


def test_a_line_of_the_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"^made\.swf, line 4, header line MetedShare 2: share is 'x'"):
        read(tmp_path, ["Note: one", "MetedShare: 1, 3", "MetedShare: 2, x"])


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["MetedShare: 1"], "header line MetedShare 1: share is ''"),
        (["MetedShare: 1, 0"], "share is '0', and has to be a whole number from 1 to 1,000,000,000."),
        (["MetedShare: 1, 1, , , 5"], "it has 5 columns where there are 4."),
        (["MetedShare: 1, 1", "MetedShare: 1, 2"], "MetedShare 2: domain 1 stands in an earlier line as well."),
        (["MetedShare: 1, 1, x"], "its parent x has no line of its own; give it one."),
        (["MetedShare: a, 1, b", "MetedShare: b, 1, a"], "or is above itself."),
        (["MetedShare: 1, 1, 2", "MetedShare: 2, 1"], "domain 2 has jobs, so it can have no sub-domain"),
        (["MetedLoan: 0, 1, 3, share, 1"], "there is no domain '3' (borrower)"),
        (["MetedLoan: 0, 1, 2, gold, 1"], "the resource is 'gold', and has to be share or procs."),
        (["MetedLoan: , 1, 2, share, 1"], "it does not say when; give at."),
        (["MetedLoan: 9, 1, 2, share, 1, 9"], "until is not after at."),
        (["MetedLoan: 9, 1, 2, share, 1, 10, 0, 3"], "recall is not after at."),
        (["MetedLoan: soon, 1, 2, share, 1"], "at: 'soon' is no duration"),
    ],
)
def test_refusals(tmp_path: Path, lines: list[str], sentence: str) -> None:
    with pytest.raises(TraceError) as refused:
        read(tmp_path, lines)
    assert sentence in str(refused.value)
    assert str(refused.value).endswith(".")


def test_shares_decide_who_is_served(tmp_path: Path) -> None:
    trace = read(tmp_path, ["MetedShare: 1, 3", "MetedShare: 2, 1"], None, backlog(2, 400))
    served: list[int] = []
    Replay(trace, make_policy("meted"), outcome=lambda job, _: served.append(job.user)).run()
    assert served[:200].count(1) == pytest.approx(150, abs=4)


@pytest.mark.parametrize("event_order", ["instant", "pyss"])
def test_a_loan_moves_service_while_it_lasts(tmp_path: Path, event_order: str) -> None:
    lines = ["MetedShare: 1, 10", "MetedShare: 2, 10", "MetedLoan: 0, 1, 2, share, 8, 400s, 30s, 200s"]
    trace = read(tmp_path, lines, None, backlog(2, 400))
    starts: list[tuple[int, int]] = []
    replay = Replay(
        trace,
        make_policy("meted"),
        event_order,  # type: ignore[arg-type]
        outcome=lambda job, start_us: starts.append((start_us // S, job.user)),
    )
    assert replay.run()
    lent = [user for at_s, user in starts if at_s < 230]
    after = [user for at_s, user in starts if 230 <= at_s < 400]
    assert lent.count(2) / len(lent) > 0.7
    assert after.count(2) / len(after) < 0.6
    assert (replay.lending.counts.made, replay.lending.counts.recalled) == (1, 1)
    assert [(move.at_us // S, move.amount) for move in replay.lending.moves] == [(0, 8), (230, -8)]


def test_loans_start_and_end_between_the_events_of_jobs(tmp_path: Path) -> None:
    rows = ROW.format(1, 0, 1_000, 1) + ROW.format(2, 0, 1_000, 2)
    lines = ["MetedShare: 1, 1, , 2", "MetedLoan: 100, 1, 2, procs, 2, 300", "MetedLoan: 500, 1, 2, procs, 1"]
    replay = Replay(read(tmp_path, lines, None, rows), make_policy("meted"))
    replay.run()
    moves = [(move.at_us // S, move.resource, move.amount) for move in replay.lending.moves]
    assert moves == [(100, "procs", 2), (300, "procs", -2), (500, "procs", 1)]


def test_load_moves_loans_as_it_moves_jobs(tmp_path: Path) -> None:
    trace = read(tmp_path, ["MetedLoan: 100, 1, 2, share, 1, 300, 60"], TraceOptions(load="2"))
    (loan,) = trace.loans
    assert (loan.offer.at_us, loan.offer.expiry_us, loan.offer.notice_us) == (50 * S, 150 * S, 60 * S)


def test_refused_loans_are_counted_and_told(tmp_path: Path) -> None:
    lines = ["MetedShare: 1, 2", "MetedLoan: 0, 1, 2, share, 1", "MetedLoan: 1, 1, 2, share, 1"]
    read(tmp_path, lines)
    path = str(tmp_path / "made.swf")
    figures = json.loads(CliRunner().invoke(simulate, [path, "--json", "-"]).stdout)
    assert {key: figures["loans"][key] for key in ("made", "refused", "recalled")} == {
        "made": 1,
        "refused": 1,
        "recalled": 0,
    }
    shown = CliRunner().invoke(simulate, [path]).stdout
    assert "1 made, 0 recalled; 1 refused: Domain '1' has a share of 1" in shown
    assert "every user is a domain; shares as the trace says" in shown
    assert "loans" not in CliRunner().invoke(simulate, [path, "--loans", "none"]).stdout
