"""What the log keeps of credit for statements, through every way that a log can go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from meted.adapters import posting_check
from meted.adapters.credit_statement import LOST, credit_lines
from meted.adapters.embedded import Pool
from meted.adapters.log import Log, LogConflict, MemoryLog, PostedAccount, Postings, SQLiteLog, Transfer
from meted.adapters.log.backup import backup
from meted.adapters.log.repair import repair
from meted.adapters.log.verify import verify
from meted.adapters.posting_check import rewrite_rows, wrong_rows
from meted.adapters.postings import keep_postings
from meted.adapters.recovery import note_repair

from .helper import batch_after, fill, sql

Lines = list[tuple[str, int, int]]


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """An empty log of each kind."""
    with MemoryLog() if request.param == "memory" else SQLiteLog.open(tmp_path / "data") as opened:
        yield opened


def row(seq: int, debit: int, credit: int, amount_mc: int = 5) -> Transfer:
    """A transfer."""
    return Transfer(seq, 1_000 * seq, debit, credit, amount_mc, "transfer", 0, "näh", -amount_mc, amount_mc)


def test_postings_come_with_their_batch_and_are_read_in_order(log: Log) -> None:
    assert log.has_postings
    opened = PostedAccount(3, 1, "a", 0)
    log.append(batch_after(log.head, 300), postings=Postings((opened,), tuple(row(n, 1, 3) for n in range(2, 300))))
    log.append(batch_after(log.head, 2), postings=Postings((), (row(301, 3, 4), row(302, 4, 5))))
    assert [it.seq for it in log.transfers(3)] == [*range(2, 300), 301]
    assert [it.seq for it in log.transfers(3, 297, 2)] == [298, 299]
    assert list(log.transfers(4)) == [row(301, 3, 4), row(302, 4, 5)]
    assert list(log.transfers(9)) == list(log.transfers(3, 10**6)) == []
    assert (log.posted_account(3), log.posted_account(4)) == (opened, None)
    log.replace_postings([Postings((opened,)), Postings((), (row(7, 4, 3),))])
    assert list(log.transfers(3)) == [row(7, 4, 3)]
    assert list(log.transfers(1)) == []


def test_what_is_not_appended_is_not_posted(log: Log) -> None:
    fill(log, [2])
    wrong = batch_after(log.head, 1)
    log.append(wrong)
    with pytest.raises(LogConflict):
        log.append(wrong, postings=Postings((PostedAccount(3, 3, "a", 0),), (row(3, 1, 3),)))
    assert log.posted_account(3) is None
    assert list(log.transfers(3)) == []


def traded(data: Path) -> Pool:
    """A pool in which credit went from ``a`` to ``b`` and to a job of ``a`` that was cancelled, and ``c`` has gone."""
    pool = Pool.open(data)
    for name in "abc":
        pool.domain(name)
    pool.credit_grant("a", 9_000)
    pool.credit_transfer("a", "b", 2_000, "thanks")
    pool.credit_grant("c", 100)
    pool.domain_remove("c")
    with pool.batch():  # a purse that is opened and closed in one batch, in a domain that was made in it
        pool.domain("d")
        pool.credit_transfer("a", "d", 3_000)
        job_id = pool.submit("d", hold=True)
        pool.job_nice(job_id, 2, 3_600_000_000)
        pool.cancel(job_id)
    return pool


STATEMENTS: dict[int, Lines] = {
    1: [("grant", -9_000, -9_000), ("grant", -100, -9_100), ("withdrawal", 100, -9_000)],
    3: [("grant", 9_000, 9_000), ("transfer", -2_000, 7_000), ("transfer", -3_000, 4_000)],
    4: [("transfer", 2_000, 2_000)],
    5: [("grant", 100, 100), ("withdrawal", -100, 0)],
    6: [("transfer", 3_000, 3_000), ("purse", -2_000, 1_000), ("purse_back", 2_000, 3_000)],
    7: [("purse", 2_000, 2_000), ("purse_back", -2_000, 0)],
}


def statements(log: Log) -> dict[int, Lines]:
    """Return what is told of each account."""
    return {
        number: [(line["kind"], line["amount_mc"], line["balance_mc"]) for line in credit_lines(log, number, 0, 100)]
        for number in STATEMENTS
    }


def test_a_statement_survives_restart_backup_and_verify(tmp_path: Path) -> None:
    with traded(tmp_path / "data") as pool:
        assert statements(pool.log) == STATEMENTS
        lines = [line for number in STATEMENTS for line in credit_lines(pool.log, number, 0, 9)]
        names = {(line["debit"], line["credit"]) for line in lines}
        assert names >= {("treasury", "c"), ("c", "treasury"), ("d", "job 1"), ("job 1", "d"), ("a", "d")}
    with Pool.open(tmp_path / "data") as pool:
        assert statements(pool.log) == STATEMENTS
        backup(tmp_path / "data", tmp_path / "copy")
    assert verify(tmp_path / "data").ok
    with SQLiteLog.open_file(tmp_path / "copy") as log:
        assert log.has_postings
        assert statements(log) == STATEMENTS


@pytest.mark.parametrize("rows_max", [1, 3, 10_000])
@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE transfers SET amount_mc = 1 WHERE kind = 'purse'", "a changed line"),
        ("UPDATE transfers SET credit = 4 WHERE kind = 'purse'", "a changed line"),
        ("UPDATE transfers SET debit_mc = 7 WHERE note = 'thanks'", "a changed line"),
        ("UPDATE transfers SET note = '' WHERE note = 'thanks'", "a changed line"),
        ("DELETE FROM transfers WHERE kind = 'withdrawal'", "no line"),
        ("UPDATE transfers SET seq = seq + 1000 WHERE kind = 'purse_back'", "no line"),
        (
            "INSERT INTO transfers SELECT 2, at_us, debit, credit, amount_mc, kind, reference, note, debit_mc, "
            "credit_mc FROM transfers WHERE kind = 'purse'",
            "a line too many",
        ),
        ("UPDATE credit_accounts SET domain = 'b' WHERE domain = 'a'", "a changed line"),
        ("DELETE FROM credit_accounts WHERE job_id > 0", "no line"),
    ],
)
def test_a_statement_that_is_not_what_happened_is_found_and_made_anew(
    tmp_path: Path, change: str, what: str, rows_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting_check, "CHECK_ROWS", rows_max)
    data = tmp_path / "data"
    traded(data).close()
    assert wrong_rows(data) is None
    sql(data, change)
    assert verify(data).ok  # the chain vouches for the events alone
    sentence = wrong_rows(data) or ""
    assert f"the statements of credit have {what} for seq" in sentence
    rewrite_rows(data)
    assert wrong_rows(data) is None
    with Pool.open(data) as pool:
        assert statements(pool.log) == STATEMENTS


def test_a_copy_is_checked_as_well(tmp_path: Path) -> None:
    traded(tmp_path / "data").close()
    backup(tmp_path / "data", tmp_path / "copy")
    assert wrong_rows(tmp_path / "copy") is None


@pytest.mark.parametrize("version", [1, 2])
def test_a_log_of_an_older_version_is_read_once_from_its_events(tmp_path: Path, version: int) -> None:
    data = tmp_path / "data"
    traded(data).close()
    for table in ("credit_accounts", "transfers", "posted", "credit_refusals", *(["reports"] if version == 1 else [])):
        sql(data, f"DROP TABLE {table}")
    sql(data, f"PRAGMA user_version = {version}")
    with SQLiteLog.open(data, read_only=True) as log:
        assert (log.has_postings, list(log.transfers(3)), log.posted_account(3)) == (False, [], None)
    with SQLiteLog.open(data) as log:
        keep_postings(log)
        assert log.has_postings
    with Pool.open(data) as pool:
        assert statements(pool.log) == STATEMENTS
        pool.credit_transfer("a", "b", 1_000)
        assert statements(pool.log)[4] == [*STATEMENTS[4], ("transfer", 1_000, 3_000)]


def test_a_repair_keeps_what_the_events_that_stay_tell(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with traded(data) as pool:
        cut = pool.log.head.seq
        pool.credit_transfer("a", "b", 1_000)
        pool.credit_transfer("a", "b", 500)
    snapshots = sql(data, "DELETE FROM snapshots")
    assert snapshots == []
    sql(data, f"UPDATE batches SET body = body || x'00' WHERE first_seq = {cut + 1}")
    report = repair(data, note=lambda log, first, last: note_repair(log, first, last, 10**15))
    assert report.lost_first_seq == cut + 1
    with Pool.open(data) as pool:
        assert pool.log.has_postings
        assert statements(pool.log) == STATEMENTS
        assert pool.credit_account("a")["balance_mc"] == 4_000
        pool.credit_transfer("a", "b", 500)
    assert wrong_rows(data) is None
    sql(data, "UPDATE transfers SET credit_mc = credit_mc + 1 WHERE amount_mc = 500")
    assert "a changed line" in (wrong_rows(data) or "")


def test_what_a_damaged_log_has_lost_is_a_line(tmp_path: Path) -> None:
    """Recovery starts at a snapshot beyond the damage; what moved in between cannot be read, but the sum is known."""
    data = tmp_path / "data"
    with traded(data) as pool:
        hole = pool.log.head.seq + 1
        pool.credit_transfer("a", "b", 1_000)
        pool.snapshot()
        pool.credit_transfer("a", "b", 500)
    shutil.copytree(data, tmp_path / "before")
    sql(data, f"UPDATE batches SET body = body || x'00' WHERE first_seq = {hole}")
    sql(data, "DELETE FROM posted")
    with Pool.open(data) as pool:
        assert statements(pool.log)[3][3:] == [(LOST, -1_000, 3_000), ("transfer", -500, 2_500)]
        assert statements(pool.log)[4] == [*STATEMENTS[4], (LOST, 1_000, 3_000), ("transfer", 500, 3_500)]
        paged: list[tuple[str, int]] = []
        after = 0
        while page := credit_lines(pool.log, 4, after, 1):
            paged += [(line["kind"], line["balance_mc"]) for line in page]
            after = page[-1]["seq"]
        assert paged == [(kind, balance) for kind, _, balance in statements(pool.log)[4]]
    with Pool.open(tmp_path / "before") as pool:
        assert LOST not in {kind for lines in statements(pool.log).values() for kind, _, _ in lines}


def test_a_damaged_row_is_told_as_lost_and_stops_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    traded(data).close()
    sql(data, "UPDATE transfers SET amount_mc = 'much' WHERE kind = 'transfer' AND note = 'thanks'")
    with Pool.open(data) as pool:
        assert statements(pool.log)[3] == [("grant", 9_000, 9_000), (LOST, -2_000, 7_000), ("transfer", -3_000, 4_000)]
