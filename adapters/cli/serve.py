"""``meted serve`` and ``meted shutdown``: a server without workers, and the end of one."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from .connect import address_of, connected, server_option
from .options import data_argument

if TYPE_CHECKING:
    from meted.core.policy.base import Policy

    from ..log import Log
    from ..recovery import Recovered
    from ..server.app import Server
    from ..wire.address import Address

Command = TypeVar("Command", bound=Callable[..., object])

EVERYWHERE = ("0.0.0.0", "::")
"""Hosts that are all addresses of this machine: one may listen there, and nobody can dial them."""


def serve_options(command: Command) -> Command:
    """Add ``--listen ADDR`` and ``--policy NAME``, which the command gets as ``listen`` (texts) and ``policy``."""
    listen = click.option(
        "--listen",
        multiple=True,
        metavar="ADDR",
        help="Listen here: unix:PATH or tcp://HOST:PORT; may be given several times. Over TCP only those may call who "
        "have the token in ~/.config/meted/token.  [default: where commands look for the server]",
    )
    policy = click.option(
        "--policy",
        default="meted",
        show_default=True,
        metavar="NAME",
        shell_complete=_policies,
        callback=_live,
        help="Who is next: meted, or another of docs/policies.md that runs live, with its parameters: easy, or "
        "stride:fill=strict.",
    )
    return listen(policy(command))


def _policies(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the policies of live pools whose names begin so."""
    from meted.core.policy.registry import POLICIES

    return [name for name in sorted(POLICIES) if name.startswith(incomplete)]


def _live(_: click.Context, __: click.Parameter, policy: str) -> str:
    """Return a policy as it is written; one that no live pool can have is misuse, and no directory is made for it."""
    from ..live_policies import live_policy
    from ..policy_parameters import UnknownPolicy

    try:
        live_policy(policy)
    except UnknownPolicy as error:
        raise click.BadParameter(str(error)) from None
    return policy


def addresses_of(listen: tuple[str, ...]) -> list[Address]:
    """Return where to listen: what was asked for, else where commands look for a server.

    Raises:
        AddressError: One of them is no address.
    """
    from ..wire.address import default_address, parse_address

    if listen:
        return [parse_address(text) for text in listen]
    server = address_of(None)
    return [parse_address(server) if server else default_address()]


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """Turn what keeps a server from starting into a sentence and exit code 1."""
    from meted.core.errors import SchemaError

    from ..log import LogError
    from ..policy_parameters import UnknownPolicy
    from ..wire.errors import AddressError

    try:
        yield
    except (LogError, SchemaError, UnknownPolicy, AddressError) as error:
        raise click.ClickException(str(error)) from None


def read_log(log: Log, policy: Policy) -> Recovered:
    """Return what a log says, with a bar on a terminal where that takes long, as where there is no snapshot."""
    from ..recovery import read_state
    from .progress import ProgressBar

    with ProgressBar("Reading the log") as bar:
        return read_state(log, policy, to_damage=True, progress=bar, tell=click.echo)


def announce(addresses: list[Address], data: Path, read_only: str | None) -> None:
    """Say where the server listens, and why its pool is read-only, if it is."""
    for address in addresses:
        click.echo(f"meted listens at {address}")
    click.echo(f"The log is in {data}")
    if read_only is not None:
        click.echo(read_only)


def next_step(bound: Sequence[Address]) -> str:
    """Return how a worker is started that finds a server at one of these addresses: over TCP if it can be."""
    from ..wire.address import TcpAddress

    over_tcp = [address for address in bound if isinstance(address, TcpAddress)]
    if not over_tcp:
        return f"Next, on this machine: meted worker --server {bound[-1]}"
    there = over_tcp[-1]
    if there.host in EVERYWHERE:
        there = TcpAddress(platform.node(), there.port)
    return f"Next, on each machine that is to work and has ~/.config/meted/token: meted worker --server {there}"


@click.command(
    "serve",
    short_help="Run a server; workers join it from anywhere.",
    epilog="""\b
Examples:
  meted serve
  meted serve --listen tcp://0.0.0.0:7430 --data /srv/meted
  meted worker --server tcp://there:7430        on each machine that works

Exit codes: 0 it was asked to stop, 1 it could not start (the data directory is in use, say).
""",
)
@data_argument
@serve_options
def serve(data: Path, listen: tuple[str, ...], policy: str) -> None:
    """Run a server; workers join it from anywhere.

    It keeps everything in the data directory and can be killed at any time: started again, it goes on where it was, and
    the workers come back with what they run. Ctrl-C or SIGTERM end it in good order; workers go on meanwhile. Where the
    log is damaged it says so, and what is good of it can be looked at.
    """
    addresses = addresses_of(listen)
    with sentences():
        from ..server.run import serve as run

        def ready(bound: list[Address], server: Server) -> None:
            announce(bound, data, server.read_only)
            if server.read_only is None:
                click.echo(next_step(bound))

        run(data, addresses, policy, ready, read_log)


@click.command("shutdown", short_help="End the server in good order; workers go on and wait for the next one.")
@server_option
def shutdown(server: str | None) -> None:
    """End the server in good order; workers go on and wait for the next one.

    What was accepted is durable. Started again, the server goes on where it was.
    """
    with connected(server) as client:
        client.call("shutdown")
