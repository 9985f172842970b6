"""What the benchmarks share: a table for people, JSON for programs, and the facts of the machine."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

Row = Mapping[str, float | int | str]


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser that knows ``--json``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", metavar="FILE", help="write one JSON document to FILE; - is stdout, nothing else")
    return parser


def rss_mib() -> float:
    """Return the memory that this process holds now, in MiB."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        pages = int(statm.read().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def tree_cpu_us(pid: int) -> int:
    """Return the processor time, in microseconds, of a process and all that it started, what has ended included."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        times = stat.read().rpartition(")")[2].split()[11:15]
    used_us = sum(map(int, times)) * 1_000_000 // os.sysconf("SC_CLK_TCK")
    children: list[str] = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as listed:
            children += listed.read().split()
    return used_us + sum(tree_cpu_us(int(child)) for child in children)


def wait_for_server(path: str, server: subprocess.Popen[bytes]) -> None:
    """Return when a server listens at a Unix socket."""
    while server.poll() is None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as tried:
            tried.connect(path)
            return
        time.sleep(0.05)
    raise SystemExit("the server did not start")


def machine() -> str:
    """Return the machine in one line."""
    return f"{platform.machine()}, {os.cpu_count()} cpus, CPython {platform.python_version()}, {platform.system()}"


def percentile(values: Iterable[float], percent: int) -> float:
    """Return the value below which ``percent`` per cent of ``values`` lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def show(title: str, rows: Sequence[Row], to: str | None) -> None:
    """Print ``rows`` as a table, or write them with the machine as JSON; of a lone row the document has the members."""
    if to is not None:
        alone = rows[0] if len(rows) == 1 else {}
        document = json.dumps({**alone, "benchmark": title, "machine": machine(), "results": list(rows)}, indent=1)
        if to == "-":
            sys.stdout.write(document + "\n")
        else:
            with open(to, "w", encoding="utf-8") as file:
                file.write(document + "\n")
        return
    print(f"{title}  ({machine()})")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns, *([_cell(row.get(name, "")) for name in columns] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(columns))]
    for line in cells:
        print("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))


def _cell(value: float | int | str) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else value
