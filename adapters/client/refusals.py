"""Refusals as the core raises them, whichever client had the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from meted.core.errors import Reason, Refused

from ..units import UnitFailed
from ..wire.errors import CallError, Code


@contextmanager
def refusals() -> Iterator[None]:
    """Raise what the core refuses as the core would: ``Refused`` with its reason; all else stays a ``CallError``."""
    try:
        yield
    except CallError as error:
        if error.code == Code.REFUSED and error.reason in Reason.__members__.values():
            raise Refused(Reason(error.reason), error.sentence) from None
        raise


@contextmanager
def failures(job_id: int, index: int) -> Iterator[None]:
    """Raise ``UnitFailed`` for a unit that has no result."""
    try:
        yield
    except CallError as error:
        if error.code == Code.REFUSED and error.reason == "unit_failed":
            said = error.sentence.removeprefix(f"Unit {index} of job {job_id} has no result: ")
            raise UnitFailed(job_id, index, said) from None
        raise
