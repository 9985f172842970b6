"""What every log must do: one test module, run with each store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.log import (
    EMPTY,
    CreditRefusal,
    Head,
    Log,
    LogClosed,
    LogConflict,
    LogTooLarge,
    MemoryLog,
    Report,
    Result,
    Snapshot,
    SQLiteLog,
    checks,
    memory,
    refusals,
)
from meted.adapters.log.recovery import start_point, tail
from meted.adapters.log.verify import verify
from meted.core.batch import GENESIS, Batch, seal

from .helper import batch_after, fill, snapshot_here

LARGE = b"large" * 20_000
LARGER = b"larger" * 20_000


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """An empty log of each kind; whatever a test did to it, its chain is good in the end."""
    opened: Log = MemoryLog() if request.param == "memory" else SQLiteLog.open(tmp_path / "data")
    yield opened
    try:
        assert verify(opened).ok
    except LogClosed:
        return
    opened.close()


def test_a_new_log_is_empty(log: Log) -> None:
    assert log.head == EMPTY == Head(0, 0, GENESIS)
    assert list(log.read(1)) == []
    assert list(log.snapshots()) == []
    assert log.result(1, 0) is None
    assert list(log.results(1)) == []
    assert start_point(log) == (None, 1)


def test_what_is_appended_is_read(log: Log) -> None:
    made = fill(log, [1, 5, 2])
    assert list(log.read(1)) == list(log.read(0)) == made
    assert log.head == Head(8, 3_000, made[-1].chain)


def refusal(at_us: int, sentence: str = "No.") -> CreditRefusal:
    """Return a refusal at a time."""
    return CreditRefusal(at_us, "ada", "credit.transfer", '{"payer": "a"}', "not_enough_credit", sentence)


def test_refusals_of_credit_stand_beside_the_batches_and_the_newest_are_kept(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row P05: they leave head and chain as they are."""
    fill(log, [2])
    before = log.head
    assert list(log.credit_refusals()) == []
    for module in (memory, refusals):
        monkeypatch.setattr(module, "CREDIT_REFUSALS_MAX", 5)
    for first in range(0, 8, 2):
        log.keep_credit_refusals([refusal(first), refusal(first + 1, "Ñó.")])
    kept = [refusal(at_us, "Ñó." if at_us % 2 else "No.") for at_us in range(3, 8)]
    assert list(log.credit_refusals()) == kept
    assert list(log.credit_refusals(2)) == kept[-2:]
    assert log.head == before


def test_reading_starts_with_the_batch_that_contains_the_seq(log: Log) -> None:
    made = fill(log, [2, 3, 4])
    starts = [next(log.read(seq)).first_seq for seq in range(1, 10)]
    assert starts == [1, 1, 3, 3, 3, 6, 6, 6, 6]
    assert list(log.read(6)) == made[2:]
    assert list(log.read(10)) == list(log.read(10_000)) == list(log.read(2**70)) == []


def test_reading_goes_on_from_a_chain_value_known_better(log: Log) -> None:
    made = fill(log, [2, 3, 4])
    assert list(log.read(3, made[0].chain)) == made[1:]
    assert list(log.read(10, made[2].chain)) == []


def test_what_is_appended_while_reading_is_read_too(log: Log) -> None:
    first, second = fill(log, [1, 1])
    reading = log.read(1)
    assert next(reading) == first
    third = batch_after(log.head)
    log.append(third)
    assert list(reading)[-1] in (second, third)
    assert list(log.read(3)) == [third]


def _not_following(head: Head) -> Iterator[Batch]:
    good = batch_after(head, 2)
    yield seal(head.chain, good.first_seq + 1, good.last_seq + 1, good.at_us, good.body)  # a gap
    yield seal(head.chain, head.seq, head.seq, good.at_us, good.body)  # a second one at the same place
    yield seal(bytes(32), good.first_seq, good.last_seq, good.at_us, good.body)  # another history
    yield seal(head.chain, good.first_seq, good.last_seq, head.at_us - 1, good.body)  # time runs back
    yield seal(head.chain, good.first_seq, head.seq, good.at_us, good.body)  # nothing in it
    yield attrs.evolve(good, body=good.body + b"x")
    yield attrs.evolve(good, chain=good.chain[:-1])
    yield attrs.evolve(good, last_seq=2**63)


@pytest.mark.parametrize("number", range(8))
def test_what_does_not_follow_is_refused(log: Log, number: int) -> None:
    made = fill(log, [1, 2])
    wrong = list(_not_following(log.head))
    assert len(wrong) == 8
    with pytest.raises(LogConflict):
        log.append(wrong[number], [Result(1, 0, 1, b"r"), Result(1, 1, 1, LARGE)])
    assert list(log.read(1)) == made
    assert list(log.results(1)) == []
    log.append(batch_after(log.head))


def test_results_come_with_their_batch(log: Log) -> None:
    log.append(batch_after(log.head), [Result(1, 2, 1, b"two"), Result(1, 0, 1, b""), Result(2, 0, 1, b"other")])
    log.append(batch_after(log.head), [Result(1, 1, 3, b"one")])
    assert list(log.results(1)) == [Result(1, 0, 1, b""), Result(1, 1, 3, b"one"), Result(1, 2, 1, b"two")]
    assert log.result(1, 2) == Result(1, 2, 1, b"two")
    assert log.result(1, 3) is None


def test_the_result_of_the_newest_attempt_stays(log: Log) -> None:
    log.append(batch_after(log.head), [Result(1, 0, 2, b"second"), Result(1, 1, 1, LARGE), Result(1, 2, 1, LARGE)])
    log.append(batch_after(log.head), [Result(1, 0, 1, b"late"), Result(1, 1, 2, LARGER), Result(1, 2, 1, LARGER)])
    assert list(log.results(1)) == [Result(1, 0, 2, b"second"), Result(1, 1, 2, LARGER), Result(1, 2, 1, LARGE)]
    log.append(batch_after(log.head), [Result(1, 0, 2, b"again"), Result(1, 1, 3, b"small"), Result(1, 2, 2, b"")])
    assert list(log.results(1)) == [Result(1, 0, 2, b"second"), Result(1, 1, 3, b"small"), Result(1, 2, 2, b"")]
    log.append(batch_after(log.head), [Result(2, 0, 1, b"a"), Result(2, 0, 3, b"c"), Result(2, 0, 2, b"b")])
    assert list(log.results(2)) == [Result(2, 0, 3, b"c")]


def test_results_are_forgotten_with_their_job(log: Log) -> None:
    log.append(batch_after(log.head), [Result(1, 0, 1, b"a"), Result(2, 0, 1, LARGE), Result(3, 0, 1, LARGE)])
    log.append(batch_after(log.head), [Result(1, 1, 1, b"b"), Result(4, 0, 1, b"c")], forget_jobs=[1, 2, 99])
    assert [list(log.results(job_id)) for job_id in (1, 2)] == [[], []]
    assert log.result(3, 0) == Result(3, 0, 1, LARGE)
    assert log.result(4, 0) == Result(4, 0, 1, b"c")


def test_reports_are_found_by_unit_and_forgotten_with_their_job(log: Log) -> None:
    seq = log.append(
        batch_after(log.head, 2),
        reports=[Report(1, 2, 5, 9, 1, 10, 3), Report(1, 2, 5, 8, 1, 0, 2), Report(2, 2, 5, 7, 1, 0, 1)],
    )
    log.append(batch_after(log.head), reports=[Report(1, 3, 6, 10, 2, 11, 1), Report(1, 3, 6, 11, 1, 13, 1_024)])
    assert [report.lease_id for report in log.reports(1)] == [8, 9, 10, 11]
    assert list(log.reports(1, 12, 1)) == [Report(1, seq, 5, 9, 1, 10, 3)]
    assert [report.lease_id for report in log.reports(1, 1_036, 5)] == [11]
    assert list(log.reports(1, 1_037)) == list(log.reports(3)) == list(log.reports(1, 2, 8)) == []
    log.append(batch_after(log.head), forget_jobs=[1])
    assert (list(log.reports(1)), len(list(log.reports(2)))) == ([], 1)


def test_a_batch_is_found_by_its_end(log: Log) -> None:
    first, second = fill(log, [2, 3])
    assert (log.batch_at(2), log.batch_at(5)) == (first, second)
    assert [log.batch_at(seq) for seq in (0, 1, 3, 4, 6)] == [None] * 5


def test_many_results_come_in_order(log: Log) -> None:
    results = [Result(7, index, 1, b"%d" % index) for index in range(1_000)]
    log.append(batch_after(log.head), results[::-1])
    assert list(log.results(7)) == results


@pytest.mark.parametrize("numbers", [(-1, 0, 1), (1, -1, 1), (1, 2**63, 1), (1, 0, 2**64)])
def test_results_with_numbers_that_cannot_be_are_refused(log: Log, numbers: tuple[int, int, int]) -> None:
    with pytest.raises(LogConflict, match="cannot be"):
        log.append(batch_after(log.head), [Result(*numbers, b"")])
    assert log.head == EMPTY


def test_what_is_too_large_is_refused(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MAX_BATCH_BYTES", 100)
    monkeypatch.setattr(checks, "MAX_RESULT_BYTES", 10)
    monkeypatch.setattr(checks, "MAX_SNAPSHOT_BYTES", 10)
    with pytest.raises(LogTooLarge, match="batch of"):
        log.append(batch_after(log.head, 20))
    with pytest.raises(LogTooLarge, match="unit 3 of job 2"):
        log.append(batch_after(log.head), [Result(2, 3, 1, bytes(11))])
    assert log.head == EMPTY
    fill(log, [1])
    with pytest.raises(LogTooLarge, match="snapshot of 11"):
        snapshot_here(log, bytes(11))
    assert list(log.snapshots()) == []


def test_the_newest_two_snapshots_are_kept(log: Log) -> None:
    kept = []
    for number in range(4):
        fill(log, [3])
        kept.append(snapshot_here(log, b"state %d" % number))
    assert list(log.snapshots()) == [kept[3], kept[2]]


def test_a_snapshot_of_another_history_is_refused(log: Log) -> None:
    first, second = fill(log, [2, 2])
    for seq, chain in ((3, second.chain), (4, first.chain), (5, b"")):
        with pytest.raises(LogConflict, match="snapshot"):
            log.save_snapshot(Snapshot(seq, 0, chain, 1, b""))
    early = Snapshot(2, first.at_us, first.chain, 1, b"s")
    log.save_snapshot(early)
    assert list(log.snapshots()) == [early]


def test_recovery_starts_at_the_newest_snapshot(log: Log) -> None:
    fill(log, [2, 3])
    snapshot = snapshot_here(log)
    assert start_point(log) == (snapshot, 6)
    assert list(tail(log, snapshot)) == []
    later = fill(log, [4, 1])
    assert start_point(log) == (snapshot, 6)
    assert list(tail(log, snapshot)) == later
    assert len(list(tail(log, None))) == 4


def test_the_chain_value_at_a_seq(log: Log) -> None:
    first, second = fill(log, [2, 3])
    assert [log.chain_at(seq) for seq in range(7)] == [GENESIS, None, first.chain, None, None, second.chain, None]


def test_a_closed_log_says_so(log: Log) -> None:
    fill(log, [1])
    log.close()
    log.close()
    calls: list[Callable[[], object]] = [
        lambda: log.append(batch_after(EMPTY)),
        lambda: list(log.read(1)),
        lambda: log.result(1, 0),
        lambda: list(log.results(1)),
        lambda: log.save_snapshot(Snapshot(0, 0, GENESIS, 1, b"")),
        lambda: list(log.snapshots()),
    ]
    for call in calls:
        with pytest.raises(LogClosed):
            call()


def test_a_log_is_a_context_manager(log: Log) -> None:
    with log as same:
        assert same is log
        fill(log, [1])
    with pytest.raises(LogClosed):
        fill(log, [1])


def test_a_copy_of_a_log_in_memory_goes_its_own_way() -> None:
    log = MemoryLog()
    fill(log, [2])
    snapshot_here(log)
    log.append(batch_after(log.head), [Result(1, 0, 1, b"r")])
    twin = log.copy()
    fill(log, [1])
    log.append(batch_after(log.head), [Result(1, 1, 1, b"s")], forget_jobs=[1])
    assert twin.head.seq == 3
    assert list(twin.results(1)) == [Result(1, 0, 1, b"r")]
    fill(twin, [5])
    assert (twin.head.seq, log.head.seq) == (8, 5)


@given(counts=st.lists(st.integers(1, 4), max_size=8), cut=st.integers(0, 8))
def test_any_prefix_of_a_log_is_a_log(counts: list[int], cut: int) -> None:
    whole, part = MemoryLog(), MemoryLog()
    made = fill(whole, counts)
    for batch in made[:cut]:
        part.append(batch)
    assert list(part.read(1)) == made[:cut]
    report = verify(part)
    assert (report.ok, report.events) == (True, sum(counts[:cut]))
