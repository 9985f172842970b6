"""Schedules as files: each job's outcome in the Standard Workload Format, so that any tool can read our results.

Column 3 is the wait. The others are what was simulated: 1 job number, 2 submit time, 4 run time, 5 and 8 processors,
9 estimate, 11 status (1, completed), 12 user; what was not simulated is -1. The rows are in the order of termination.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

import attrs

from meted.core.limits import SECOND_US
from meted.core.state import Rules

from ..errors import SimulationError, TraceError
from ..policies.registry import policy_parameters
from ..ruled import rules_figures
from ..traces.job import TraceJob
from ..traces.swf import SwfReader
from ..traces.trace import Trace
from ..traces.trace_rules import transform_figures
from .metrics import JsonValue
from .report import TIE_RULE
from .transform_rows import seed_words

_BUFFERED_ROWS: Final = 1_000
_GZIP_LEVEL: Final = 6


def seconds(amount_us: int) -> str:
    """Return an amount of microseconds at or above zero as seconds, without a fraction where it is whole."""
    whole, rest = divmod(amount_us, SECOND_US)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


class OutcomeWriter:
    """Writes one outcome after the other; a context manager.

    The rows go to ``FILE.part``, which takes the name FILE when all is well and goes when it is not; what is no regular
    file, as a pipe, is written to directly. The same run writes the same bytes, compressed or not.
    """

    def __init__(self, path: str, trace: Trace, policy: str, event_order: str, rules: Rules | None = None) -> None:
        """Open a file and write how the outcomes come about.

        Args:
            path: The file, compressed if its name ends with ``.gz``.
            trace: What is replayed.
            policy: The name of the policy.
            event_order: ``instant``, ``pyss`` or ``cqsim``.
            rules: The parameters of fairness; by default those that a new pool has.

        Raises:
            SimulationError: The file cannot be written.
        """
        self._path = Path(path)
        direct = self._path.exists() and not self._path.is_file()
        self._part = self._path if direct else self._path.with_name(self._path.name + ".part")
        self._rows: list[str] = []
        try:
            self._file: BinaryIO = open(self._part, "wb")  # noqa: SIM115
        except (OSError, ValueError) as error:
            raise self._refusal(error) from None
        self._gzip = gzip.GzipFile("", "wb", _GZIP_LEVEL, self._file, mtime=0) if self._path.suffix == ".gz" else None
        self._rows.append(_header(trace, policy, event_order, rules))

    def __enter__(self) -> OutcomeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
                if self._gzip is not None:
                    self._gzip.close()
                self._file.close()
                if self._part != self._path:
                    os.replace(self._part, self._path)
        except OSError as failure:
            raise self._refusal(failure) from None
        finally:
            self._abandon()

    def add(self, job: TraceJob, start_us: int) -> None:
        """Write the outcome of a job that has ended.

        Raises:
            SimulationError: The file cannot be written.
        """
        wait_us = start_us - job.submit_us
        self._rows.append(
            f"{job.job_id} {seconds(job.submit_us)} {seconds(wait_us)} {seconds(job.run_us)} {job.procs} -1 -1 "
            f"{job.procs} {seconds(job.estimate_us)} -1 1 {job.user} -1 -1 -1 -1 -1 -1\n"
        )
        if len(self._rows) >= _BUFFERED_ROWS:
            try:
                self._flush()
            except OSError as error:
                raise self._refusal(error) from None

    def _flush(self) -> None:
        """Hand the rows on to the file."""
        data = "".join(self._rows).encode("utf-8", "replace")
        self._rows.clear()
        (self._file if self._gzip is None else self._gzip).write(data)

    def _abandon(self) -> None:
        """Close what is open and remove a part that was not renamed; after success there is neither."""
        # What cannot be written is given up: the caller is told by the exception that led here.
        for file in (self._gzip, self._file):
            if file is not None:
                with suppress(OSError, ValueError):
                    file.close()
        if self._part != self._path:
            self._part.unlink(missing_ok=True)

    def _refusal(self, error: OSError | ValueError) -> SimulationError:
        """Return the sentence for a file that cannot be written."""
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        return SimulationError(f"{self._path} cannot be written ({reason}); give another file with --out.")


def read_waits(path: str) -> dict[int, int]:
    """Return the wait of each job of an outcome in microseconds, by job number.

    Args:
        path: A file of ``OutcomeWriter``, or any other whose column 3 is the wait; ``-`` is the standard input.

    Raises:
        TraceError: It cannot be read, a line is malformed, a wait is missing, or two jobs have the same number: a
            comparison must not rest on part of a schedule.
    """
    waits_us: dict[int, int] = {}
    with SwfReader(path) as reader:
        for found in reader:
            if found.wait_us < 0:
                raise TraceError(f"{reader.name} has no wait for job {found.job_id}; give the outcome of a simulation.")
            if found.job_id in waits_us:
                raise TraceError(f"{reader.name} has two outcomes of job {found.job_id}; give one with unique numbers.")
            waits_us[found.job_id] = found.wait_us
        if reader.malformed:
            raise TraceError(f"{reader.name} is damaged: {reader.malformed[0]}; make it again.")
    return waits_us


def _header(trace: Trace, policy: str, event_order: str, rules: Rules | None) -> str:
    """Return the ``;`` lines that say how an outcome was made."""
    options = trace.options
    made = (
        f"trace={trace.name} sha256={trace.sha256} policy={policy} event_order={event_order} procs={trace.procs} "
        f"procs_field={options.procs_field} overrun={options.overrun} clairvoyant={str(options.clairvoyant).lower()} "
        f"first={options.first or 'all'}"
    )
    changed = {name: value for name, value in transform_figures(options).items() if value is not None}
    goes_by = {**rules_figures(policy, rules), **policy_parameters(policy)}
    drawn: dict[str, JsonValue] = {
        "transforms": transform_figures(options),
        "policy_parameters": policy_parameters(policy),
    }
    lines = [
        "Version: 2.2",
        "Computer: meted simulate",
        f"MaxJobs: {len(trace)}",
        f"MaxRecords: {len(trace)}",
        "Preemption: No",
        f"UnixStartTime: {trace.header.number('UnixStartTime') or 0}",
        f"MaxProcs: {trace.procs}",
        "Note: the wait is simulated; rows are in the order of termination",
        f"Note: {' '.join(made.split())}",
        f"Note: ties={TIE_RULE}",
        f"Note: jobs as {_listed(changed)}",
        f"Note: seed={seed_words(drawn)}",
        *([f"Note: parameters {_listed(goes_by)}"] if goes_by else ()),
        f"Note: filter {_listed({name: count for name, count in attrs.asdict(trace.counts).items() if count})}",
    ]
    return "".join(f"; {line}\n" for line in lines)


def _listed(named: Mapping[str, object]) -> str:
    """Return values by their names on one line, without blanks in any of them."""
    return " ".join(f"{name}={'_'.join(str(value).split())}" for name, value in named.items())
