"""Checks of what comes in: exact types and named limits. Each raises :class:`Refused` with a sentence that helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .. import limits
from ..errors import Reason, Refused
from ..ids import Span
from ..resources import CPU, MEM, Resources

T = TypeVar("T")


def whole(value: object, name: str, low: int, high: int) -> int:
    """Return ``value`` if it is an int (a bool is none) between ``low`` and ``high`` inclusive, else refuse."""
    if type(value) is not int:
        raise Refused(Reason.BAD_TYPE, f"{name} must be a whole number, not {_kind(value)}.")
    if not low <= value <= high:
        raise Refused(Reason.OUT_OF_RANGE, f"{name} must be between {low} and {high}, not {short(value)}.")
    return value


def optional(value: object, name: str, low: int, high: int) -> None:
    """Refuse what is neither None nor a whole number in range."""
    if value is not None:
        whole(value, name, low, high)


def flag(value: object, name: str) -> None:
    """Refuse what is not True or False."""
    if type(value) is not bool:
        raise Refused(Reason.BAD_TYPE, f"{name} must be true or false, not {_kind(value)}.")


def text(value: object, name: str, bytes_max: int, *, empty: bool = True) -> None:
    """Refuse what is not a str of at most ``bytes_max`` bytes in UTF-8, without NUL."""
    if type(value) is not str:
        raise Refused(Reason.BAD_TYPE, f"{name} must be text, not {_kind(value)}.")
    if not value and not empty:
        raise Refused(Reason.BAD_TEXT, f"{name} must not be empty.")
    # Every character is at least one byte, so a huge text is refused before anything is copied.
    if len(value) > bytes_max or (not value.isascii() and _utf8_bytes(value, name) > bytes_max):
        raise Refused(Reason.TOO_LARGE, f"{name} must be at most {bytes_max} bytes long.")
    if "\0" in value:
        raise Refused(Reason.BAD_TEXT, f"{name} must not contain a NUL character.")


def raw(value: object, name: str, bytes_max: int) -> bytes:
    """Return ``value`` if it is bytes, at most ``bytes_max`` of them, else refuse."""
    if type(value) is not bytes:
        raise Refused(Reason.BAD_TYPE, f"{name} must be bytes, not {_kind(value)}.")
    if len(value) > bytes_max:
        raise Refused(Reason.TOO_LARGE, f"{name} must be at most {bytes_max} bytes long.")
    return value


def items(value: object, name: str, most: int) -> tuple[object, ...]:
    """Return ``value`` if it is a tuple of at most ``most`` items, else refuse."""
    if type(value) is not tuple:
        raise Refused(Reason.BAD_TYPE, f"{name} must be a list, not {_kind(value)}.")
    if len(value) > most:
        raise Refused(Reason.TOO_MANY, f"{name} must have at most {most} items, not {len(value)}.")
    return value


def pair(value: object, name: str) -> tuple[object, object]:
    """Return ``value`` if it is a tuple of two, else refuse."""
    if type(value) is not tuple or len(value) != 2:
        raise Refused(Reason.BAD_TYPE, f"{name} must be a pair.")
    return value[0], value[1]


def pairs(value: object, name: str, most: int, bytes_max: int) -> None:
    """Refuse what is not a tuple of (name, value) texts with different, non-empty names."""
    seen = set()
    for item in items(value, name, most):
        key, content = pair(item, f"an item of {name}")
        text(key, f"a name in {name}", limits.NAME_BYTES_MAX, empty=False)
        text(content, f"a value in {name}", bytes_max)
        if key in seen:
            raise Refused(Reason.BAD_TEXT, f"{name} names {key!r} twice; give each name once.")
        seen.add(key)


def resources(value: object, name: str) -> None:
    """Refuse what is no sane amount of resources."""
    if type(value) is not Resources:
        raise Refused(Reason.BAD_TYPE, f"{name} must be an amount of resources, not {_kind(value)}.")
    whole(value.cpu_milli, f"{name}.cpu_milli", 0, limits.CPU_MILLI_MAX)
    whole(value.mem_bytes, f"{name}.mem_bytes", 0, limits.MEM_BYTES_MAX)
    if value.generic != ():
        _generic(value.generic, name)


def _generic(value: object, name: str) -> None:
    names = []
    for item in items(value, f"{name}.generic", limits.GENERIC_NAMES_MAX):
        key, amount = pair(item, f"an item of {name}.generic")
        text(key, f"a resource name in {name}", limits.NAME_BYTES_MAX, empty=False)
        whole(amount, f"the amount of {key!r} in {name}", 1, limits.GENERIC_MILLI_MAX)
        names.append(str(key))
    if names != sorted(set(names)):
        raise Refused(Reason.BAD_TEXT, f"the resources in {name} must be sorted by name, each named once.")
    if CPU in names or MEM in names:
        raise Refused(Reason.BAD_TEXT, f"{name} must give cpu and mem by cpu_milli and mem_bytes.")


def runs(value: object, name: str, first: int, end: int) -> tuple[Span, ...]:
    """Return ``value`` if it is a tuple of ascending, disjoint (first, count) runs from ``first`` to below ``end``."""
    if type(value) is tuple and len(value) == 1 and type(value[0]) is tuple and len(value[0]) == 2:  # the common case
        start, count = value[0]
        if type(start) is type(count) is int and first <= start and 0 < count <= end - start:
            return value
    checked: list[Span] = []
    at = first
    for item in items(value, name, limits.RUN_UNITS_MAX):
        start, count = pair(item, f"an item of {name}")
        if type(start) is not int or type(count) is not int:
            raise Refused(Reason.BAD_TYPE, f"{name} must hold (first, count) pairs of whole numbers.")
        if start < at or count < 1 or start + count > end:
            raise Refused(
                Reason.BAD_SPANS, f"{name} must be ascending runs of units from {first} to {end - 1}, each once."
            )
        checked.append((start, count))
        at = start + count
    return tuple(checked)


def found(value: T | None, reason: Reason, sentence: Callable[[], str]) -> T:
    """Return ``value``, or refuse if there is none."""
    if value is None:
        raise Refused(reason, sentence())
    return value


def distinct_ids(value: object, name: str, most: int) -> tuple[int, ...]:
    """Return the whole numbers in ``value``, each once, in the order given."""
    ids: dict[int, None] = {}
    for item in items(value, name, most):
        if type(item) is not int:
            raise Refused(Reason.BAD_TYPE, f"{name} must hold whole numbers, not {_kind(item)}.")
        ids[item] = None
    return tuple(ids)


def _utf8_bytes(value: str, name: str) -> int:
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        raise Refused(Reason.BAD_TEXT, f"{name} must be valid Unicode text (it has a lone surrogate).") from None


def _kind(value: object) -> str:
    return type(value).__name__


def short(value: int) -> str:
    """Return a number as text that is never long."""
    # str() of a huge int is slow and refused by Python above 4,300 digits.
    return str(value) if value.bit_length() <= 128 else f"a number of {value.bit_length()} bits"
