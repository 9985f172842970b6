"""What a process unit needs beside argv, environment and directory: the payload of its spec.

A MessagePack map that holds only what differs from the default, so that a plain command has no payload at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import attrs
import msgpack

from meted.core.record import record

LIMIT_NAMES = ("cpu_s", "file_bytes", "mem_bytes", "open_files", "rss_bytes")
"""What a job may limit: for each process seconds of cpu, size of a file, address space and open files; and for all
processes of a unit together the memory that they hold (row P39)."""

LIMIT_MAX = 2**53
"""Largest value of a limit."""

INDEX_MAX = 2**53
"""Largest number of a unit, and largest step, counted from zero in both directions."""

TOKEN_BYTES_MAX = 64
"""Longest name under which a server keeps a job's secrets."""

_PLACE = re.compile(r"\{(index|line)\}")


class OptionsError(ValueError):
    """Options that are not valid; the text is one sentence that says what to do."""


@record
class ProcessOptions:
    """How to run the units of a job as processes.

    Attributes:
        stdin: What every unit reads from its standard input.
        lines: One line for each unit, which ``{line}`` stands for, or None.
        first_index: The number of unit 0, which ``{index}`` stands for.
        index_step: How much the number grows from one unit to the next.
        limits: (name, value) pairs of ``LIMIT_NAMES``, sorted by name.
        secrets: Name under which the server keeps the values of the job's environment that nobody may see, or None.
    """

    stdin: bytes = b""
    lines: tuple[str, ...] | None = None
    first_index: int = 0
    index_step: int = 1
    limits: tuple[tuple[str, int], ...] = ()
    secrets: str | None = None


PLAIN = ProcessOptions()
_FIELDS = tuple(field.name for field in attrs.fields(ProcessOptions))


def make_limits(limits: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return limits as options hold them: sorted by name, and checked.

    Raises:
        OptionsError: A name or value is not valid.
    """
    pairs = tuple(sorted(limits.items()))
    _check_limits(pairs)
    return pairs


def pack_options(options: ProcessOptions) -> bytes:
    """Return the payload of a spec that holds these options; empty for a plain command.

    Raises:
        OptionsError: They are not valid.
    """
    _check(options)
    fields: dict[str, object] = {}
    for name in _FIELDS:
        value = getattr(options, name)
        if value != getattr(PLAIN, name):
            fields[name] = value
    if not fields:
        return b""
    if options.limits:
        fields["limits"] = dict(options.limits)
    packed: bytes = msgpack.packb(fields)
    return packed


@lru_cache(maxsize=64)
def read_options(payload: bytes) -> ProcessOptions:
    """Return the options that a payload holds. Payloads of late are remembered: the units of a job share one.

    Raises:
        OptionsError: It is no payload that :func:`pack_options` makes.
    """
    if not payload:
        return PLAIN
    try:
        fields = msgpack.unpackb(payload, use_list=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise OptionsError("the payload of the spec is not MessagePack; submit the job anew") from error
    if not isinstance(fields, dict):
        raise OptionsError("the payload of the spec is not a map; submit the job anew")
    unknown = sorted(str(name) for name in fields if name not in _FIELDS)
    if unknown:
        raise OptionsError(f'the spec has the unknown option "{unknown[0][:64]}"; upgrade this worker')
    if "limits" in fields:
        if not isinstance(fields["limits"], dict) or not all(isinstance(name, str) for name in fields["limits"]):
            raise OptionsError("limits are a map of names to numbers")
        fields["limits"] = tuple(sorted(fields["limits"].items()))
    options = ProcessOptions(**fields)
    _check(options)
    return options


def number_of(options: ProcessOptions, index: int) -> int:
    """Return the number of the unit with this 0-based index."""
    return options.first_index + index * options.index_step


def line_of(options: ProcessOptions, index: int) -> str | None:
    """Return the line of a unit, or None if its job has no lines.

    Raises:
        OptionsError: The job has too few lines.
    """
    if options.lines is None:
        return None
    if not 0 <= index < len(options.lines):
        raise OptionsError(f"there is no line for unit {index}: the job has {len(options.lines)} lines")
    return options.lines[index]


def expand(argv: Sequence[str], options: ProcessOptions, index: int) -> Sequence[str]:
    """Return a unit's arguments: ``{index}`` and, if the job has lines, ``{line}`` are filled in; once, not again.

    Raises:
        OptionsError: The job has too few lines.
    """
    if not any("{" in argument for argument in argv):
        return argv
    line = line_of(options, index)
    number = str(number_of(options, index))

    def fill(place: re.Match[str]) -> str:
        if place[1] == "index":
            return number
        return place[0] if line is None else line

    return [_PLACE.sub(fill, argument) for argument in argv]


def _check(options: ProcessOptions) -> None:
    if not isinstance(options.stdin, bytes):
        raise OptionsError("stdin is bytes")
    lines: object = options.lines
    if lines is not None and not (isinstance(lines, tuple) and all(_is_text(line) for line in lines)):
        raise OptionsError("lines are texts without NUL characters")
    _check_number("first_index", options.first_index, -INDEX_MAX, INDEX_MAX)
    _check_number("index_step", options.index_step, 1, INDEX_MAX)
    _check_limits(options.limits)
    token = options.secrets
    if token is not None and not (_is_text(token) and 0 < len(token.encode()) <= TOKEN_BYTES_MAX):
        raise OptionsError(f"secrets is a name of 1 to {TOKEN_BYTES_MAX} bytes")


def _check_limits(limits: tuple[tuple[str, int], ...]) -> None:
    for name, value in limits:
        if name not in LIMIT_NAMES:
            raise OptionsError(f'there is no limit "{name[:64]}"; the limits are: {", ".join(LIMIT_NAMES)}')
        _check_number(f"the limit {name}", value, 1, LIMIT_MAX)


def _check_number(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise OptionsError(f"{name} is a whole number from {least} to {most}")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value
