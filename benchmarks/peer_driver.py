"""One peer's pool of two slots, driven as its own manual shows; runs in an interpreter that has it.

Says ``ready`` and, for each line ``UNITS FOLDER`` that it reads, when it began to submit and when it knew that all had
ended, nanoseconds of the wall clock. Every unit is the same command, with output files of its own in the folder.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

SLOTS = 2

COMMAND = ["date", "+%s%N"]
"""A unit: it prints when it runs."""

Run = Callable[[int, str], None]


def execute(folder: str, index: int) -> int:
    """Run a unit from a function, for peers whose units are functions."""
    with open(f"{folder}/{index}.out", "wb") as out, open(f"{folder}/{index}.err", "wb") as err:
        return subprocess.run(COMMAND, stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=True).returncode


@contextlib.contextmanager
def hyperqueue() -> Iterator[Run]:
    """A server and a worker in this process; tasks are programs."""
    from hyperqueue import Job, LocalCluster  # type: ignore[import-not-found]
    from hyperqueue.cluster import WorkerConfig  # type: ignore[import-not-found]

    with LocalCluster(worker_config=WorkerConfig(cores=SLOTS)) as cluster:
        client = cluster.client()

        def run(units: int, folder: str) -> None:
            job = Job(folder)
            for _ in range(units):
                job.program(COMMAND, cwd=folder)
            submitted = client.submit(job)
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # its progress bar
                client.wait_for_jobs([submitted])

        yield run


@contextlib.contextmanager
def dask() -> Iterator[Run]:
    """A scheduler and a worker process of two threads; tasks are calls."""
    from distributed import Client, LocalCluster  # type: ignore[import-not-found]

    with (
        LocalCluster(n_workers=1, threads_per_worker=SLOTS, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):

        def run(units: int, folder: str) -> None:
            futures = client.map(lambda index: execute(folder, index), range(units), pure=False)
            client.gather(futures)

        yield run


@contextlib.contextmanager
def ray() -> Iterator[Run]:
    """A node of two cpus; tasks are calls."""
    import ray as library  # type: ignore[import-not-found]

    library.init(num_cpus=SLOTS, include_dashboard=False, log_to_driver=False)
    remote = library.remote(execute)

    def run(units: int, folder: str) -> None:
        library.get([remote.remote(folder, index) for index in range(units)])

    try:
        yield run
    finally:
        library.shutdown()


@contextlib.contextmanager
def parsl() -> Iterator[Run]:
    """The high-throughput executor with two worker processes; tasks are shell commands."""
    import parsl as library  # type: ignore[import-not-found]
    from parsl.config import Config  # type: ignore[import-not-found]
    from parsl.executors import HighThroughputExecutor  # type: ignore[import-not-found]
    from parsl.providers import LocalProvider  # type: ignore[import-not-found]

    # Its programs are found by name.
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    executor = HighThroughputExecutor(
        label="two",
        max_workers_per_node=SLOTS,
        address="127.0.0.1",
        provider=LocalProvider(init_blocks=1, max_blocks=1),
    )
    with library.load(Config(executors=[executor], run_dir=os.path.join(os.getcwd(), "runinfo"))):

        @library.bash_app  # type: ignore[untyped-decorator]
        def unit(command: str, stdout: str = "", stderr: str = "") -> str:
            return command

        def run(units: int, folder: str) -> None:
            command = " ".join(COMMAND)
            futures = [
                unit(command, stdout=f"{folder}/{index}.out", stderr=f"{folder}/{index}.err") for index in range(units)
            ]
            for future in futures:
                future.result()

        yield run


PEERS: dict[str, Callable[[], AbstractContextManager[Run]]] = {
    "hyperqueue": hyperqueue,
    "dask": dask,
    "ray": ray,
    "parsl": parsl,
}


def main() -> None:
    """Serve rounds until the input ends."""
    (name,) = sys.argv[1:]
    # What a peer prints would be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    with PEERS[name]() as run:
        print("ready", file=answers)
        for line in sys.stdin:
            units, folder = line.split()
            began_ns = time.time_ns()
            run(int(units), folder)
            print(began_ns, time.time_ns(), file=answers)


if __name__ == "__main__":
    main()
