"""``meted up``: a server and workers of this machine, together."""

from __future__ import annotations

import contextlib
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from ..wording import pluralized
from .options import data_argument
from .serve import addresses_of, announce, read_log, sentences, serve_options
from .times import DURATION
from .worker import known_executor

if TYPE_CHECKING:
    from ..server.app import Server
    from ..wire.address import Address
    from .local_workers import LocalWorkers

WORKERS_MAX = 1_024
"""Workers that one machine may be divided into."""


@click.command(
    "up",
    short_help="Run a server and workers on this machine.",
    epilog="""\b
Examples:
  meted up
  meted up ./pool --workers 2
  meted submit -- hostname       in another terminal

Exit codes: 0 it was asked to stop, 1 it could not start (the data directory is in use, say).
""",
)
@data_argument
@click.option(
    "--workers",
    type=click.IntRange(0, WORKERS_MAX),
    default=1,
    show_default=True,
    metavar="N",
    help="Workers among which the machine's cpus and memory are divided.",
)
@click.option("--stagger", type=DURATION, default="0", metavar="DUR", help="Workers start units so far apart.")
@click.option("--executor", metavar="NAME", help="What runs the units.  [default: the config file's, else process]")
@serve_options
def up(data: Path, workers: int, stagger: int, executor: str | None, listen: tuple[str, ...], policy: str) -> None:
    """Run a server and workers on this machine, until Ctrl-C.

    With no options, meted submit and all other commands find it by themselves. Everything is in the data directory:
    killed or stopped and started again, it goes on where it was. Workers outlive a server that is killed, and what they
    run goes on; they are adopted when it is started again.
    """
    addresses = addresses_of(listen)
    options = ["--stagger", f"{stagger / 1_000_000:f}"] if stagger else []
    if executor is not None:
        known_executor(executor)
        options += ["--executor", executor]
    with sentences():
        from ..server.run import serve as run

        held: list[LocalWorkers] = []

        def ready(bound: list[Address], server: Server) -> None:
            announce(bound, data, server.read_only)
            held.append(_start_workers(data, workers if server.read_only is None else 0, bound[0], options))
            _stop_workers_first(held[0], server)
            if server.read_only is None:
                _say_what_next(workers)
            else:
                click.echo("No worker is started; those that live go on with what they run.")

        try:
            run(data, addresses, policy, ready, read_log)
        finally:
            for local in held:
                local.stop()


def _start_workers(data: Path, count: int, server: Address, options: list[str]) -> LocalWorkers:
    from ..worker.offer import available_cpus, available_mem_bytes
    from .local_workers import LocalWorkers, places

    wanted = places(data.absolute(), count, available_cpus(), available_mem_bytes()) if count else []
    local = LocalWorkers(wanted, str(server), click.echo, options)
    local.start()
    return local


def _stop_workers_first(local: LocalWorkers, server: Server) -> None:
    """From now on a signal to stop ends the workers and then the server; a second one does not wait for them."""
    import trio

    token = trio.lowlevel.current_trio_token()
    asked = threading.Event()

    def end() -> None:
        local.stop()
        with contextlib.suppress(trio.RunFinishedError):  # it has stopped meanwhile
            token.run_sync_soon(server.stop)

    def on_signal(_: int, __: FrameType | None) -> None:
        if asked.is_set():
            token.run_sync_soon(server.stop)
            return
        asked.set()
        click.echo("Stopping: first the workers, then the server.")
        threading.Thread(target=end, name="stop", daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, on_signal)


def _say_what_next(workers: int) -> None:
    click.echo(f"{workers} {pluralized(workers, 'worker')} on this machine. In another terminal, try:")
    click.echo("  meted submit --count 10 -- echo {index}")
    click.echo("  meted watch")
    click.echo("Ctrl-C ends it; nothing is lost.")
