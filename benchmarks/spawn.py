"""Real processes a second: the executor of processes, and a whole pool, against the barest loop that does the same.

Every unit is ``true`` with two output files of its own and a session of its own, two in flight. The bare loop is
posix_spawn, a pidfd and poll, and nothing else: no time limit, no result, no way to kill one. The pool is a server with
its log on the disk and one worker, on the same cores; its time goes from the submission to the durable end of the job.

Nothing is deleted before the end: ext4 without a journal does not give the number of a file that was deleted in the
last minutes to a new one, and looks through all of them for each file that is made. So every round would be slower the
more the rounds before it had deleted, and so is any round soon after somebody else has deleted many. Where that is to
be kept out, ``--files`` takes a directory of a file system in memory.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import trio
from harness import Row, arguments, show, tree_cpu_us
from latency import pool

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.executors.contract import UnitToRun
from meted.adapters.executors.process import ProcessExecutor
from meted.core.spec import Spec

IN_FLIGHT = 2
WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def bare(program: str, directory: str, units: int) -> float:
    """Run ``units`` processes with the bare loop and return the seconds it took."""
    environment = dict(os.environ)
    shards = [os.path.join(directory, str(shard)) for shard in range(-(-units // 1_000))]
    for shard in shards:
        os.makedirs(shard)
    poll = select.poll()
    running: dict[int, int] = {}

    def start(index: int) -> None:
        path = f"{shards[index // 1_000]}/{index}"
        files = (
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, path + ".out", WRITE, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, path + ".err", WRITE, 0o600),
        )
        pid = os.posix_spawn(program, [program], environment, file_actions=files, setsid=True)
        pidfd = os.pidfd_open(pid)
        poll.register(pidfd, select.POLLIN)
        running[pidfd] = pid

    began = time.perf_counter()
    begun = 0
    while begun < min(IN_FLIGHT, units):
        start(begun)
        begun += 1
    while running:
        for pidfd, _ in poll.poll():
            os.wait4(running.pop(pidfd), 0)
            poll.unregister(pidfd)
            os.close(pidfd)
            if begun < units:
                start(begun)
                begun += 1
    return time.perf_counter() - began


def executor(program: str, directory: str, units: int) -> float:
    """Run ``units`` units with the executor and return the seconds it took."""
    return trio.run(partial(_executor, program, directory, units))


async def _executor(program: str, directory: str, units: int) -> float:
    processes = ProcessExecutor(directory)
    processes.open()
    spec = Spec(argv=(program,), cwd=directory)
    indices = iter(range(units))

    async def lane() -> None:
        for index in indices:
            end = await processes.run(UnitToRun(1, index, 1, 1, spec, count=units))
            assert end.exit_code == 0, end

    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(IN_FLIGHT):
            nursery.start_soon(lane)
    took_s = time.perf_counter() - began
    processes.close()
    return took_s


def served(client: BlockingClient, program: str, directory: str, units: int) -> float:
    """Run ``units`` units through a pool and return the seconds it took."""
    began = time.perf_counter()
    job = client.call("submit", argv=[program], cwd=directory, count=units)["job"]
    row = client.call("wait", job=job, wait_us=60_000_000)
    assert row["succeeded"] == units, row
    return time.perf_counter() - began


Loop = Callable[[str, str, int], float]


def measure(loops: dict[str, Loop], files: str, program: str, units: int, rounds: int) -> list[Row]:
    """Run all loops in turn, so that a busy moment of the machine falls on all, and compare each with the first."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, run in loops.items():
            directory = tempfile.mkdtemp(dir=files)
            before_us = tree_cpu_us(os.getpid())
            seconds = run(program, directory, units)
            took[name].append((seconds, (tree_cpu_us(os.getpid()) - before_us) / units))
    bare_took = next(iter(took.values()))
    rows: list[Row] = []
    for name, found in took.items():
        pairs = list(zip(bare_took, found, strict=True))
        rates = [units / seconds for seconds, _ in found]
        rows.append(
            {
                "loop": name,
                "units_per_s": round(statistics.median(rates)),
                "best_per_s": round(max(rates)),
                "cpu_us_per_unit": round(statistics.median(cpu_us for _, cpu_us in found)),
                "percent_of_bare": round(100 * statistics.median(bare[0] / ours[0] for bare, ours in pairs), 1),
                "percent_by_cpu": round(100 * statistics.median(bare[1] / ours[1] for bare, ours in pairs), 1),
            }
        )
    return rows


def main() -> None:
    """Measure all three loops: by the clock, and by the processor time of all processes together."""
    parser = arguments(main.__doc__ or "")
    parser.add_argument("--units", type=int, default=1_000, help="processes a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each")
    parser.add_argument("--files", type=Path, help="where the output files lie; by default with the log")
    parser.add_argument("--min-percent", type=int, default=0, help="fail if anything is slower than this")
    options = parser.parse_args()
    program = shutil.which("true") or "/bin/true"
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        files = stack.enter_context(tempfile.TemporaryDirectory(dir=options.files or folder))
        _, client = pool(stack, Path(folder), Path(files) / "worker")
        loops: dict[str, Loop] = {"bare loop": bare, "executor": executor, "pool": partial(served, client)}
        rows = measure(loops, files, program, options.units, options.rounds)
    slowest = min(float(row["percent_of_bare"]) for row in rows)
    show("processes started, run and reaped", rows, options.json)
    if slowest < options.min_percent:
        raise SystemExit(f"only {slowest} % of the bare loop are reached; at least {options.min_percent} % are asked")


if __name__ == "__main__":
    main()
