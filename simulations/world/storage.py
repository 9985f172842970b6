"""A simulated disk with a log on it: what was not synced may be lost at a crash, or be there in part.

The disk is a string of bytes with a mark up to where it is durable. The log writes each batch, with its results, and
each snapshot as one record with a digest; a record that was torn is found by it and cut off when the log is opened.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TypeVar

import msgpack
import trio
from attrs import astuple

from meted.adapters.log import (
    NO_POSTINGS,
    LogFull,
    LogIOError,
    MemoryLog,
    PostedAccount,
    Postings,
    Result,
    Snapshot,
    Transfer,
)
from meted.adapters.log.checks import check_append, check_snapshot
from meted.adapters.log.records import Report
from meted.core.batch import Batch

from .options import Options

Answer = TypeVar("Answer")

SYNC_S = (0.0002, 0.002)
SLOW_SYNC_S = (0.001, 0.3)
_HEAD = struct.Struct(">I8s")
_BATCH, _SNAPSHOT = 0, 1


class Disk:
    """Bytes that outlive the node.

    Attributes:
        is_full: Whether there is no space for anything more.
    """

    def __init__(self, random: Random, options: Options) -> None:
        """Draw what a crash leaves from ``random``."""
        self.is_full = False
        self.sync_s = SLOW_SYNC_S if options.slow_disk else SYNC_S
        self.random = random
        self._bytes = bytearray()
        self._durable_bytes = 0

    @property
    def content(self) -> bytes:
        """All that would be read now."""
        return bytes(self._bytes)

    def write(self, data: bytes) -> None:
        """Append; it is durable after :meth:`sync`."""
        if self.is_full:
            raise LogFull("No space is left on the simulated disk; nothing was written, try again later.")
        self._bytes += data

    def sync(self) -> None:
        """Make durable what was written."""
        self._durable_bytes = len(self._bytes)

    def crash(self) -> None:
        """Lose what is not durable: all of it, nothing of it, or from some byte on."""
        volatile = len(self._bytes) - self._durable_bytes
        kept = self.random.choice((0, volatile, self.random.randint(0, volatile)))
        self.truncate(self._durable_bytes + kept)

    def truncate(self, size_bytes: int) -> None:
        """Keep the first ``size_bytes``, durably."""
        del self._bytes[size_bytes:]
        self.sync()


class SimulatedLog(MemoryLog):
    """A ``Log`` on a simulated disk, for one life of a node.

    Call :meth:`run` around everything that writes: only there the disk is synced.
    """

    def __init__(self, disk: Disk) -> None:
        """Open the log on ``disk``; what is torn at its end is cut off."""
        super().__init__()
        self._disk = disk
        self._is_cut = False
        good_bytes = 0
        for body, end in _records(disk.content):
            self._read_record(body)
            good_bytes = end
        disk.truncate(good_bytes)

    def append(
        self,
        batch: Batch,
        results: Sequence[Result] = (),
        forget_jobs: Sequence[int] = (),
        reports: Sequence[Report] = (),
        postings: Postings = NO_POSTINGS,
    ) -> int:
        """Write a batch; see ``Log.append``."""
        self._must_be_open()
        check_append(batch, self.head, results)
        rows = [(row.job_id, row.index, row.attempt, row.body) for row in results]
        fields = (batch.first_seq, batch.last_seq, batch.at_us, batch.body, batch.chain)
        self._write(
            (_BATCH, fields, rows, list(forget_jobs), [astuple(report) for report in reports], _plain(postings))
        )
        return super().append(batch, results, forget_jobs, reports, postings)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Write a snapshot; see ``Log.save_snapshot``."""
        check_snapshot(snapshot, self.chain_at(snapshot.seq))
        fields = (snapshot.seq, snapshot.at_us, snapshot.chain, snapshot.schema, snapshot.body)
        self._write((_SNAPSHOT, fields))
        super().save_snapshot(snapshot)

    async def run(self, function: Callable[[], Answer], /) -> Answer:
        """Run a function as a server's disk would: it takes time, and what it wrote is durable at the end."""
        await trio.lowlevel.checkpoint()
        answer = function()
        await trio.sleep(self._disk.random.uniform(*self._disk.sync_s))
        if not self._is_cut:
            self._disk.sync()
        return answer

    def cut(self) -> None:
        """The node is dead: nothing that it does reaches the disk any more, and what was not synced may be lost."""
        self._is_cut = True
        self._disk.crash()

    def _write(self, record: object) -> None:
        if self._is_cut:
            raise LogIOError("The node is dead, so nothing was written.")
        body = msgpack.packb(record)
        self._disk.write(_HEAD.pack(len(body), _digest(body)) + body)

    def _read_record(self, body: bytes) -> None:
        kind, fields, *rest = msgpack.unpackb(body, use_list=False)
        if kind == _SNAPSHOT:
            super().save_snapshot(Snapshot(*fields))
        else:
            rows, forget_jobs, reports, (accounts, transfers) = rest
            results = [Result(*row) for row in rows]
            postings = Postings(
                tuple(PostedAccount(*row) for row in accounts), tuple(Transfer(*row) for row in transfers)
            )
            super().append(Batch(*fields), results, forget_jobs, [Report(*report) for report in reports], postings)


def _plain(postings: Postings) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    return [astuple(row) for row in postings.accounts], [astuple(row) for row in postings.transfers]


def _records(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the records that are whole, each with where it ends."""
    start = 0
    while start + _HEAD.size <= len(content):
        size_bytes, digest = _HEAD.unpack_from(content, start)
        body = content[start + _HEAD.size : start + _HEAD.size + size_bytes]
        if len(body) < size_bytes or _digest(body) != digest:
            return
        start += _HEAD.size + size_bytes
        yield body, start


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:8]
