"""A snapshot: a state, and beside it what the policy remembers there, under the policy's name.

A policy that remembers nothing leaves a state alone. Another policy takes the state, and passes the memory over.
"""

from __future__ import annotations

from collections.abc import Iterator

from .codec import unpack
from .errors import SchemaError
from .policy.base import Policy
from .policy.memory import Memory, Remembering
from .schema import SNAPSHOT_VERSION, decode_record
from .state import State
from .state_bytes import array_pieces, state_pieces

WITH_MEMORY = 1_000
"""What is added to the version of a snapshot that holds a memory; a program that knows of none passes it over."""

VERSIONS = frozenset((SNAPSHOT_VERSION, SNAPSHOT_VERSION + WITH_MEMORY))
"""The versions that this program understands."""


def snapshot_version(memory: Memory | None) -> int:
    """Return the version of a snapshot with that memory."""
    return SNAPSHOT_VERSION if memory is None else SNAPSHOT_VERSION + WITH_MEMORY


def encode_snapshot(state: State, policy: Policy, memory: Memory | None) -> bytes:
    """Return a state and what a policy remembers there as bytes: equal ones give equal bytes."""
    return b"".join(snapshot_pieces(state, policy, memory))


def snapshot_pieces(state: State, policy: Policy, memory: Memory | None) -> Iterator[bytes]:
    """Return these bytes in pieces that each take little time, for whoever has other work in between."""
    if memory is None:
        return state_pieces(state)
    assert isinstance(policy, Remembering), "who has a memory says under which name it is kept"
    return array_pieces(policy.remembers_as, memory, state)


def decode_snapshot(body: bytes, policy: Policy | None = None) -> tuple[State, Memory | None]:
    """Return the state in a snapshot, and what a policy remembers there; None where the snapshot does not hold that.

    Raises:
        SchemaError: It is no snapshot of a version that this program knows.
    """
    plain = unpack(body)
    if type(plain) is not tuple:
        return decode_record(plain, State), None
    if len(plain) != 3:
        raise SchemaError("A snapshot is a state, or the name of a policy, what it remembers and a state.")
    name, memory, state = plain
    if not isinstance(policy, Remembering) or policy.remembers_as != name:
        return decode_record(state, State), None
    return decode_record(state, State), decode_record(memory, policy.remembers)
