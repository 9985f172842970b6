"""Make a damaged log usable again: keep what is proven, set the rest aside, delete nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from meted.core.record import record

from ..wording import counted
from . import tables
from .contract import Log
from .directory import DirectoryLock, log_file, make_private, sync_directory
from .driver import STANDARD, connect, explain
from .errors import LogDamaged, LogHeld, LogIOError, LogUnsafe
from .files import remove_database
from .records import Head, Snapshot
from .recovery import start_point
from .salvage import Rescue, Salvage
from .sqlite import SQLiteLog
from .verify import Progress, VerifyReport, verify


@record
class RepairReport:
    """What a repair found and did.

    Attributes:
        found: What verifying the log said before.
        changed: Whether anything was changed.
        head: Where the log ends now.
        lost_first_seq: The first event that is lost, None where none is.
        lost_last_seq: The last event that is lost, as far as the log still knows.
        quarantined: So many batches were moved to the table ``quarantined``.
        quarantined_results: So many results that came with them were moved to the table ``quarantined_results``.
        unreadable: So many rows could not be read any more, of batches, results and snapshots together.
        copy: The file as it was before, None where nothing was changed.
    """

    found: VerifyReport
    changed: bool
    head: Head
    lost_first_seq: int | None = None
    lost_last_seq: int | None = None
    quarantined: int = 0
    quarantined_results: int = 0
    unreadable: int = 0
    copy: Path | None = None

    @property
    def sentence(self) -> str:
        """The report in one or two English sentences."""
        if not self.changed and self.found.ok:
            return f"Nothing is wrong with the log, which ends at seq {self.head.seq}; nothing was changed."
        if not self.changed and self.found.first_bad_seq is None:
            return f"{self.found.finding} No repair can bring back a result; nothing was changed."
        if not self.changed:
            return (
                f"Nothing is lost and nothing was changed: the damage at seq {self.found.first_bad_seq} lies before a "
                f"good snapshot, and recovery starts there."
            )
        kept = f"the log now ends at seq {self.head.seq}, and the file as it was is {self.copy}."
        if self.lost_first_seq is None:
            return f"Nothing is lost; {kept}"
        one = self.lost_first_seq == self.lost_last_seq
        lost = f"Event {self.lost_first_seq} is" if one else f"Events {self.lost_first_seq} to {self.lost_last_seq} are"
        return f"{lost} lost{self._aside('it' if one else 'them')}; {kept}"

    def _aside(self, them: str) -> str:
        """Where that of the lost events lies which can still be read, and the results that came with them."""
        places = [
            f"{counted(number, *names)} in the table `{table}`"
            for number, names, table in (
                (self.quarantined, ("batch", "batches"), "quarantined"),
                (self.quarantined_results, ("result", "results"), "quarantined_results"),
            )
            if number
        ]
        return f", and what can still be read of {them} was set aside ({', '.join(places)})" if places else ""


Note = Callable[[Log, int, int], object]
"""Appends to a repaired log that the events from one seq to another are lost."""


def repair(directory: Path | str, note: Note | None = None, progress: Progress | None = None) -> RepairReport:
    """Repair the log in a data directory.

    Where a good snapshot lies beyond all damage nothing is lost and nothing is changed. Else the log is written anew:
    what is proven stays. Batches from the first bad one on go to the table ``quarantined``, snapshots and results that
    came with them to ``quarantined_snapshots`` and ``quarantined_results``. The new file takes the place of the old one
    in a single step, and the old one is kept beside it. If anything fails on the way, the log is as it was.

    Args:
        directory: The data directory; no other program may be using it.
        note: Where events are lost, this is called with the repaired log, before it takes the place of the old one,
            and the first and the last seq that is lost: ``meted.adapters.recovery.note_repair`` with a time. So no
            id that a lost event may have given is ever given again.
        progress: Is told the seq that was reached, and the last one.

    Raises:
        LogMissing: There is no log.
        LogHeld: Another program is using it.
        LogUnsafe: The directory is open to others, or the file is not a log (any more).
        LogFull: No space is left for the new file.
        LogIOError: The operating system refused.
    """
    directory = Path(directory)
    path = log_file(directory)
    make_private(directory)
    with contextlib.closing(DirectoryLock(directory)), _explained(path):
        try:
            with SQLiteLog.open_file(path) as log:
                found = verify(log, progress)
                head = log.head
                snapshot, _ = start_point(log)
        except LogDamaged as damage:
            raise LogUnsafe(f"{path} cannot be saved ({damage.reason}); put a backup in its place.") from damage
        if found.lost_from_seq is None and not found.flaws:
            return RepairReport(found, False, head)
        _fold_in_journal(path, directory)
        return _rewrite(path, found, snapshot, note)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except STANDARD.errors as error:
        explained = explain(STANDARD, error, path, "written", 1)
        if isinstance(explained, LogDamaged):
            raise LogUnsafe(f"{path} cannot be saved ({explained.reason}); put a backup in its place.") from error
        raise explained from error
    except OSError as error:
        raise LogIOError(f"{path} could not be repaired ({error.strerror}); nothing was changed.") from error


def _fold_in_journal(path: Path, directory: Path) -> None:
    """Empty the write-ahead log into the file, so that the file alone is the log."""
    with contextlib.closing(connect(path, False)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if path.with_name(path.name + "-wal").exists():
        raise LogHeld(str(directory), None, "", "")


def _free_name(path: Path) -> Path:
    number = 1
    while (copy := path.with_name(f"{path.name}.before-repair-{number}")).exists():
        number += 1
    return copy


def _rewrite(path: Path, found: VerifyReport, snapshot: Snapshot | None, note: Note | None) -> RepairReport:
    """Write what is to be kept to a new file and put it in the place of the old one."""
    draft = path.with_name(path.name + ".repairing")
    remove_database(draft)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        rescue, lost_last = _fill(path, draft, found, snapshot)
        lost_first = rescue.kept.seq + 1
        with SQLiteLog.open_file(draft, read_only=False) as log:
            if lost_last is not None and note is not None:
                note(log, lost_first, lost_last)
            head = log.head
            if verify(log).lost_from_seq is not None:
                raise LogUnsafe(f"{path} cannot be saved, and was left as it was; put a backup in its place.")
        copy = _free_name(path)
        os.link(path, copy)
        draft.replace(path)
        sync_directory(path.parent)
    finally:
        remove_database(draft)
    aside = (rescue.batches_aside, rescue.results_aside, rescue.salvage.unreadable)
    return RepairReport(found, True, head, None if lost_last is None else lost_first, lost_last, *aside, copy)


def _fill(path: Path, draft: Path, found: VerifyReport, snapshot: Snapshot | None) -> tuple[Rescue, int | None]:
    """Copy to the new file, and say which is the last event that is lost, if any is."""
    with contextlib.closing(connect(path, True, still=True)) as old, contextlib.closing(connect(draft, False)) as new:
        tables.create(new, is_posted=False)  # whoever opens it reads from the batches what they say of credit
        new.execute("BEGIN IMMEDIATE")
        rescue = Rescue(Salvage(STANDARD, old), new, found, snapshot)
        noted = rescue.note()
        rescue.copy_batches()
        rescue.copy_rest()
        new.execute("COMMIT")
    last = noted.seq if noted is not None else rescue.kept.seq + rescue.events_aside
    return rescue, last if last > rescue.kept.seq else None
