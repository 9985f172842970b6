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
from meted.core.ids import DomainId, WorkerId
from meted.core.record import fields_of
from meted.core.resources import Resources

from ..packing import pack
from .strategies import EVENTS, events

JOINED = WorkerJoined(1, WorkerId(2), "w", Resources(1000), (), None, True, DomainId(0), False)


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


@pytest.mark.parametrize("number", [0, 2**63, 2**64 - 1, 2**64, 2**70, -(2**63), -(2**63) - 1, -(2**64), 2**4096])
@pytest.mark.parametrize("cls", EVENTS)
def test_every_event_of_today_is_read_directly(cls: type[Event], number: int) -> None:
    from .golden import EXAMPLES, TAG

    (example,) = (event for event in EXAMPLES if type(event) is cls)
    ((tag, version, fields),) = codec.unpack_plain(codec.encode_events([example]))
    body = pack([(tag, version, _with(fields, TAG, number))])
    events = direct.decode_directly(body)
    assert events is not None
    assert type(events[0]) is cls
    assert events == plainly(body)
    assert codec.encode_events(events) == body


def _with(value: Any, old: int, new: int) -> Any:
    """Return plain values with one number exchanged for another."""
    if type(value) is tuple:
        return tuple(_with(part, old, new) for part in value)
    if type(value) is dict:
        return {key: _with(part, old, new) for key, part in value.items()}
    return new if value == old else value


@pytest.mark.parametrize(
    ("tag", "version", "fields"),
    [
        ("units_recalled", 2, {}),
        ("units_remembered", 1, {}),
        ("units_recalled", 1, {"lease_id": True}),
        ("units_recalled", 1, {"lease_id": msgpack.ExtType(2, b"12345678")}),
        ("units_recalled", 1, {"more": 1}),
    ],
)
def test_what_is_not_as_today_is_left_to_the_other_way(tag: str, version: int, fields: dict[str, object]) -> None:
    good = {"at_us": 1, "lease_id": 2}
    assert direct.decode_directly(pack([("units_recalled", 1, good)])) is not None
    body = msgpack.packb([("units_recalled", 1, good), (tag, version, good | fields)])
    with pytest.raises(SchemaError):
        schema.decode_events(body)


@pytest.mark.parametrize("name", ["cpu_milli", "mem_bytes", "generic"])
def test_resources_in_a_log_have_all_their_fields(name: str) -> None:
    body = codec.encode_events([JOINED])
    assert direct.decode_directly(body) == [JOINED]
    ((tag, version, fields),) = codec.unpack_plain(body)
    capacity = fields["capacity"]
    assert isinstance(capacity, dict)
    del capacity[name]
    with pytest.raises(SchemaError, match="worker_joined"):
        schema.decode_events(pack([(tag, version, fields)]))
