"""What every client makes of the verbs of a service: parameters to send, and refusals as the core raises them.

The verbs mean what they mean on the embedded pool (:mod:`meted.adapters.local_service`), so that a program can be moved
from one to the other (rows P12, P13, P18).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypedDict, cast

from meted.core.errors import Reason, Refused
from meted.core.resources import Resources
from meted.core.spec import Spec
from meted.core.usertag import usertag

from ..units import UnitFailed
from ..wire.errors import CallError, Code

ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""States of a job that has ended."""

NO_COMMAND = Spec()
"""The spec of units about which whoever runs them knows all by himself."""


class ResultAnswer(TypedDict):
    """The answer to ``result``."""

    ended: bool
    body: bytes | None


def submit_params(
    domain: str, spec: Spec, user: str | None, request: Resources, tags: Mapping[str, str] | None
) -> dict[str, object]:
    """Return those parameters of ``submit`` that are named otherwise on the wire than in a program."""
    return {
        "domain": domain,
        "argv": spec.argv,
        "env": dict(spec.env),
        "cwd": spec.cwd,
        "payload": spec.payload,
        "user": usertag(os.environ, socket.gethostname()) if user is None else user,
        "cpu_milli": request.cpu_milli,
        "mem_bytes": request.mem_bytes,
        "generic": dict(request.generic),
        "tags": dict(tags or {}),
    }


def result_of(answer: object) -> bytes | None:
    """Return a unit's result: None while it has not ended, ``b""`` where it left none."""
    found = cast(ResultAnswer, answer)
    return (found["body"] or b"") if found["ended"] else None


@contextmanager
def refusals() -> Iterator[None]:
    """Raise what the core refuses as the core would: ``Refused`` with its reason; all else stays a ``CallError``."""
    try:
        yield
    except CallError as error:
        raise as_refused(error) from None


@contextmanager
def failures(job_id: int, index: int) -> Iterator[None]:
    """Raise ``UnitFailed`` for a unit that has no result, and else as :func:`refusals`."""
    try:
        yield
    except CallError as error:
        if error.code == Code.REFUSED and error.reason == "unit_failed":
            said = error.sentence.removeprefix(f"Unit {index} of job {job_id} has no result: ")
            raise UnitFailed(job_id, index, said) from None
        raise as_refused(error) from None


def as_refused(error: CallError) -> Exception:
    """Return the core's refusal that an answer stands for, or the answer itself."""
    if error.code == Code.REFUSED and error.reason in Reason.__members__.values():
        return Refused(Reason(error.reason), error.sentence)
    return error
