"""Made-up workloads as files in the Standard Workload Format, written as they are made."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from ..errors import SimulationError
from ..factors import write_factor
from ..traces.swf_header import MAX_HEADER_BYTES
from .settings import SUBMIT_MAX_S, Model, Settings, SyntheticJob, check_settings

_BLOCK_JOBS: Final = 1_000
_GZIP_LEVEL: Final = 6


class Sink(Protocol):
    """What bytes can be written to."""

    def write(self, data: bytes, /) -> object:
        """Write all of them."""


def lines_of(model: Model, settings: Settings) -> Iterator[str]:
    """Return an iterator over blocks of lines: the header, then the jobs, a thousand at a time.

    The same model and settings give the same text on every machine.

    Raises:
        SimulationError: At once: settings make no sense for the model. While it goes on: the jobs come so far apart
            that they cannot be simulated.
    """
    check_settings(model, settings)
    head = _header(model, settings)
    if len(head) > MAX_HEADER_BYTES:
        raise SimulationError(
            f"the header would have more than {MAX_HEADER_BYTES:,} bytes, as it holds all shares and loans; "
            "ask for fewer jobs or users."
        )
    return _blocks(head, islice(model.jobs(settings), settings.jobs))


def write_workload(
    path: str, model: Model, settings: Settings, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write a workload to a file, under its name only when it is whole.

    Args:
        path: The file, compressed if its name ends with ``.gz``. What is no regular file, as a pipe, is written to
            directly.
        model: What makes the jobs.
        settings: What is asked of it.
        progress: Called with how many jobs are written and how many there will be.

    Raises:
        SimulationError: It cannot be written, or settings make no sense.
    """
    blocks = lines_of(model, settings)
    target = Path(path)
    direct = target.exists() and not target.is_file()
    part = target if direct else target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            if target.suffix == ".gz":
                with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                    copy_blocks(blocks, packed, settings.jobs, progress)
            else:
                copy_blocks(blocks, file, settings.jobs, progress)
        if not direct:
            os.replace(part, target)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise SimulationError(f"{path} cannot be written ({reason}); give another file with --out.") from None
    finally:
        if not direct:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def copy_blocks(
    blocks: Iterator[str], file: Sink, jobs: int, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write blocks of :func:`lines_of` to an open file."""
    for number, block in enumerate(blocks):
        file.write(block.encode("ascii"))
        if progress is not None:
            progress(min(number * _BLOCK_JOBS, jobs), jobs)


def command_of(model: Model, settings: Settings) -> str:
    """Return the command that makes the same workload."""
    words = [f"meted generate {model.name} --jobs {settings.jobs} --seed {settings.seed} --procs {settings.procs}"]
    if settings.users is not None:
        words.append(f"--users {settings.users}")
    if settings.load is not None:
        words.append(f"--load {write_factor(settings.load)}")
    if settings.run_s is not None:
        words.append(f"--run {settings.run_s}")
    if settings.shares:
        words.append(f"--shares {','.join(map(str, settings.shares))}")
    words += [f"--set {name}={write_factor(value)}" for name, value in sorted(settings.values.items())]
    return " ".join(words)


def _header(model: Model, settings: Settings) -> str:
    lines = [
        "Version: 2.2",
        f"Computer: made up by meted, model {model.name}",
        f"MaxJobs: {settings.jobs}",
        f"MaxRecords: {settings.jobs}",
        "Preemption: No",
        "UnixStartTime: 0",
        f"MaxProcs: {settings.procs}",
        f"Note: {command_of(model, settings)}",
        *model.header(settings),
    ]
    return "".join(f"; {line}\n" for line in lines)


def _blocks(head: str, jobs: Iterator[SyntheticJob]) -> Iterator[str]:
    yield head
    done = 0
    while block := list(islice(jobs, _BLOCK_JOBS)):
        if block[-1].submit_s > SUBMIT_MAX_S:
            raise SimulationError("the jobs come so far apart that they cannot be simulated; ask for a higher load.")
        lines = []
        for number, job in enumerate(block, done + 1):
            lines.append(
                f"{number} {job.submit_s} -1 {job.run_s} {job.procs} -1 -1 {job.procs} {job.estimate_s} -1 1 "
                f"{job.user} {job.group} -1 {job.queue} -1 -1 -1\n"
            )
        done += len(block)
        yield "".join(lines)
