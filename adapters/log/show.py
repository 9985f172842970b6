"""What happened, event by event, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from meted.core.batch import Batch
from meted.core.codec import unpack_plain
from meted.core.errors import SchemaError
from meted.core.record import record

from .contract import Log
from .errors import LogDamaged

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST_PLAIN_INTEGER = 2**53
"""Larger integers are text where JSON is written: many readers take numbers for floats."""

Plain = None | bool | int | str | list["Plain"] | dict[str, "Plain"]
"""What JSON can say without a float."""


@record
class Entry:
    """One event of the log.

    Attributes:
        seq: Its position.
        at_us: Time of its batch, microseconds since 1970 (or since the start of a trace).
        tag: What happened.
        version: Schema version of this event.
        fields: What it says.
    """

    seq: int
    at_us: int
    tag: str
    version: int
    fields: dict[str, object]


def entries(batch: Batch) -> list[Entry]:
    """The events of a batch.

    Raises:
        LogDamaged: Its body does not hold the events that it should.
    """
    try:
        events = unpack_plain(batch.body)
    except SchemaError as error:
        raise LogDamaged(batch.first_seq, f"a batch cannot be decoded ({error})") from error
    if len(events) != batch.last_seq - batch.first_seq + 1:
        raise LogDamaged(batch.first_seq, f"a batch holds {len(events)} events and claims another number")
    return [
        Entry(batch.first_seq + place, batch.at_us, tag, version, fields)
        for place, (tag, version, fields) in enumerate(events)
    ]


def show(log: Log, from_seq: int = 1) -> Iterator[Entry]:
    """Yield the events from ``from_seq`` on.

    Raises:
        LogDamaged: At the first batch that is not what was written.
    """
    for batch in log.read(from_seq):
        yield from (entry for entry in entries(batch) if entry.seq >= from_seq)


def of_job(events: Iterable[Entry], job_id: int) -> Iterator[Entry]:
    """Yield what happened to one job, also to one that has left the state: events that name it or one of its leases.

    Args:
        events: The events from the submission of the job on.
        job_id: The job.
    """
    leases: set[object] = set()
    for entry in events:
        is_named = entry.fields.get("job_id") == job_id
        lease_id = entry.fields.get("lease_id")
        if is_named and lease_id is not None:
            leases.add(lease_id)
        if is_named or lease_id in leases:
            yield entry


def plain(value: object) -> Plain:
    """A field's value as JSON can say it: bytes as hexadecimal text, large integers as text, tuples as lists."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= LARGEST_PLAIN_INTEGER else str(value)
        case bytes():
            return value.hex()
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case _:
            return str(value)


def iso_time(at_us: int) -> str | None:
    """A time as ISO 8601 in UTC, None where the calendar does not reach."""
    try:
        return (EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds")
    except OverflowError:
        return None
