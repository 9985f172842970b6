"""What a machine offers to the pool: processors, memory, other resources, what it is called, and for how long."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from meted.core.record import record
from meted.core.resources import Resources

from ..wire.params_workers import WorkerJoin


@record
class Offer:
    """What a worker says of itself when it joins.

    Attributes:
        capacity: What its units may use together.
        labels: (name, value) of what it says of itself.
        until_us: When it will leave, in microseconds since the Unix epoch, or None.
        prefetch: Whether it may be given work before what it has is finished.
        owner: The domain whose machine it is and whose work goes first there; empty is nobody's.
        restricted: Whether it takes nobody else's work.
    """

    capacity: Resources
    labels: tuple[tuple[str, str], ...] = ()
    until_us: int | None = None
    prefetch: bool = True
    owner: str = ""
    restricted: bool = False

    def join(self, name: str, instance: str, dial: int) -> WorkerJoin:
        """Return it as it is sent; the arguments are the parameters of ``worker.join``."""
        return WorkerJoin(
            name,
            instance,
            self.capacity.cpu_milli,
            self.capacity.mem_bytes,
            dict(self.capacity.generic),
            dict(self.labels),
            self.until_us,
            self.prefetch,
            dial,
            self.owner,
            self.restricted,
        )


def this_machine(
    cpu_milli: int | None = None,
    mem_bytes: int | None = None,
    generic: Iterable[tuple[str, int]] = (),
    labels: Iterable[tuple[str, str]] = (),
    until_us: int | None = None,
    prefetch: bool = True,
    owner: str = "",
    restricted: bool = False,
) -> Offer:
    """Return an offer of this machine: what is not said is measured.

    Args:
        cpu_milli: Thousandths of a processor; None = all that this process may run on.
        mem_bytes: Memory; None = what the machine has, or what the control group of this process may use if that is
            less.
        generic: (name, thousandths) of other resources; the last of a name counts, and zero is none.
        labels: (name, value) pairs beside ``host`` and ``os``, which they may replace.
        until_us: When the worker will leave, in microseconds since the Unix epoch, or None.
        prefetch: Whether it may be given work before what it has is finished.
        owner: The domain whose machine it is and whose work goes first there; empty is nobody's.
        restricted: Whether it takes nobody else's work.
    """
    cpu = available_cpus() * 1000 if cpu_milli is None else cpu_milli
    mem = available_mem_bytes() if mem_bytes is None else mem_bytes
    said = {"host": platform.node(), "os": platform.system().lower(), **dict(labels)}
    return Offer(
        Resources.of(cpu, mem, dict(generic)), tuple(sorted(said.items())), until_us, prefetch, owner, restricted
    )


def available_cpus() -> int:
    """Return on how many processors this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_mem_bytes(root: Path = Path("/")) -> int:
    """Return the memory of the machine, or the limit of the control group of this process if that is less.

    Args:
        root: Where ``proc`` and ``sys`` are.
    """
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [total]
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemTotal:"):
            limits = [int(line.split()[1]) * 1024]
    for path in _limit_files(root):
        limits.extend(int(line) for line in _lines(path) if line.strip().isdigit())
    return min(limits)


def _limit_files(root: Path) -> list[Path]:
    """Return the files that may hold a memory limit, of the own control group and of those that it is part of."""
    files: list[Path] = []
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, group = line.strip().split(":", 2)
        inside = Path(group.lstrip("/"))
        if controllers == "":
            base, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            base, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        files.extend(base / part / name for part in (inside, *inside.parents))
    return files


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
