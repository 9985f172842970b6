"""Events read straight into records are those that are read by way of plain values, and written alike."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core import codec, direct, schema
from meted.core.errors import SchemaError
from meted.core.events import Event, WorkerJoined
from meted.core.ids import WorkerId
from meted.core.record import fields_of
from meted.core.resources import Resources

from .strategies import EVENTS, events

JOINED = WorkerJoined(1, WorkerId(2), "w", Resources(1000), (), None, True, 0, False)


def plainly(body: bytes) -> list[Event]:
    """Read events by way of plain values alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "decode_directly", lambda _: None)
        return schema.decode_events(body)


def packed(value: Any) -> Any:
    """Say to msgpack what a part of an event is."""
    if type(value) is int:
        return msgpack.ExtType(codec.BIG_INT_EXT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    return fields_of(value)


@given(st.lists(events(), max_size=5))
def test_both_ways_read_and_write_the_same(written: list[Event]) -> None:
    body = codec.encode_events(written)
    assert body == msgpack.packb([(event.tag, event.version, event) for event in written], default=packed)
    assert plainly(body) == written
    assert direct.decode_directly(body) in (written, None)


@pytest.mark.parametrize("cls", EVENTS)
def test_every_event_of_64_bits_is_read_directly(cls: type[Event]) -> None:
    from .golden import EXAMPLES

    (example,) = (event for event in EXAMPLES if type(event) is cls)
    ((tag, version, fields),) = codec.unpack_plain(codec.encode_events([example]))
    body = codec.pack([(tag, version, {name: _small(value) for name, value in fields.items()})])
    events = direct.decode_directly(body)
    assert events is not None
    assert type(events[0]) is cls
    assert events == plainly(body)
    assert codec.encode_events(events) == body


def _small(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(map(_small, value))
    if type(value) is dict:
        return {key: _small(part) for key, part in value.items()}
    return (
        min(value, 2**64 - 1)
        if type(value) is int and value > 0
        else max(value, -(2**63))
        if type(value) is int
        else value
    )


def test_what_is_not_of_today_or_beyond_64_bits_is_left_to_the_other_way() -> None:
    fields = {"at_us": 1, "lease_id": 2}
    assert direct.decode_directly(codec.pack([("units_recalled", 1, fields)])) is not None
    for other in (
        ("units_recalled", 2, fields),
        ("units_remembered", 1, fields),
        ("units_recalled", 1, fields | {"lease_id": 2**64}),
        ("units_recalled", 1, fields | {"lease_id": True}),
        ("units_recalled", 1, fields | {"more": 1}),
    ):
        assert direct.decode_directly(codec.pack([("units_recalled", 1, fields), other])) is None
    assert direct.decode_directly(b"\xc1") is None


@pytest.mark.parametrize("name", ["cpu_milli", "mem_bytes", "generic"])
def test_resources_in_a_log_have_all_their_fields(name: str) -> None:
    body = codec.encode_events([JOINED])
    assert direct.decode_directly(body) == [JOINED]
    ((tag, version, fields),) = codec.unpack_plain(body)
    capacity = fields["capacity"]
    assert isinstance(capacity, dict)
    del capacity[name]
    with pytest.raises(SchemaError, match="worker_joined"):
        schema.decode_events(codec.pack([(tag, version, fields)]))
