"""The ``;`` lines of a trace: what machine it was, how large, and who is to be thanked."""

from __future__ import annotations

import re
from typing import Final

import attrs

MAX_HEADER_BYTES: Final = 262_144
"""How much of the ``;`` lines is kept; what comes after is counted in ``SwfHeader.dropped_lines``."""

_KEY: Final = re.compile(r";[ \t]?([A-Za-z][\w-]{0,63}):(?!//)\s*(.*)")
_SIZE: Final = re.compile(r"[;\s]+(MaxProcs|MaxNodes)\s*:\s*(.*)", re.IGNORECASE)
"""What says how large the machine was, however it is set: so much hangs on it that it is read in any spelling."""

_SIZES: Final = {"maxprocs": "MaxProcs", "maxnodes": "MaxNodes"}
_LEADING_NUMBER: Final = re.compile(r"(\d{1,3}(,\d{3})+|\d{1,12})(?![\d.])")


@attrs.define
class SwfHeader:
    """The ``;`` lines of a trace.

    Attributes:
        values: The values of each key in the order of the file; a line that continues a value is joined by a newline.
        lines: The numbers of the lines in which these values begin.
        dropped_lines: How many ``;`` lines came after the first ``MAX_HEADER_BYTES``.
    """

    values: dict[str, list[str]] = attrs.field(factory=dict)
    lines: dict[str, list[int]] = attrs.field(factory=dict)
    dropped_lines: int = 0
    _bytes: int = attrs.field(default=0, init=False, repr=False)
    _last: str | None = attrs.field(default=None, init=False, repr=False)

    def add(self, line: bytes, number: int = 0) -> None:
        """Take in one ``;`` line, both ``;Key: value`` and ``; Key: value``; ``number`` is that of the line."""
        self._bytes += len(line)
        if self._bytes > MAX_HEADER_BYTES:
            self.dropped_lines += 1
            return
        text = line.decode("utf-8", "replace").strip()
        if match := _SIZE.fullmatch(text) or _KEY.fullmatch(text):
            self._last = _SIZES.get(match[1].lower(), match[1])
            self.values.setdefault(self._last, []).append(match[2])
            self.lines.setdefault(self._last, []).append(number)
        elif self._last is not None and (more := text.lstrip("; \t")):
            self.values[self._last][-1] += "\n" + more

    def text(self, key: str) -> str | None:
        """Return the first value of a key, or None."""
        return self.values.get(key, [None])[0]

    def number(self, key: str) -> int | None:
        """Return the first value of a key that begins with a whole number above zero (as in ``1,152 (batch)``)."""
        for value in self.values.get(key, ()):
            match = _LEADING_NUMBER.match(value)
            if match and (found := int(match[0].replace(",", ""))):
                return found
        return None
