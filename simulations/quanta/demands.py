"""A reader of demand matrices: one line a quantum, one column a user, no line lost in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final

from meted.adapters.wording import counted

from ..errors import TraceError
from ..traces.lines import TOO_LONG, Lines
from ..traces.swf import Malformed

MAX_DEMAND_LINE_BYTES: Final = 1_048_576
"""Bytes of one line of a demand matrix: room for 10,000 users with demands of 100 digits."""

MAX_DEMAND: Final = 1_000_000_000_000
"""The largest demand that one user may have in one quantum, in slices, before scaling."""

_PLAIN: Final = frozenset(b"0123456789 \t\r\v\f")
_SHOWN: Final = 40


class DemandReader:
    """An iterator over the quanta of a matrix that holds one line at a time.

    A line holds the demands of all users in one quantum: whole numbers of slices, apart by blanks. Empty lines and
    lines that begin with ``#`` are skipped. Every other line that is not as wide as the first is malformed, and so is
    one with anything else than whole numbers: it is reported and left out, as if that quantum had not been.

    Attributes:
        name: The last part of the path.
        users: Users that are taken, known once the first quantum was; until then 0.
        columns: Columns of the matrix, known at the same time.
        quanta: How many quanta were read.
        malformed_count: How many lines are none.
    """

    def __init__(
        self,
        path: str,
        users: int | None = None,
        first: int | None = None,
        scale: int = 1,
        report: Callable[[Malformed], None] | None = None,
    ) -> None:
        """Open a matrix.

        Args:
            path: A plain or gzip file, whatever its name; ``-`` is the standard input.
            users: Take the first so many columns; None takes all.
            first: Take the first so many quanta; None takes all.
            scale: Multiply each demand by this.
            report: Called with every malformed line as it is met.

        Raises:
            TraceError: The file cannot be opened; or, while reading, cannot be read, or has too few columns.
        """
        self._lines = Lines(path, MAX_DEMAND_LINE_BYTES)
        self._wanted = users
        self._first = first
        self._scale = scale
        self._report = report
        self.name = self._lines.name
        self.users = 0
        self.columns = 0
        self.quanta = 0
        self.malformed_count = 0

    def __enter__(self) -> DemandReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        number = 0
        for number, line in enumerate(self._lines, 1):
            demands = self._read(line)
            if isinstance(demands, str):
                self._refuse(number, demands)
            elif demands:
                if not self.columns:
                    self._begin(len(demands))
                self.quanta += 1
                taken = demands[: self.users]
                yield taken if self._scale == 1 else tuple(self._scale * demand for demand in taken)
                if self.quanta == self._first:
                    return
        if self._lines.damage is not None:
            self._refuse(number + 1, self._lines.damage)

    def sha256(self) -> str:
        """Return the digest of the file's bytes as they are stored, before the reader is closed."""
        return self._lines.sha256()

    def _begin(self, columns: int) -> None:
        if self._wanted is not None and self._wanted > columns:
            raise TraceError(f"{self.name} has {counted(columns, 'user')}; ask for at most so many.")
        self.columns, self.users = columns, self._wanted or columns

    def _refuse(self, number: int, sentence: str) -> None:
        self.malformed_count += 1
        if self._report is not None:
            self._report(Malformed(number, sentence))

    def _read(self, line: bytes) -> tuple[int, ...] | str:
        """Return the demands of a line, none if it is to be skipped, or what is wrong with it as a sentence."""
        if line is TOO_LONG:
            return f"it has more than {MAX_DEMAND_LINE_BYTES:,} bytes"
        words = line.split()
        if not words or words[0].startswith(b"#"):
            return ()
        if self.columns and len(words) != self.columns:
            return f"it has {counted(len(words), 'column')} where the matrix has {self.columns:,}"
        if _PLAIN.issuperset(line) and max(map(len, words)) < len(str(MAX_DEMAND)):
            return tuple(map(int, words))
        demands = []
        for column, word in enumerate(words, 1):
            if not word.isdigit():
                negative = word[:1] == b"-" and word[1:].isdigit()
                wrong = "is negative" if negative else "is no whole number"
                return f"column {column:,} {wrong}: {repr(word[:_SHOWN])[2:-1]}"
            digits = word.lstrip(b"0") or b"0"
            if len(digits) > len(str(MAX_DEMAND)) or int(digits) > MAX_DEMAND:
                return f"column {column:,} is beyond {MAX_DEMAND:,}, the largest demand that is read"
            demands.append(int(digits))
        return tuple(demands)
