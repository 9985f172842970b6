"""What a unit runs. The core keeps a spec as bytes, interned by digest; only its size and form concern it."""

from __future__ import annotations

import hashlib

import msgpack

from .record import record


@record
class Spec:
    """One unit of work of a job, as given by its user.

    Attributes:
        argv: Command and arguments; ``{index}`` stands for the unit's index. Empty for work of an embedding program.
        env: (name, value) pairs added to the environment.
        cwd: Directory to run in, or None.
        payload: Bytes that mean something to whoever runs the unit; the core never looks inside.
    """

    argv: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    cwd: str | None = None
    payload: bytes = b""


def pack_spec(spec: Spec) -> bytes:
    """Return the canonical bytes of a spec (MessagePack array, environment sorted by name)."""
    packed: bytes = msgpack.packb((spec.argv, tuple(sorted(spec.env)), spec.cwd, spec.payload))
    return packed


def unpack_spec(body: bytes) -> Spec:
    """Return the spec that :func:`pack_spec` packed."""
    argv, env, cwd, payload = msgpack.unpackb(body, use_list=False)
    return Spec(argv, env, cwd, payload)


NO_SPEC = Spec()
"""Nothing to run: what units of a trace have, and of a program that knows by itself what they are."""


def spec_digest(body: bytes) -> bytes:
    """Return the sha256 by which a packed spec is interned (32 bytes)."""
    return hashlib.sha256(body).digest()


NO_SPEC_BODY = pack_spec(NO_SPEC)
NO_SPEC_DIGEST = spec_digest(NO_SPEC_BODY)
