"""``meted demo``: a real pool on this machine, killed on the way, and the proof that it was fair and lost nothing."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

import click

from meted.adapters.cli.funnel import INTERRUPTED
from meted.adapters.cli.options import json_option, one_place
from meted.adapters.log import LogError, SQLiteLog
from meted.adapters.wording import counted

from ..commands.replay import run_policy
from ..traces.own_log import read_own_log
from .check import check
from .play import Play
from .processes import WORKERS, Processes
from .screen import open_screen
from .summary import POLICIES, Outcome, document, tell
from .work import SHARES, DemoError, estimate_us, make_arrays, worker_cpus

UNITS_A_SLOT: Final = 60
"""Units of an array for each command that runs at a time: so the demo takes about half a minute anywhere."""

UNITS_MAX: Final = 4_000
"""Units of an array, at most."""

AGAIN: Final = "This machine was too busy to judge the shares by so few commands; once more, with twice as many."

PLACE_BYTES_MAX: Final = 80
"""A directory with a longer path is no place for a socket."""

TERMINATED: Final = 143
"""Exit code after SIGTERM, as shells have it: 128 + SIGTERM."""


@click.command("demo", short_help="Share this machine among three domains, and prove it.")
@click.argument("place", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Data directory, which must have no log yet.  [default: the log is not kept]",
)
@click.option(
    "--units", type=click.IntRange(1, UNITS_MAX), metavar="N", help="Units of each array (default: 60 a processor)."
)
@json_option
def demo(place: Path | None, data: Path | None, units: int | None, as_json: bool) -> None:
    """Share this machine among three domains, and prove it.

    A server and two workers are started, as processes of their own. Three domains with shares 1, 2 and 5 submit arrays
    of commands; each computes the sha256 of one file of Python's own library. On the way one worker and then the server
    are killed with kill -9; the server is started again.

    At the end it is checked that every result is right and was counted once; that each domain received its share while
    all had work waiting; that nothing acknowledged was lost, and what ran was adopted; that the log is what was
    written, and folds to the state that the server had; and that no process is left. The log is replayed in the
    simulator under two policies. Where --units are too few to judge the shares by, they are not judged; where a busy
    machine makes them too few, all is done once more with twice as many, unless the log is to be kept.

    The log is kept in the data directory DIR, if that or --data is given. It takes half a minute, with a second go two.
    The exit code is 0 only if all of it held, but for shares that --units were too few to judge.
    """
    data = one_place(place, data)
    slots = len(WORKERS) * worker_cpus(len(WORKERS))
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(_terminable())
            folder = stack.enter_context(_temporary())
            if data is not None and not _is_fresh(data):
                raise click.ClickException(f"There is a log in {data} already; name another directory.")
            play = partial(_perform, slots=slots, is_chosen=units is not None, silent=as_json)
            count = UNITS_A_SLOT * slots if units is None else units
            outcome = play(folder, data or folder / "data", count)
            if data is None and outcome.failed == ["shares"] and outcome.found.is_fair is None:
                click.echo(f"\n{AGAIN}\n", err=True)
                folder = stack.enter_context(_temporary())
                outcome = play(folder, folder / "data", 2 * count)
    except (LogError, DemoError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("Interrupted; " + ("nothing was kept." if data is None else f"the log stays in {data}."), err=True)
        sys.exit(INTERRUPTED)
    if as_json:
        click.echo(json.dumps(document(outcome), indent=2))
    else:
        tell(outcome)
        if data is not None:
            click.echo(f"The log is in {data}; look at it with: meted log show {data}")
    if outcome.failed:
        sys.exit(1)


def _perform(place: Path, data: Path, units: int, slots: int, is_chosen: bool, silent: bool) -> Outcome:
    """Do it all, and end all processes."""
    began_s = time.monotonic()
    arrays = make_arrays(units)
    count = units * len(arrays)
    expected_us = estimate_us(arrays[0])
    if not silent:
        click.echo(
            f"Domains {', '.join(f'{name} {share}' for name, share in SHARES.items())} submit {len(arrays)} arrays of "
            f"{counted(units, 'command')}: each hashes a Python file.\n"
            f"A server and {len(WORKERS)} workers of {counted(slots // len(WORKERS), 'cpu')} each run them: "
            "real processes over a real socket."
        )
    processes = Processes(place, data, slots // len(WORKERS))
    try:
        with open_screen(count, silent) as screen:
            played = Play(processes, data, arrays, expected_us, screen).run()
    finally:
        processes.close()
    left = len(processes.left())
    with SQLiteLog.open(data, read_only=True) as log:
        found = check(log, arrays, played, slots)
    trace = read_own_log(data)
    figures = {policy: run_policy(trace, policy) for policy in POLICIES}
    took_s = time.monotonic() - began_s
    return Outcome(count, slots, expected_us, played, found, left, figures, took_s, is_chosen)


@contextlib.contextmanager
def _temporary() -> Iterator[Path]:
    """Give a directory whose path is short, and remove it whatever is in it."""
    base = tempfile.gettempdir()
    place = tempfile.mkdtemp(prefix="meted-demo-", dir=base if len(base) < PLACE_BYTES_MAX else "/tmp")
    try:
        yield Path(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the block as an exception would, so that everything is tidied up."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_fresh(data: Path) -> bool:
    """Whether there is no log in a data directory yet, or one in which nothing has happened.

    Raises:
        LogError: It cannot be opened.
    """
    with SQLiteLog.open(data) as log:
        return log.head.seq == 0
