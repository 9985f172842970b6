"""From plain values back to records: events of every version there ever was, and snapshots.

Events are never edited, only versioned. A version newer than this program stops it with a clear error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from .codec import Fields, unpack, unpack_plain
from .direct import EVENT_CLASSES, decode_directly
from .errors import SchemaError
from .events import Event
from .state import State
from .state_bytes import encode_state
from .structuring import make_converter
from .upcasts import UPCASTS

SNAPSHOT_VERSION = 8
"""Version of the form of a snapshot of a state (:mod:`.snapshots` may add something to it).

One of another version is passed over, as the log has everything."""

T = TypeVar("T")


def decode_events(body: bytes) -> list[Event]:
    """Return the events in a body, upcast to the versions of today.

    Raises:
        SchemaError: If something in it is no event of a version that this program knows.
    """
    events = decode_directly(body)
    if events is not None:
        return events
    return [_decode(tag, version, fields) for tag, version, fields in unpack_plain(body)]


def _decode(tag: str, version: int, fields: Fields) -> Event:
    cls = EVENT_CLASSES.get(tag)
    if cls is None or version > cls.version:
        raise SchemaError(
            f"The log holds an event {tag!r} of version {version}, which this program does not know; "
            "use the version of meted that wrote it, or a newer one."
        )
    try:
        for old in range(version, cls.version):
            fields = UPCASTS[tag, old](fields)
        return _from_fields[cls](fields, cls)
    except Exception as error:
        raise SchemaError(f"An event {tag!r} of version {version} does not have the right fields.") from error


def decode_state(body: bytes) -> State:
    """Return the state in a snapshot.

    Raises:
        SchemaError: If it is none.
    """
    return decode_record(unpack(body), State)


def decode_record(plain: object, cls: type[T]) -> T:
    """Return a record of that class, of two fields at least, from its plain form.

    Raises:
        SchemaError: If it is none.
    """
    try:
        return _converter.structure(plain, cls)
    except Exception as error:
        raise SchemaError("These bytes are no snapshot of this version.") from error


def state_digest(state: State) -> str:
    """Return the sha256 of the canonical bytes of a state, in hex."""
    return body_digest(encode_state(state))


def body_digest(body: bytes) -> str:
    """Return the digest of the state that ``encode_state`` made these bytes of."""
    return hashlib.sha256(body).hexdigest()


_converter = make_converter()
for _cls in EVENT_CLASSES.values():
    attrs.resolve_types(_cls)
_from_fields: dict[type, Callable[[Any, Any], Event]] = {
    cls: _converter.get_structure_hook(cls) for cls in EVENT_CLASSES.values()
}
