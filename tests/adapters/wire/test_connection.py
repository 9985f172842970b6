"""The connection: every transition, every way to cut the bytes, limits, and peers that break the rules."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable, Iterable, Sequence

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.wire.connection import TRANSITIONS, Action, Connection, State
from meted.adapters.wire.errors import CallError, Code, LocalProtocolError, RemoteProtocolError
from meted.adapters.wire.limits import (
    ARRAY_ITEMS_MAX,
    DEPTH_MAX,
    FRAME_BYTES_MAX,
    METHOD_BYTES_MAX,
    MSGID_MAX,
    READ_BYTES,
    STRANGER_BYTES_MAX,
)
from meted.adapters.wire.messages import (
    NEED_DATA,
    BadRequest,
    ConnectionClosed,
    Event,
    Message,
    Notification,
    Request,
    Response,
)

PING = Request(1, "ping", {})


def events_of(connection: Connection) -> list[Event]:
    """Return all that can be read now."""
    found: list[Event] = []
    while True:
        event = connection.next_event()
        if event is NEED_DATA or isinstance(event, ConnectionClosed):
            return found
        found.append(event)


def fed(*data: bytes) -> Connection:
    """Return a connection that has received ``data``."""
    connection = Connection()
    for piece in data:
        connection.receive_data(piece)
    return connection


def fail(connection: Connection) -> None:
    """Have the peer break the rules."""
    connection._frames.feed(b"\xc1")
    with pytest.raises(RemoteProtocolError):
        connection.next_event()


def in_state(state: State) -> Connection:
    """Return a connection in a state, reached by the public methods."""
    connection = Connection()
    if state is State.PEER_CLOSED:
        connection.receive_data(b"")
    elif state is State.CLOSED:
        connection.close()
    elif state is State.FAILED:
        fail(connection)
    assert connection.state is state
    return connection


ACTIONS: dict[Action, Callable[[Connection], object]] = {
    Action.SEND: lambda connection: connection.send(Notification("ping")),
    Action.RECEIVE: lambda connection: connection.receive_data(b"\x93"),
    Action.RECEIVE_END: lambda connection: connection.receive_data(b""),
    Action.READ: lambda connection: connection.next_event(),
    Action.FAIL: fail,
    Action.CLOSE: lambda connection: connection.close(),
}


@pytest.mark.parametrize(("state", "action"), list(itertools.product(State, Action)), ids=lambda part: part.name)
def test_the_table_of_transitions(state: State, action: Action) -> None:
    connection = in_state(state)
    wanted = TRANSITIONS.get((state, action))
    if wanted is not None:
        ACTIONS[action](connection)
        assert connection.state is wanted
    elif action is Action.FAIL:
        return  # nothing is read in these states, so the peer cannot break a rule
    else:
        with pytest.raises((LocalProtocolError, RemoteProtocolError), match=r"^[A-Z].*\.$"):
            ACTIONS[action](connection)
        assert connection.state is state


def test_what_is_whole_comes_before_what_is_wrong() -> None:
    for wrong in (b"\xc1", b"\x91" * 2_000, b"\x90", b"\xdd\xff\xff\xff\xff" * 2_000):
        connection = fed(pack([0, 1, "ping", []], [0, 2, "ping", []]) + wrong)
        assert [connection.next_event(), connection.next_event()] == [Request(1, "ping"), Request(2, "ping")]
        with pytest.raises(RemoteProtocolError):
            connection.next_event()


def test_a_failed_connection_says_why_every_time() -> None:
    connection = fed(b"\xc1")
    sentences = set()
    for _ in range(3):
        with pytest.raises(RemoteProtocolError) as raised:
            connection.next_event()
        sentences.add(str(raised.value))
    assert len(sentences) == 1
    with pytest.raises(LocalProtocolError):
        connection.send(PING)
    with pytest.raises(LocalProtocolError):
        connection.receive_data(b"\x90")


def test_a_call_and_its_answer() -> None:
    caller, server = Connection(), Connection()
    server.receive_data(caller.send(Request(7, "job", {"job": 3})))
    assert (caller.wanted, server.owed) == (1, 0)
    assert events_of(server) == [Request(7, "job", {"job": 3})]
    assert server.owed == 1
    caller.receive_data(server.send(Response(7, None, {"job": 3, "tags": {}, "rows": (1, "two", b"3")})))
    assert events_of(caller) == [Response(7, None, {"job": 3, "tags": {}, "rows": (1, "two", b"3")})]
    assert (caller.wanted, server.owed) == (0, 0)


def test_an_error_travels_whole() -> None:
    caller, server = Connection(), Connection()
    error = CallError(Code.REFUSED, "unknown_job", "There is no job 3.")
    server.receive_data(caller.send(Request(7, "job", {"job": 3})))
    events_of(server)
    caller.receive_data(server.send(Response(7, error, "never sent")))
    assert events_of(caller) == [Response(7, error, None)]


def test_calls_go_both_ways() -> None:
    one, other = Connection(), Connection()
    one.receive_data(other.send(PING))
    other.receive_data(one.send(PING))
    assert events_of(one) == events_of(other) == [PING]
    one.receive_data(other.send(Response(1)))
    assert events_of(one) == [Response(1)]


def test_this_side_keeps_the_rules() -> None:
    connection = Connection()
    connection.send(PING)
    for message in (PING, Response(1), Response(9)):
        with pytest.raises(LocalProtocolError):
            connection.send(message)
    for unfit in (object(), 2**64, "\ud800", {"x": [1.5, object()]}, b"x" * FRAME_BYTES_MAX):
        with pytest.raises(LocalProtocolError, match=r"^(This|A) message .*\.$"):
            connection.send(Notification("x", {"x": unfit}))
    assert (connection.state, connection.wanted) == (State.OPEN, 1)


def test_a_sum_that_no_packer_holds_hides_nothing_else() -> None:
    connection = fed(pack([0, 1, "domains", []]))
    assert events_of(connection)
    rows = ({"domain": "a", "sums": [2**64, -(2**63) - 1], "on": True}, {"domain": "b", "sums": [2**63 - 1, 5]})
    told = msgpack.unpackb(connection.send(Response(1, None, rows)))
    assert told[3] == [
        {"domain": "a", "sums": [2**63 - 1, -(2**63)], "on": True},
        {"domain": "b", "sums": [2**63 - 1, 5]},
    ]


def pack(*values: object) -> bytes:
    return b"".join(msgpack.packb(value) for value in values)


BROKEN = {
    "a number": pack(5),
    "an empty array": pack([]),
    "an unknown kind": pack([3, 1, "ping", []]),
    "a kind that is true": pack([True, 1, None, None]),
    "a kind that is a fraction": pack([0.0, 1, "ping", []]),
    "a short request": pack([0, 1, "ping"]),
    "a long notification": pack([2, "ping", [], 1]),
    "a negative number": pack([0, -1, "ping", []]),
    "too large a number": pack([0, MSGID_MAX + 1, "ping", []]),
    "a text for a number": pack([0, "1", "ping", []]),
    "a number for a name": pack([0, 1, 2, []]),
    "too long a name": pack([0, 1, "x" * (METHOD_BYTES_MAX + 1), []]),
    "too many bytes in a name": pack([0, 1, "ä" * (METHOD_BYTES_MAX // 2 + 1), []]),
    "a notification with bad parameters": pack([2, "worker.beat", [1]]),
    "a number in use": pack([0, 1, "ping", []], [0, 1, "ping", []]),
    "an answer to nothing": pack([1, 1, None, None]),
    "a map with numbers": pack([0, 1, "ping", [{1: 2}]]),
    "a map with bytes": pack([0, 1, "ping", [{b"x": 2}]]),
    "a map with a map as a name": b"\x94\x00\x01\xa1a\x91\x81\x80\x80",
    "text that is none": b"\x94\x00\x01\xa2\xff\xfe\x90",
    "an extension type": pack([0, 1, "ping", [{"x": msgpack.ExtType(5, b"12")}]]),
    "a time": pack([0, 1, "ping", [{"x": msgpack.Timestamp(1)}]]),
    "a bad time": b"\x94\x00\x01\xa1a\x91\x81\xa1a\xc7\x03\xff123",
    "a byte that is never used": b"\x94\x00\xc1",
    "arrays without end": b"\x91" * 100_000,
    "maps without end": b"\x81\xa1x" * 100_000,
    "long arrays without end": b"\xdd\xff\xff\xff\xff" * 100_000,
    "an array of too many": pack([0, 1, "ping", [{"x": [0] * (ARRAY_ITEMS_MAX + 1)}]]),
    "half a message": pack([0, 1, "ping", []])[:-1],
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_peer_that_breaks_the_rules_is_told_in_a_sentence(data: bytes) -> None:
    connection = fed(data, b"")
    with pytest.raises(RemoteProtocolError, match=r"^The peer .*\.$") as raised:
        events_of(connection)
    assert len(str(raised.value)) < 250
    assert connection.state is State.FAILED


@pytest.mark.parametrize(
    "error", ["no", 5, {}, {"code": 1, "reason": "x"}, {"code": True, "reason": "", "sentence": ""}]
)
def test_an_answer_whose_error_is_none(error: object) -> None:
    connection = Connection()
    connection.send(PING)
    connection.receive_data(pack([1, 1, error, None]))
    with pytest.raises(RemoteProtocolError, match="code, reason and sentence"):
        connection.next_event()


@pytest.mark.parametrize("params", [None, 5, {"x": 1}, [1], [{}, {}], [[]], "x", [{"x": 1}, 2]])
def test_parameters_of_the_wrong_shape_are_an_error_of_the_call(params: object) -> None:
    connection = fed(pack([0, 1, "job", params], [0, 2, "ping", []]))
    bad, ping = events_of(connection)
    assert isinstance(bad, BadRequest)
    assert (bad.msgid, bad.method, bad.error.code) == (1, "job", Code.BAD_SHAPE)
    assert ping == Request(2, "ping", {})
    assert connection.send(Response(1, bad.error))


def nested(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value


def test_depth() -> None:
    """The message is one level, the array of parameters another, and their map a third."""
    assert events_of(fed(pack([0, 1, "x", [{"x": nested(DEPTH_MAX - 3)}]])))
    with pytest.raises(RemoteProtocolError, match=f"deeper than {DEPTH_MAX}"):
        events_of(fed(pack([0, 1, "x", [{"x": nested(DEPTH_MAX - 2)}]])))
    assert isinstance(events_of(fed(pack([0, 1, "x", nested(DEPTH_MAX - 1)])))[0], BadRequest)
    with pytest.raises(RemoteProtocolError, match=f"deeper than {DEPTH_MAX}"):
        events_of(fed(pack([0, 1, "x", nested(DEPTH_MAX)])))
    connection = Connection()
    connection.send(PING)
    connection.receive_data(pack([1, 1, None, nested(DEPTH_MAX)]))
    with pytest.raises(RemoteProtocolError, match="deeper"):
        events_of(connection)


def padded(size: int) -> bytes:
    """Return a notification of exactly so many bytes."""
    return pack([2, "x", [{"x": b"y" * (size - len(pack([2, "x", [{"x": b"y" * 2**16}]])) + 2**16)}]])


@pytest.mark.parametrize("step", [READ_BYTES, 1_000_003, FRAME_BYTES_MAX + 1])
def test_size(step: int) -> None:
    for size in (FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1):
        data = padded(size)
        assert len(data) == size
        connection = Connection()
        found: list[Event] = []
        try:
            for start in range(0, size, step):
                connection.receive_data(data[start : start + step])
                found = events_of(connection)
        except RemoteProtocolError as error:
            assert size > FRAME_BYTES_MAX
            assert "4,194,304" in str(error)
        else:
            assert size == FRAME_BYTES_MAX
            assert len(found) == 1


def test_a_stranger_may_say_less() -> None:
    connection = Connection(STRANGER_BYTES_MAX)
    connection.receive_data(padded(STRANGER_BYTES_MAX) + padded(READ_BYTES))
    assert len(events_of(connection)) == 2
    connection.receive_data(pack([0, 1, "hello", []]) + padded(FRAME_BYTES_MAX))
    assert connection.next_event() == Request(1, "hello")
    connection.receive_bytes_max = 2 * FRAME_BYTES_MAX
    assert connection.receive_bytes_max == FRAME_BYTES_MAX
    assert len(events_of(connection)) == 1
    connection = Connection(STRANGER_BYTES_MAX)
    connection.receive_data(padded(STRANGER_BYTES_MAX + 1))
    with pytest.raises(RemoteProtocolError, match="more than 131,072 bytes"):
        connection.next_event()


@pytest.mark.parametrize("header", [b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\x00\x80\x00\x00"])
def test_a_large_message_that_is_announced_and_trickles(header: bytes) -> None:
    """It is cut off at the limit, and until then holds no more than what has arrived."""
    connection = fed(b"\x93\x02\xa1x\x91\x81\xa1x" + header)
    piece = bytes(READ_BYTES)
    tracemalloc.start()
    try:
        for _ in range(FRAME_BYTES_MAX // READ_BYTES):
            assert connection.next_event() is NEED_DATA
            connection.receive_data(piece)
        with pytest.raises(RemoteProtocolError, match="more than"):
            connection.next_event()
        assert tracemalloc.get_traced_memory()[1] < 5 * FRAME_BYTES_MAX  # two copies, each while it grows
    finally:
        tracemalloc.stop()


def test_a_large_message_leaves_nothing_behind() -> None:
    """Many a connection is there for days, and once in its life sends something large."""
    connection = Connection()
    data = padded(FRAME_BYTES_MAX)
    tracemalloc.start()
    try:
        for start in range(0, len(data), READ_BYTES):
            connection.receive_data(data[start : start + READ_BYTES])
            events_of(connection)
        assert tracemalloc.get_traced_memory()[1] > FRAME_BYTES_MAX, "it was held until it was there as a whole"
        assert tracemalloc.get_traced_memory()[0] < READ_BYTES
    finally:
        tracemalloc.stop()


@given(st.lists(st.sampled_from([1, 40, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES]), max_size=8))
def test_messages_of_all_sizes_one_after_the_other(steps: list[int]) -> None:
    calls = [Notification("x", {"x": b"y" * size}) for size in (READ_BYTES, 9, 2 * READ_BYTES, 5, READ_BYTES // 2, 7)]
    data, connection, found = b"".join(map(Connection().send, calls)), Connection(), list[Event]()
    for step in (*steps, len(data)):
        piece, data = data[:step], data[step:]
        if piece:
            connection.receive_data(piece)
            found += events_of(connection)
    assert found == calls


def test_long_arrays_that_are_announced_cost_nothing() -> None:
    """A thousand headers inside one another, each of 131,072 items: a decoder that believes them takes a gigabyte."""
    tracemalloc.start()
    try:
        assert fed(b"\xdd\x00\x02\x00\x00" * 1_000).next_event() is NEED_DATA
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_ten_thousand_calls_in_one_piece() -> None:
    caller = Connection()
    calls = [Request(number, "submit", {"argv": ("/bin/echo", "x" * 400)}) for number in range(10_000)]
    data = b"".join(map(caller.send, calls))
    assert len(data) > FRAME_BYTES_MAX
    assert events_of(fed(data)) == calls


# Cutting the bytes anywhere changes nothing, and no bytes do more harm than one error.

numbers = st.integers(-(2**63), 2**64 - 1)
leaves = st.none() | st.booleans() | numbers | st.text(max_size=8) | st.binary(max_size=8)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
params = st.dictionaries(st.text(max_size=6), values, max_size=3)
methods = st.text("abc._", max_size=8)
errors = st.builds(CallError, st.integers(0, 2**31), st.text(max_size=4), st.text(max_size=8))


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Messages that one side may send: calls of distinct numbers, notifications, and answers to calls 0 to 9."""
    answered = draw(st.lists(st.integers(0, 9), unique=True, max_size=4))
    called = draw(st.lists(st.integers(0, MSGID_MAX), unique=True, max_size=4))
    messages: list[Message] = [draw(st.builds(Request, st.just(number), methods, params)) for number in called]
    messages += [
        draw(st.builds(Response, st.just(number), st.none(), values) | st.builds(Response, st.just(number), errors))
        for number in answered
    ]
    messages += draw(st.lists(st.builds(Notification, methods, params), max_size=3))
    return draw(st.permutations(messages))


def peers() -> tuple[Connection, Connection]:
    """Return two sides; the second has made calls 0 to 9, which the first has read."""
    one, other = Connection(), Connection()
    for number in range(10):
        one.receive_data(other.send(Request(number, "x")))
    events_of(one)
    return one, other


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in itertools.pairwise([0, *ends]) if start < end]


@given(conversations(), st.lists(st.integers(0, 2**16), max_size=8), st.booleans())
def test_cutting_the_bytes_changes_nothing(messages: Sequence[Message], places: list[int], read_late: bool) -> None:
    sender, reader = peers()
    found = []
    for piece in cut(b"".join(map(sender.send, messages)), places):
        reader.receive_data(piece)
        if not read_late:
            found += events_of(reader)
    reader.receive_data(b"")
    found += events_of(reader)
    assert found == list(messages)
    assert reader.next_event() == ConnectionClosed()


@given(conversations())
def test_byte_by_byte(messages: Sequence[Message]) -> None:
    sender, reader = peers()
    found = []
    for byte in b"".join(map(sender.send, messages)):
        reader.receive_data(bytes([byte]))
        found += events_of(reader)
    assert found == list(messages)


def read_until_it_ends(data: bytes, places: list[int]) -> tuple[list[Event], str]:
    """Return all events, and the error after them."""
    _, reader = peers()
    found: list[Event] = []
    try:
        for piece in cut(data, places):
            reader.receive_data(piece)
            found += iter(reader.next_event, NEED_DATA)
        reader.receive_data(b"")
        found += iter(reader.next_event, ConnectionClosed())
    except RemoteProtocolError as error:
        assert reader.state is State.FAILED
        return found, str(error)
    return found, ""


@given(st.binary(max_size=200), st.lists(st.integers(0, 255), max_size=4))
def test_garbage_is_one_error(data: bytes, places: list[int]) -> None:
    assert read_until_it_ends(data, places) == read_until_it_ends(data, [])


@given(conversations(), st.integers(0, 2**16), st.integers(1, 255), st.lists(st.integers(0, 255), max_size=4))
def test_a_flipped_byte_is_at_most_one_error(messages: list[Message], at: int, change: int, places: list[int]) -> None:
    sender, _ = peers()
    data = bytearray(b"".join(map(sender.send, messages)))
    if data:
        data[at % len(data)] ^= change
    assert read_until_it_ends(bytes(data), places) == read_until_it_ends(bytes(data), [])


@given(values)
def test_any_value_in_place_of_a_message(value: object) -> None:
    read_until_it_ends(pack(value), [])
