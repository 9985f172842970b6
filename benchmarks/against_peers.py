"""The same commands through meted and through HyperQueue, Dask, Ray and Parsl, in one run on one machine.

Each has two slots and runs ``date``, with output files of its own, so that every unit tells when it started. ``many``:
so many units submitted at once, counted until the last has started, and until who waits is told that all have ended.
``one``: a unit alone on an idle pool, from its submission to its start. Rounds go in turn, each in a pool of its own
that is warm, so that a busy moment of the machine falls on all.

meted keeps what users run: a server with its log on the disk, synced before anything is answered, and a worker. The
peers keep nothing: HyperQueue runs without its journal, and the others have none. They are no dependencies: name an
interpreter that has them (``pip install hyperqueue "dask[distributed]" ray parsl``); who is missing there is skipped
with a sentence.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from harness import Row, arguments, show
from latency import pool
from peer_driver import COMMAND, PEERS, SLOTS

DRIVER = Path(__file__).with_name("peer_driver.py")

Batch = Callable[[int, str], tuple[int, int]]
"""Runs so many units in a folder; returns when it began to submit and when all were known to have ended, ns."""

MODULES = {"hyperqueue": "hyperqueue", "dask": "distributed", "ray": "ray", "parsl": "parsl"}


def why_not(python: str, peer: str) -> str | None:
    """Return why a peer does not run in an interpreter, as a sentence; None where it does."""
    program = f"import importlib.util as u, sys; sys.exit(u.find_spec({MODULES[peer]!r}) is None)"
    try:
        missing = subprocess.run([python, "-c", program], check=False).returncode
    except OSError as error:
        return f"{peer} is skipped: {python} does not start ({error.strerror})."
    return f"{peer} is skipped: {python} does not have it; name one that has with --python." if missing else None


@contextlib.contextmanager
def of_meted(folder: Path) -> Iterator[Batch]:
    """A server and a worker of their own."""
    with contextlib.ExitStack() as stack:
        _, client = pool(stack, folder, SLOTS)

        def run(units: int, directory: str) -> tuple[int, int]:
            began_ns = time.time_ns()
            job = client.call("submit", argv=COMMAND, cwd=directory, count=units)["job"]
            row = client.call("wait", job=job, wait_us=600_000_000)
            assert row["succeeded"] == units, row
            told_ns = time.time_ns()
            (folder / f"worker/jobs/{job}").rename(f"{directory}/outputs")
            return began_ns, told_ns

        yield run


@contextlib.contextmanager
def of_peer(python: str, peer: str, folder: Path) -> Iterator[Batch]:
    """A peer's pool, driven by its program."""
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [python, str(DRIVER), peer],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    requests, answers = process.stdin, process.stdout

    def answer() -> str:
        line = answers.readline()
        if not line:
            sys.exit(f"{peer} failed: {(folder / 'said').read_text().strip().splitlines()[-1:]}")
        return line

    def run(units: int, directory: str) -> tuple[int, int]:
        print(units, directory, file=requests, flush=True)
        began_ns, told_ns = answer().split()
        return int(began_ns), int(told_ns)

    answer()
    yield run
    requests.close()
    process.wait()


def started_ns(directory: str, units: int) -> list[int]:
    """Return when the units of a batch have started, by what they printed, in order."""
    texts = [path.read_text() for path in Path(directory).rglob("*out") if path.is_file()]
    found = sorted(int(text) for text in texts if text)
    assert len(found) == units, f"{len(found)} of {units} units have printed when they started"
    return found


def one_round(begun: AbstractContextManager[Batch], units: int, alone: int) -> dict[str, float]:
    """Start a pool, warm it, and run what is counted."""
    with begun as run, tempfile.TemporaryDirectory() as directory:
        batches = []
        for name, count in (("warm", 100), ("many", units), *((f"one-{n}", 1) for n in range(alone))):
            place = f"{directory}/{name}"
            os.mkdir(place)
            began_ns, told_ns = run(count, place)
            batches.append((count, began_ns, told_ns, started_ns(place, count)))
        _, (count, began_ns, told_ns, starts), *ones = batches
        return {
            "units_per_s": count / (starts[-1] - began_ns) * 1e9,
            "told_per_s": count / (told_ns - began_ns) * 1e9,
            "one_ms": statistics.median(found[0] - began for _, began, _, found in ones) / 1e6,
        }


def main() -> None:
    """Run all in turn, and show the medians."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--units", type=int, default=3_000, help="units at once")
    parser.add_argument("--alone", type=int, default=20, help="units one by one")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only these (default: all)")
    options = parser.parse_args()
    python = os.path.abspath(shutil.which(options.python) or options.python)
    reasons = {peer: why_not(python, peer) for peer in options.peer or PEERS}
    for reason in filter(None, reasons.values()):
        print(reason, file=sys.stderr)
    found: dict[str, list[dict[str, float]]] = {"meted": []}
    found.update((peer, []) for peer, reason in reasons.items() if reason is None)
    for _ in range(options.rounds):
        for name, rounds in found.items():
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                begun = of_meted(folder) if name == "meted" else of_peer(python, name, folder)
                rounds.append(one_round(begun, options.units, options.alone))
    rows: list[Row] = []
    for name, rounds in found.items():
        medians = {figure: statistics.median(one[figure] for one in rounds) for figure in rounds[0]}
        rows.append(
            {
                "pool": name,
                "durable": "yes" if name == "meted" else "no",
                "units_per_s": round(medians["units_per_s"]),
                "told_per_s": round(medians["told_per_s"]),
                "one_ms": round(medians["one_ms"], 1),
            }
        )
    show("commands through meted and its peers", rows, options.json)


if __name__ == "__main__":
    main()
