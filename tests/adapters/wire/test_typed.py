"""Calls read by their types: what is read so is what the careful way reads, and what is wrong is left to it."""

from __future__ import annotations

import attrs
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.wire.codec import decode
from meted.adapters.wire.connection import Connection
from meted.adapters.wire.convert import params_of, read_params
from meted.adapters.wire.errors import CallError, RemoteProtocolError
from meted.adapters.wire.frames import build
from meted.adapters.wire.limits import KEY_BYTES_MAX
from meted.adapters.wire.messages import NEED_DATA, Notification, Request
from meted.adapters.wire.methods import METHODS, SERVER_NOTIFICATIONS, WORKER_NOTIFICATIONS, Method
from meted.adapters.wire.typed import TYPED_BYTES_MAX, TypedReader

from .test_convert import BAD, whole

TABLE: dict[str, Method] = {**METHODS, **WORKER_NOTIFICATIONS, **SERVER_NOTIFICATIONS}
READER = TypedReader(TABLE)
OF_ANYTHING = {"table"}
"""Methods a parameter of which is of no type."""


def frame_of(method: str, params: object, *, requested: bool = True) -> bytes:
    packed: bytes = msgpack.packb([0, 7, method, [params]] if requested else [2, method, [params]])
    return packed


def carefully(frame: bytes) -> attrs.AttrsInstance:
    """Return the parameters of a call, read as if there were no types.

    Raises:
        CallError, RemoteProtocolError: Something is wrong with it.
    """
    call = decode(build(frame))
    assert isinstance(call, Request | Notification)
    params: attrs.AttrsInstance = read_params(TABLE[call.method], call.params)
    return params


def agree(frame: bytes) -> bool:
    """Check that a frame is read as by the careful way, or left to it; return whether it was read."""
    read = READER(frame)
    if read is None:
        return False
    assert not read.params
    assert type(read.typed) is TABLE[read.method].params
    assert read.typed == carefully(frame)
    return True


@pytest.mark.parametrize("requested", [True, False], ids=["request", "notification"])
@pytest.mark.parametrize("name", TABLE)
def test_what_is_right_is_read_by_its_types(name: str, requested: bool) -> None:
    method = TABLE[name]
    assert agree(frame_of(name, whole(method), requested=requested)) is (name not in OF_ANYTHING)
    required = {field.name for field in attrs.fields(method.params) if field.default is attrs.NOTHING}
    least = {field: value for field, value in whole(method).items() if field in required}
    assert agree(frame_of(name, least, requested=requested)) is (name not in OF_ANYTHING)


@pytest.mark.parametrize("name", TABLE)
def test_what_is_wrong_is_left_to_those_who_say_what(name: str) -> None:
    """Each field with each bad value: it is left alone, unless it is right after all."""
    method = TABLE[name]
    good = whole(method)
    left = 0
    for field in good:
        for value in (*BAD, 2**64 - 1, -(2**63), float("nan"), msgpack.ExtType(5, b"1"), msgpack.Timestamp(1)):
            frame = frame_of(name, {**good, field: value})
            if not agree(frame):
                left += 1
    assert not good or left > len(good), "something was wrong with most of these"
    odd: tuple[object, ...] = ({**good, "colour": "red"}, {b"x": 1}, {7: 1}, [good], None, 5)
    for wrong in odd:
        assert READER(frame_of(name, wrong)) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.binary(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(TABLE)), st.data())
def test_any_value_anywhere(name: str, data: st.DataObject) -> None:
    params = dict(whole(TABLE[name]))
    for field in data.draw(st.sets(st.sampled_from(sorted(params))) if params else st.just(set[str]())):
        params[field] = data.draw(anything)
    agree(frame_of(name, params, requested=data.draw(st.booleans())))


@given(st.sampled_from(sorted(TABLE)), st.data())
def test_any_byte_anywhere(name: str, data: st.DataObject) -> None:
    """A frame with a byte changed is another call, or none; whatever it is, both ways see the same."""
    frame = bytearray(frame_of(name, whole(TABLE[name])))
    frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    read = READER(bytes(frame))
    if read is not None:
        assert read.typed == carefully(bytes(frame))


@pytest.mark.parametrize("msgid", [-1, 2**32, 2**64 - 1])
def test_a_number_that_no_call_may_have(msgid: int) -> None:
    frame = msgpack.packb([0, msgid, "ping", [{}]])
    assert READER(frame) is None
    with pytest.raises(RemoteProtocolError, match="numbered a call"):
        decode(build(frame))


def test_what_is_larger_is_counted_first() -> None:
    """In a frame of this size no array has more items than it may; a larger one may have."""
    frame = frame_of("submit", {"name": "x" * (TYPED_BYTES_MAX - 64)})
    assert len(frame) <= TYPED_BYTES_MAX
    assert agree(frame)
    frame = frame_of("start", {"jobs": [1] * TYPED_BYTES_MAX})
    assert READER(frame) is None
    with pytest.raises(RemoteProtocolError, match="max_array_len"):
        carefully(frame_of("start", {"jobs": [1] * (TYPED_BYTES_MAX + 1)}))


def test_a_key_that_is_none() -> None:
    for key in ("", "k" * (KEY_BYTES_MAX + 1)):
        frame = frame_of("cancel", {"jobs": [1], "key": key})
        assert READER(frame) is None
        with pytest.raises(CallError, match="key must have"):
            carefully(frame)


def test_a_connection_that_knows_the_table() -> None:
    """What it cannot read by types comes as it always did, in order with all else."""
    connection = Connection(typed=READER)
    frames = [
        msgpack.packb([0, 1, "cancel", [{"jobs": [3]}]]),
        msgpack.packb([0, 2, "cancel", [{"jobs": "x"}]]),
        msgpack.packb([0, 3, "unheard", [{}]]),
        msgpack.packb([0, 4, "ping", []]),
        msgpack.packb([2, "worker.beat", [{"worker": 5}]]),
    ]
    connection.receive_data(b"".join(frames))
    calls = []
    while (event := connection.next_event()) is not NEED_DATA:
        assert isinstance(event, Request | Notification)
        calls.append(event)
    assert [call.method for call in calls] == ["cancel", "cancel", "unheard", "ping", "worker.beat"]
    assert [call.typed is None for call in calls] == [False, True, True, True, False]
    assert params_of(METHODS["cancel"], calls[0]).jobs == (3,)
    with pytest.raises(CallError, match="jobs must be an array"):
        params_of(METHODS["cancel"], calls[1])
