"""Prove that a log is what was written, or say from where on it is not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from meted.core.batch import GENESIS
from meted.core.record import record

from ..wording import counted
from .contract import Log
from .errors import LogDamaged
from .reading import open_log
from .recovery import start_point, tail
from .sqlite import SQLiteLog

Progress = Callable[[int, int], None]
"""Is told how much is done, and of how much."""


@record
class VerifyReport:
    """What was found.

    Attributes:
        batches: Batches that are good, counted from the beginning.
        events: Events in them.
        last_good_seq: Position of the last event that the chain vouches for.
        chain: Chain value there. Who notes it elsewhere can prove later that nothing before it was changed since.
        first_bad_seq: Where the damage begins, None where the whole chain is good.
        reason: What is wrong there, as a clause.
        snapshot_beyond_damage: A snapshot that belongs to this log lies behind that place: recovery starts there.
        lost_from_seq: The first event that recovery cannot bring back, None where it loses nothing.
        flaws: What is wrong with the file besides the chain, as clauses.
        damaged_results: So many results are lost, as their files are missing or are not what was written.
        damaged_result: The first of them, as a sentence; None where there is none.
        beyond_repair: Why ``repair`` cannot save the file, as a clause; None where it can, or need not.
    """

    batches: int = 0
    events: int = 0
    last_good_seq: int = 0
    chain: bytes = GENESIS
    first_bad_seq: int | None = None
    reason: str | None = None
    snapshot_beyond_damage: bool = False
    lost_from_seq: int | None = None
    flaws: tuple[str, ...] = ()
    damaged_results: int = 0
    damaged_result: str | None = None
    beyond_repair: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing at all is wrong."""
        return self.first_bad_seq is None and not self.flaws and not self.damaged_results

    @property
    def finding(self) -> str:
        """What was found, in English sentences."""
        return " ".join(filter(None, (self._chain_finding, self._results_finding)))

    @property
    def sentence(self) -> str:
        """What was found, and what to do about it, in English sentences."""
        return " ".join(filter(None, (self.finding, self._advice)))

    @property
    def _chain_finding(self) -> str:
        if self.beyond_repair is not None:
            return f"The log cannot be read: {self.beyond_repair}."
        if self.first_bad_seq is None:
            events, batches = counted(self.events, "event"), counted(self.batches, "batch", "batches")
            good = f"{events} in {batches}: all is what was written"
            return f"{good}." if not self.flaws else f"{good}, but the file is damaged: {self.flaws[0]}."
        found = (
            f"The log is good up to seq {self.last_good_seq} and damaged at seq {self.first_bad_seq}: {self.reason}."
        )
        if self.lost_from_seq is None:
            return f"{found} Nothing is lost, as a snapshot beyond it is good and recovery starts there."
        return f"{found} What came from seq {self.lost_from_seq} on is lost."

    @property
    def _results_finding(self) -> str:
        if not self.damaged_results:
            return ""
        results_are = counted(self.damaged_results, "large result is", "large results are")
        return f"{results_are} missing or changed. {self.damaged_result}"

    @property
    def _advice(self) -> str:
        if self.beyond_repair is not None:
            return "`meted log repair` cannot save it; put a backup in its place."
        if self.lost_from_seq is not None:
            return "`meted log repair` keeps what is good, so that the log can go on; a backup may hold more."
        return "`meted log repair` writes the file anew." if self.flaws else ""


def verify(source: Log | Path | str, progress: Progress | None = None) -> VerifyReport:
    """Check every batch of a log from its beginning, its snapshots, its file and the files of large results.

    Damage is reported, never raised. A small result lies in the file of the log, where nothing but the marks of
    SQLite's own pages vouches for it.

    Found are a changed byte anywhere in a batch, one that is missing, the last one included, and one that stands
    where it does not belong. Somebody who may write the file and rewrites all of it from some batch on, chain values
    included, is found only by a chain value that was noted elsewhere.

    Args:
        source: A log, a data directory (also of a running program), or a single file such as a backup.
        progress: Is told the seq that was reached, and the last one.

    Raises:
        LogMissing: There is no log.
        LogUnsafe: The file is not a log.
        LogTooNew: A newer program made it.
        LogIOError: The operating system refused to read it.
    """
    if not isinstance(source, Path | str):
        return _verify(source, progress)
    path = Path(source)
    try:
        log = open_log(path)
    except LogDamaged as damage:
        return VerifyReport(first_bad_seq=1, reason=damage.reason, lost_from_seq=1, beyond_repair=damage.reason)
    with log:
        return _verify(log, progress)


def _verify(log: Log, progress: Progress | None) -> VerifyReport:
    batches = events = last_good_seq = 0
    chain = GENESIS
    damage: LogDamaged | None = None
    end = log.head.seq
    try:
        for batch in log.read(1):
            batches += 1
            events += batch.last_seq - batch.first_seq + 1
            last_good_seq, chain = batch.last_seq, batch.chain
            if progress is not None:
                progress(last_good_seq, end)
    except LogDamaged as error:
        damage = error
    flaws, (lost, first_lost) = _flaws(log), _damaged_results(log)
    bad_seq, reason = (None, None) if damage is None else (damage.seq, damage.reason)
    beyond, lost_from_seq = (False, None) if damage is None else _recoverable(log, damage.seq)
    return VerifyReport(
        batches, events, last_good_seq, chain, bad_seq, reason, beyond, lost_from_seq, flaws, lost, first_lost
    )


def _flaws(log: Log) -> tuple[str, ...]:
    if not isinstance(log, SQLiteLog):
        return ()
    found = []
    try:
        for flaw in log.flaws():
            found.append(flaw)
    except LogDamaged as damage:
        found.append(damage.reason)
    return tuple(found)


def _damaged_results(log: Log) -> tuple[int, str | None]:
    """How many large results are lost, and the first of them as a sentence."""
    count, first = 0, None
    if isinstance(log, SQLiteLog):
        with contextlib.suppress(LogDamaged):  # a malformed page is among the flaws
            for damage in log.damaged_results():
                count, first = count + 1, first or str(damage)
    return count, first


def _recoverable(log: Log, damaged_seq: int) -> tuple[bool, int | None]:
    """Whether a snapshot lies beyond the damage, and the first seq that is lost all the same."""
    try:
        snapshot, _ = start_point(log)
        if snapshot is None or snapshot.seq < damaged_seq:
            return False, damaged_seq
        for _batch in tail(log, snapshot):
            pass
    except LogDamaged as damage:
        return damage.seq > damaged_seq, max(damage.seq, damaged_seq)
    return True, None
