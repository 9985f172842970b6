"""The results of a long series of runs in a file that grows as they come, so that a series can be taken up again.

A line of JSON for each: ``{"key":, "varied":, "figures":}``. The key is the digest of all that the figures depend on
(:func:`.request.request_key`), so a result is found again whatever else stands in the file. A line that was cut short,
as when the machine went down, is dropped when the file is opened.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from ..errors import SimulationError
from ..results.metrics import JsonValue

LINE_START: Final = '{"key": "'

Figures = Mapping[str, JsonValue]


class ResultFile:
    """A file of results that only one series writes at a time; a context manager.

    Attributes:
        found: The figures that are there, by key.
    """

    def __init__(self, path: str) -> None:
        """Open a file, which need not be there yet, and read what is in it.

        Raises:
            SimulationError: It cannot be read or written, holds something else, or another series is writing to it.
        """
        self._path = path
        self.found: dict[str, Figures] = {}
        try:
            if (
                os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
            ):  # there is no end of a device
                raise SimulationError(f"{path} is no plain file; name another with --results.")
            self._file = open(path, "a+b")  # noqa: SIM115  # closed by the context manager
        except OSError as error:
            raise self._refusal(error) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BlockingIOError:
            self._file.close()
            raise SimulationError(f"{path} is being written by another sweep; wait for it, or name another.") from None
        except OSError as error:
            self._file.close()
            raise self._refusal(error) from None
        except SimulationError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Use it as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    def add(self, key: str, varied: Mapping[str, str], figures: Figures) -> None:
        """Append a result; it is on the disk when this returns.

        Raises:
            SimulationError: It cannot be written.
        """
        line = json.dumps({"key": key, "varied": dict(varied), "figures": dict(figures)}, ensure_ascii=False)
        try:
            self._file.write(line.encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._refusal(error) from None
        self.found[key] = figures

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0
        for place, line in enumerate(self._file, 1):
            if not line.endswith(b"\n") and (
                line.startswith(LINE_START.encode()) or LINE_START.encode().startswith(line)
            ):
                self._file.truncate(whole)
                return
            whole += len(line)
            try:
                entry = json.loads(line)
                self.found[str(entry["key"])] = {**entry["figures"]}
            except (ValueError, TypeError, KeyError):
                raise SimulationError(
                    f"line {place:,} of {self._path} is no result of a sweep; name another file with --results."
                ) from None

    def _refusal(self, error: OSError) -> SimulationError:
        reason = (error.strerror or str(error)).lower()
        return SimulationError(f"{self._path} cannot be written ({reason}); name another file with --results.")
