"""Real processes a second: the executor of processes against the barest loop that does the same.

Every unit is ``true`` with two output files of its own and a session of its own, two in flight. The bare loop is
posix_spawn, a pidfd and poll, and nothing else: no time limit, no result, no way to kill one.
"""

from __future__ import annotations

import os
import select
import shutil
import statistics
import tempfile
import time
from functools import partial

import trio
from harness import Row, arguments, show

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


def main() -> None:
    """Measure both in turn, so that a busy moment of the machine falls on both, and compare the medians."""
    parser = arguments(main.__doc__ or "")
    parser.add_argument("--units", type=int, default=1_000, help="processes a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each")
    parser.add_argument("--min-percent", type=int, default=0, help="fail if the executor is slower than this")
    options = parser.parse_args()
    program = shutil.which("true") or "/bin/true"
    rates: dict[str, list[float]] = {"bare loop": [], "executor": []}
    for _ in range(options.rounds):
        for name, run in (("bare loop", bare), ("executor", executor)):
            with tempfile.TemporaryDirectory() as directory:
                rates[name].append(options.units / run(program, directory, options.units))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    ratios = [ours / theirs for theirs, ours in zip(rates["bare loop"], rates["executor"], strict=True)]
    percent = round(100 * statistics.median(ratios), 1)
    rows: list[Row] = [
        {"loop": name, "units_per_s": round(median), "best_per_s": round(max(rates[name]))}
        for name, median in medians.items()
    ]
    rows.append({"loop": "executor, percent of bare", "units_per_s": percent})
    show("processes started, run and reaped", rows, options.json)
    if percent < options.min_percent:
        raise SystemExit(
            f"the executor reaches {percent} % of the bare loop; at least {options.min_percent} % is asked"
        )


if __name__ == "__main__":
    main()
