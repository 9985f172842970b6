"""Bytes and back: what is written is read, and what is not an event is told as such, whatever it is."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import attrs
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from meted.core import codec, schema, upcasts
from meted.core.direct import EVENT_CLASSES
from meted.core.engine import Engine
from meted.core.errors import SchemaError
from meted.core.events import Event, JobStarted
from meted.core.ids import DomainId, JobId
from meted.core.indexset import MAX_INTERVALS, IndexSet
from meted.core.record import fields_of as record_fields
from meted.core.record import replaced
from meted.core.state import State
from meted.core.state_bytes import PIECE_ENTRIES, encode_state

from ..packing import pack
from .helper import MS, World, cpus, make_policy
from .strategies import EVENTS, events, fields_of

STARTED = JobStarted(1, JobId(2), 3, 4, 5, ((DomainId(6), 7),))
FIELDS = {"at_us": 1, "job_id": 2, "domain_tag": 3, "user_tag": 4, "job_tag": 5, "above": ((6, 7),)}


def body_of(*plain: object) -> bytes:
    """Return the body of a batch with such events."""
    return pack(list(plain))


def busy_world(name: str = "d") -> World:
    """Return a world in which something of everything has happened."""
    world = World()
    world.domain(name, 3, cpus(50))
    workers = [world.worker(cpus(4, 10**9, gpu=2)), world.worker(3)]
    jobs = [
        world.submit(name, 40, time_request_us=20 * MS, tags=(("k", "v"), ("a", "b")), retries=1, backoff_us=5),
        world.submit("other", 5, max_failures=0, name="n", user="u"),
        world.submit("other", 2, hold=True),
        world.submit("other", 1),
    ]
    for lease in world.run_pass():
        exits = ((lease.first, 1),)
        world.finish(lease.lease_id, ((lease.first, 1),), 7 * MS, exits if lease.job_id != jobs[3] else ())
    world.cancel(jobs[1])
    world.tick(1000)
    world.run_pass()
    assert workers
    return world


@given(st.lists(events(), max_size=5))
def test_events_come_back_as_they_were(written: list[Event]) -> None:
    body = codec.encode_events(written)
    assert schema.decode_events(body) == written
    assert codec.encode_events(schema.decode_events(body)) == body


@pytest.mark.parametrize("number", [0, -1, 2**63, -(2**63) - 1, 2**64 - 1, 2**64, -(2**64), 2**4096, -(2**4096)])
def test_integers_of_any_size_come_back(number: int) -> None:
    event = attrs.evolve(STARTED, domain_tag=number)
    (read,) = schema.decode_events(codec.encode_events([event]))
    assert read == event
    assert type(read) is JobStarted
    assert type(read.domain_tag) is int


@pytest.mark.parametrize("value", ["5", 1.0, 1.9, True, False, math.nan, math.inf, None, b"5", (5,), {}])
def test_an_integer_is_nothing_else(value: object) -> None:
    assert schema.decode_events(body_of(("job_started", 2, FIELDS))) == [STARTED]
    with pytest.raises(SchemaError, match="job_started"):
        schema.decode_events(body_of(("job_started", 2, FIELDS | {"domain_tag": value})))


@pytest.mark.parametrize("cls", EVENTS)
def test_every_field_is_of_its_exact_type(cls: type[Event]) -> None:
    wrong: tuple[object, ...] = (1.5, math.nan, [None, 1.5], {"x": 1}, [[1.5]], [["x", 1.5]], [[1, True]])
    event = _example(cls)
    (plain,) = codec.unpack_plain(codec.encode_events([event]))
    tag, version, fields = plain
    for name in fields_of(cls):
        for value in wrong:
            with pytest.raises(SchemaError):
                schema.decode_events(body_of((tag, version, fields | {name: value})))
        missing = {key: value for key, value in fields.items() if key != name}
        with pytest.raises(SchemaError):
            schema.decode_events(body_of((tag, version, missing)))
    with pytest.raises(SchemaError):
        schema.decode_events(body_of((tag, version, fields | {"extra": 1})))


def _example(cls: type[Event]) -> Event:
    from .golden import EXAMPLES

    return next(event for event in EXAMPLES if type(event) is cls)


@given(st.binary(max_size=60))
def test_any_bytes_are_events_or_a_schema_error(body: bytes) -> None:
    _decodes_or_refuses(body)


@given(st.lists(events(), min_size=1, max_size=3), st.data())
def test_any_flipped_byte_gives_events_or_a_schema_error(written: list[Event], data: st.DataObject) -> None:
    body = bytearray(codec.encode_events(written))
    for _ in range(8):
        at = data.draw(st.integers(0, len(body) - 1))
        changed = bytearray(body)
        changed[at] ^= data.draw(st.integers(1, 255))
        _decodes_or_refuses(bytes(changed))


@given(st.lists(events(), min_size=1, max_size=3))
def test_any_prefix_is_a_schema_error(written: list[Event]) -> None:
    body = codec.encode_events(written)
    for end in range(len(body)):
        with pytest.raises(SchemaError):
            schema.decode_events(body[:end])


@pytest.mark.parametrize("body", [b"\x91" * 5_000 + b"\x90", b"\x81\x01" * 5_000 + b"\xc0", b"\xdd\xff\xff\xff\xff"])
def test_bombs_are_a_schema_error(body: bytes) -> None:
    with pytest.raises(SchemaError):
        schema.decode_events(body)


def _decodes_or_refuses(body: bytes) -> None:
    try:
        read = schema.decode_events(body)
    except SchemaError as error:
        assert str(error).endswith(".")
    else:
        assert schema.decode_events(codec.encode_events(read)) == read


PLAIN_WRONG: list[Any] = [
    {},
    5,
    "x",
    [[]],
    [["job_started", 1]],
    [[1, 1, {}]],
    [["job_started", "1", {}]],
    [["job_started", True, FIELDS]],
    [["job_started", 0, {}]],
    [["job_started", -1, {}]],
    [["job_started", 1, {1: 2}]],
    [["job_started", 1, []]],
    [[["job_started"], 1, {}]],
]


@pytest.mark.parametrize("plain", PLAIN_WRONG, ids=repr)
def test_what_is_no_event_is_a_schema_error(plain: object) -> None:
    with pytest.raises(SchemaError):
        schema.decode_events(pack(plain))


def test_an_unknown_extension_type_is_a_schema_error() -> None:
    with pytest.raises(SchemaError, match="extension"):
        codec.unpack(msgpack.packb(msgpack.ExtType(7, b"x")))


@pytest.mark.parametrize(("tag", "version"), [("job_started", 3), ("job_started", 2**70), ("job_teleported", 1)])
def test_an_event_from_the_future_is_refused_and_changes_nothing(tag: str, version: int) -> None:
    world = busy_world()
    before, digest = world.state, schema.state_digest(world.state)
    with pytest.raises(SchemaError, match="version of meted"):
        schema.decode_events(body_of((tag, version, FIELDS)))
    assert world.state is before
    assert schema.state_digest(world.state) == digest


def test_an_old_version_is_upcast_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_2(fields: codec.Fields) -> codec.Fields:
        return {"at_us": fields["at_us"], "job_id": fields["job"]}

    def to_3(fields: codec.Fields) -> codec.Fields:
        return fields | {"domain_tag": 0, "user_tag": 0, "job_tag": 0, "above": ()}

    monkeypatch.setattr(JobStarted, "version", 3)
    monkeypatch.setitem(upcasts.UPCASTS, ("job_started", 1), to_2)
    monkeypatch.setitem(upcasts.UPCASTS, ("job_started", 2), to_3)
    expected = [JobStarted(7, JobId(2), 0, 0, 0, ())]
    newest = {"at_us": 7, "job_id": 2, "domain_tag": 0, "user_tag": 0, "job_tag": 0, "above": ()}
    assert schema.decode_events(body_of(("job_started", 1, {"at_us": 7, "job": 2}))) == expected
    assert schema.decode_events(body_of(("job_started", 2, {"at_us": 7, "job_id": 2}))) == expected
    assert schema.decode_events(body_of(("job_started", 3, newest))) == expected
    with pytest.raises(SchemaError):
        schema.decode_events(body_of(("job_started", 1, {"at_us": 7, "job_id": 2})))


def test_every_older_version_has_its_upcast() -> None:
    missing = [
        (tag, version)
        for tag, cls in EVENT_CLASSES.items()
        for version in range(1, cls.version)
        if (tag, version) not in upcasts.UPCASTS
    ]
    assert not missing, f"write these upcasts into upcasts.UPCASTS: {missing}"


def test_tags_are_distinct() -> None:
    assert len(EVENT_CLASSES) == len(EVENTS)


def test_a_snapshot_comes_back_and_goes_on_alike() -> None:
    world = busy_world()
    body = encode_state(world.state)
    state = schema.decode_state(body)
    assert state == world.state
    assert encode_state(state) == body
    twin = Engine(make_policy("meted"), state)
    world.tick(50_000_000)
    assert twin.run_pass(world.now_us) == world.engine.run_pass(world.now_us)
    assert twin.state == world.state


def plain(value: Any) -> Any:
    """Return a part of a state as a snapshot shows it, made in the plainest way."""
    if type(value) is IndexSet:
        return value.to_plain()
    if type(value) is Map:
        return [(key, plain(value[key])) for key in sorted(value)]
    if attrs.has(type(value)):
        return {name: plain(part) for name, part in record_fields(value).items()}
    return tuple(map(plain, value)) if type(value) is tuple else value


def test_a_snapshot_is_the_plain_form_of_the_state_whatever_its_size() -> None:
    world = busy_world()
    for _ in range(2 * PIECE_ENTRIES):
        world.submit("other", 1)
    jobs = world.state.jobs
    first, job = min(jobs.jobs.items())
    scattered = job.succeeded
    for index in range(1, 4 * MAX_INTERVALS, 2):
        scattered = scattered.add(1_000 + index, 1)
    job = replaced(job, succeeded=scattered, tag=-(2**70))
    state = replaced(world.state, jobs=replaced(jobs, jobs=jobs.jobs.set(first, job), clock=2**64))
    assert encode_state(state) == pack(plain(state))
    assert schema.decode_state(encode_state(state)) == state


@given(st.data())
def test_a_damaged_snapshot_is_a_state_or_a_schema_error(data: st.DataObject) -> None:
    body = bytearray(SNAPSHOT)
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=3)):
        body[at] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(body), bytes(body)[: data.draw(st.integers(0, len(body) - 1))]):
        try:
            assert type(schema.decode_state(damaged)) is State
        except SchemaError as error:
            assert str(error).endswith(".")


with busy_world() as _world:
    SNAPSHOT = encode_state(_world.state)

PROGRAM = """
from tests.core.test_schema import busy_world
from meted.core.codec import encode_events
from meted.core.schema import state_digest
world = busy_world("a domain")
for name in ("x", "y", "z", "\\u00e9", "w" * 40):
    world.domain(name)
print(state_digest(world.state), encode_events(world.log).hex())
"""


@pytest.mark.slow
def test_equal_states_give_equal_bytes_whatever_the_hash_seed() -> None:
    outputs = {run_with_hash_seed(PROGRAM, seed) for seed in ("0", "1", "4242")}
    assert len(outputs) == 1


def run_with_hash_seed(program: str, seed: str) -> str:
    """Return what ``program`` prints under a seed of Python's hashes."""
    paths = os.pathsep.join(path for path in [os.getcwd(), *sys.path] if path)
    environ = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
