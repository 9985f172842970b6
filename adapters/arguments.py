"""Arguments of an embedded pool on their way into a command: what is of a wrong type is refused like all else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from meted.core.errors import Reason, Refused

T = TypeVar("T")


def one(value: object, kind: type[T], what: str) -> T:
    """Return ``value`` if it is of that very kind, else refuse; ``what`` says what to give."""
    if type(value) is not kind:
        raise Refused(Reason.BAD_TYPE, f"A value of type {type(value).__name__} is none of what is due; give {what}.")
    return value


def listed(values: Iterable[T], name: str) -> tuple[T, ...]:
    """Return the items of a list, a tuple or the like, each of which is judged later, or refuse."""
    given: object = values
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise Refused(Reason.BAD_TYPE, f"{name} must be a list, not {type(given).__name__}.")
    return tuple(values)


def named(values: Mapping[str, str] | None, name: str) -> tuple[tuple[str, str], ...]:
    """Return names and values as pairs, which are judged later, none for None, or refuse."""
    given: object = values
    if given is not None and not isinstance(given, Mapping):
        raise Refused(Reason.BAD_TYPE, f"{name} must be names with values, not {type(given).__name__}.")
    return () if values is None else tuple(values.items())
