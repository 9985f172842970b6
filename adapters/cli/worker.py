"""``meted worker``: run units on this machine for a server. This process becomes the worker's keeper."""

from __future__ import annotations

import fcntl
import os
import platform
import sys
from pathlib import Path

import click

from ..config_file import config_path
from ..wording import signal_name
from .config import setting
from .connect import DOMAIN, address_of, server_option
from .options import default_data
from .times import DURATION, TIME
from .values import AMOUNT, KEY_VALUE, RESOURCE, SIZE, pairs_option

LOCK = "lock"
"""File in the worker's directory that is locked while a worker uses it."""


@click.command("worker", short_help="Run units on this machine for a server.")
@server_option
@click.option("--cpus", type=AMOUNT, metavar="N", help="Processors to offer.  [default: all that it may use]")
@click.option("--mem", type=SIZE, metavar="SIZE", help="Memory to offer, as 4G.  [default: all that it may use]")
@pairs_option("--resource", "generic", of=RESOURCE, metavar="NAME=N", help="Offer also this: gpu=2.")
@pairs_option("--label", "labels", of=KEY_VALUE, metavar="NAME=VALUE", help="Say this of the worker.")
@click.option("--until", "until_us", type=TIME, metavar="TIME", help="Leave then: an ISO time, or now+2h.")
@click.option("--no-prefetch", is_flag=True, help="Take no work before there is room for it.")
@click.option(
    "--owner", type=DOMAIN, metavar="DOMAIN", default="", help="Whose machine it is: its work goes first here."
)
@click.option("--only-owner", is_flag=True, help="Take nobody else's work.")
@click.option("--name", metavar="NAME", default=platform.node, help="What to call it.  [default: the host's name]")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="METED_WORKER_DIR",
    metavar="DIR",
    help="Where it keeps what units write; one worker a directory.  "
    "[default: $METED_WORKER_DIR, else ~/.local/share/meted/worker]",
)
@click.option(
    "--executor",
    default=lambda: setting("executor") or "process",
    metavar="NAME",
    help="What runs the units.  [default: the config file's, else process]",
)
@click.option("--stagger", "stagger_us", type=DURATION, default="0", metavar="DUR", help="Start units so far apart.")
@click.option("--patience", "patience_us", type=DURATION, metavar="DUR", help="Leave after so long without a server.")
def worker(
    server: str | None,
    cpus: int | None,
    mem: int | None,
    generic: tuple[tuple[str, int], ...],
    labels: tuple[tuple[str, str], ...],
    until_us: int | None,
    no_prefetch: bool,
    owner: str,
    only_owner: bool,
    name: str,
    directory: Path | None,
    executor: str,
    stagger_us: int,
    patience_us: int | None,
) -> int:
    """Run units on this machine for a server, until it is stopped.

    The worker goes on when the server is away: what runs runs on, and what has ended is reported when the server is
    back. Ctrl-C lets running units end and gives back what has not started; a second Ctrl-C, or SIGTERM, kills what
    runs. Nothing that a unit started outlives the worker, whatever the worker dies of.

    With --stagger, units that are to run beside those that run already start at least so far apart; one that takes the
    place of another that has ended starts at once. With --executor, another package runs the units: in containers, say.
    """
    from ..wire.address import default_address, parse_address
    from ..wire.errors import AddressError
    from ..worker.keeper import KeeperError, keep
    from ..worker.lost import bury_last, tell_lost
    from ..worker.offer import this_machine
    from ..worker.process import WORKER_MODULE, Settings

    if only_owner and not owner:
        raise click.UsageError("--only-owner needs --owner DOMAIN: whose work is it to take?")
    known_executor(executor)
    asked = address_of(server)
    try:
        address = default_address() if asked is None else parse_address(asked)
    except AddressError as error:
        raise click.UsageError(str(error)) from None
    place = (directory or Path(default_data()) / "worker").absolute()
    settings = Settings(
        str(address),
        name,
        str(place),
        this_machine(
            cpus, mem, generic, (*said_executor(executor), *labels), until_us, not no_prefetch, owner, only_owner
        ),
        None if patience_us is None else patience_us / 1_000_000,
        lock_directory(place),
        executor,
        str(config_path()),
        stagger_us,
    )
    bury_last(address, place)

    def on_death(code: int) -> None:
        sentence = tell_lost(address, place, how_it_ended(code))
        if code and sentence:
            click.echo(sentence, err=True)

    try:
        return keep([sys.executable, "-m", WORKER_MODULE, settings.to_text()], on_death)
    except KeeperError as error:
        raise click.ClickException(f"{error}.") from None


def known_executor(name: str) -> None:
    """See whether there is an executor of that name.

    Raises:
        click.UsageError: There is none of that name.
    """
    from ..executors.plugins import PluginError, check_name

    try:
        check_name(name)
    except PluginError as error:
        raise click.UsageError(str(error)) from None


def said_executor(name: str) -> tuple[tuple[str, str], ...]:
    """Return the label that says what runs a worker's units; processes go without saying."""
    from ..executors.lacking import EXECUTOR

    return () if name == "process" else ((EXECUTOR, name),)


def lock_directory(directory: Path) -> int:
    """Make a worker's directory if need be, lock it, and return the descriptor that locks it for us and our child.

    Raises:
        click.ClickException: Another worker uses it, or it is somebody else's.
        OSError: It cannot be made.
    """
    # Where nobody says otherwise, what it lies in is the data directory of a server, which has to be closed to others.
    for place in (directory.parent, directory):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_uid != os.getuid():
        raise click.ClickException(f"The directory {directory} is not yours; name another one with --dir.")
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise click.ClickException(
            f"Another worker uses the directory {directory}; give each its own with --dir."
        ) from None
    os.set_inheritable(descriptor, True)
    return descriptor


def how_it_ended(code: int) -> str:
    """Return a clause that goes on after "the worker".

    Args:
        code: Its exit code, or a negative number: the signal that ended it.
    """
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal_name(-code)}"
