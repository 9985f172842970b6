"""Make a damaged log usable again: keep what is proven, set the rest aside, delete nothing."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from meted.core.record import record

from . import tables
from .contract import Head, Snapshot
from .directory import DirectoryLock, log_file, make_private, sync_directory
from .driver import STANDARD, connect, explain
from .errors import LogDamaged, LogHeld, LogIOError, LogUnsafe
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
        lost_first_seq: The first event that is lost, None where none is. The caller logs the loss: see
            ``meted.adapters.recovery.note_repair``, which also makes sure that no id is given twice.
        lost_last_seq: The last event that is lost, as far as the log still knows.
        quarantined: So many batches were moved to the table ``quarantined``.
        unreadable: So many rows could not be read any more, of batches, results and snapshots together.
        copy: The file as it was before, None where nothing was changed.
    """

    found: VerifyReport
    changed: bool
    head: Head
    lost_first_seq: int | None = None
    lost_last_seq: int | None = None
    quarantined: int = 0
    unreadable: int = 0
    copy: Path | None = None

    @property
    def sentence(self) -> str:
        """The report in one or two English sentences."""
        if not self.changed and self.found.ok:
            return f"Nothing is wrong with the log, which ends at seq {self.head.seq}; nothing was changed."
        if not self.changed:
            return (
                f"Nothing is lost and nothing was changed: the damage at seq {self.found.first_bad_seq} lies before a "
                f"good snapshot, and recovery starts there."
            )
        kept = f"the log now ends at seq {self.head.seq}, and the file as it was is {self.copy}."
        if self.lost_first_seq is None:
            return f"Nothing is lost; {kept}"
        return f"Events {self.lost_first_seq} to {self.lost_last_seq} are lost; {kept}"


def repair(directory: Path | str, progress: Progress | None = None) -> RepairReport:
    """Repair the log in a data directory.

    Where a good snapshot lies beyond all damage nothing is lost and nothing is changed. Else the log is written anew:
    what is proven stays, batches from the first bad one on go to the table ``quarantined``, snapshots that went with
    them to ``quarantined_snapshots``, and the new file takes the place of the old one in a single step. The old one
    is kept beside it. If anything fails on the way, the log is as it was.

    Args:
        directory: The data directory; no server may be using it.
        progress: Is told the seq that was reached, and the last one.

    Raises:
        LogMissing: There is no log.
        LogHeld: A server or another program is using it.
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
        return _rewrite(path, found, snapshot)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except STANDARD.errors as error:
        raise explain(STANDARD, error, path, "written", 1) from error
    except OSError as error:
        raise LogIOError(f"{path} could not be repaired ({error.strerror}); nothing was changed.") from error


def _fold_in_journal(path: Path, directory: Path) -> None:
    """Empty the write-ahead log into the file, so that the file alone is the log."""
    with contextlib.closing(connect(path, False)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if path.with_name(path.name + "-wal").exists():
        raise LogHeld(str(directory), None, "", "")


def _still(path: Path) -> sqlite3.Connection:
    """Open a database that nobody writes to and that has no write-ahead log, leaving no other file beside it."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", isolation_level=None, uri=True)


def _free_name(path: Path) -> Path:
    number = 1
    while (copy := path.with_name(f"{path.name}.before-repair-{number}")).exists():
        number += 1
    return copy


def _rewrite(path: Path, found: VerifyReport, snapshot: Snapshot | None) -> RepairReport:
    """Write what is to be kept to a new file and put it in the place of the old one."""
    draft = path.with_name(path.name + ".repairing")
    for leftover in (draft, draft.with_name(draft.name + "-journal")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with contextlib.closing(_still(path)) as old, contextlib.closing(connect(draft, False)) as new:
            tables.create(new)
            new.execute("BEGIN IMMEDIATE")
            rescue = Rescue(Salvage(STANDARD, old), new, found, snapshot)
            note = rescue.note()
            rescue.copy_batches()
            rescue.copy_rest()
            new.execute("COMMIT")
        if verify(draft).lost_from_seq is not None:
            raise LogUnsafe(f"{path} cannot be saved, and was left as it was; put a backup in its place.")
        copy = _free_name(path)
        os.link(path, copy)
        draft.replace(path)
        sync_directory(path.parent)
    finally:
        draft.unlink(missing_ok=True)
    kept = rescue.kept
    lost_last = note.seq if note is not None else kept.seq + rescue.events_aside
    aside, unreadable = rescue.batches_aside, rescue.salvage.unreadable
    if lost_last <= kept.seq:
        return RepairReport(found, True, kept, None, None, aside, unreadable, copy)
    return RepairReport(found, True, kept, kept.seq + 1, lost_last, aside, unreadable, copy)
