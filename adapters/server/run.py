"""``serve``: a server as a process, from its data directory to its end by a signal."""

from __future__ import annotations

import contextlib
import resource
import secrets
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import trio

from meted.core.engine import Engine
from meted.core.policy.base import Policy
from meted.core.usage import logarithms

from ..live_policies import live_policy
from ..local_service import wall_clock_us
from ..log import Log, LogDamaged, SQLiteLog
from ..postings import keep_postings
from ..recovery import Recovered, read_state
from ..wire.address import Address, TcpAddress
from ..wire.token import make_token, token_path
from .app import Server
from .collector import Collector
from .listen import SocketFile, bound_to, listen, peer_of, socket_files
from .secret_store import MemorySecrets, SecretFiles, SecretStore

SWITCH_S = 0.0002
"""How soon the thread that writes may go on: with Python's 5 ms a sync of 0.2 ms would take 5."""

SECRETS_DIRECTORY = "secrets"

Ready = Callable[[list[Address], Server], None]

READ_GOOD = partial(read_state, to_damage=True)
"""Folds a log, up to its damage where it has any that no snapshot bridges."""


def serve(
    data: Path,
    addresses: Sequence[Address],
    policy: str,
    ready: Ready,
    read: Callable[[Log, Policy], Recovered] = READ_GOOD,
) -> None:
    """Serve the pool in a data directory until SIGTERM or SIGINT, or until somebody calls ``shutdown``.

    Where the log turns out to be damaged, and no snapshot helps, what is good of it can be looked at, and nothing is
    written (:mod:`.read_only`).

    Args:
        data: The data directory; made if need be.
        addresses: Where to listen.
        policy: Who is next.
        ready: Told where it listens when everything is up.
        read: Folds the log for a policy; that of a large one may take a minute, and tell how far it is.

    Raises:
        LogError: The log cannot be opened; the sentence says why.
        UnknownPolicy: There is no such policy.
        AddressError, TokenError: It cannot listen there.
    """
    _raise_file_limit()
    sys.setswitchinterval(SWITCH_S)
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(SQLiteLog.open(data))
        reading = stack.enter_context(SQLiteLog.open(data, read_only=True))
        chosen = live_policy(policy)
        found = read(log, chosen)
        if found.damage is None:
            keep_postings(log)
        engine = Engine(chosen, found.state, found.chain, memory=found.memory)
        logarithms()  # tens of milliseconds, for which everybody would wait in the first pass
        collector = stack.enter_context(Collector())
        token = make_token(token_path()) if any(isinstance(one, TcpAddress) for one in addresses) else None
        server = Server(
            log,
            engine,
            found.snapshot_seq,
            clock=steady_clock(),
            secrets=_secret_store(data, found.damage),
            instance=secrets.token_hex(8),
            damage=found.damage,
            reading=reading,
            token=token,
            parted=collector.parted,
        )
        made: list[SocketFile] = []
        try:
            trio.run(_serve, server, list(addresses), made, ready)
        finally:
            for file in made:  # and none else: at the others somebody else may listen
                file.remove()


def _secret_store(data: Path, damage: LogDamaged | None) -> SecretStore:
    """Return where secrets are kept; of a damaged log none is needed, and none is written."""
    make_token = partial(secrets.token_hex, 16)
    return SecretFiles(data / SECRETS_DIRECTORY, make_token) if damage is None else MemorySecrets(make_token)


async def _serve(server: Server, addresses: list[Address], made: list[SocketFile], ready: Ready) -> None:
    listeners: list[trio.SocketListener] = []
    bound: list[Address] = []
    for address in addresses:
        found = await listen(address)
        listeners += found
        bound.append(bound_to(address, found))
        made += socket_files(bound[-1:])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, server, nursery.cancel_scope)
        await nursery.start(partial(_run, server, listeners, nursery.cancel_scope))
        ready(bound, server)


async def _run(
    server: Server,
    listeners: list[trio.SocketListener],
    scope: trio.CancelScope,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    await server.run(listeners, peer_of, task_status=task_status)
    scope.cancel()  # nothing is left to be stopped by a signal


async def _stop_on_signal(server: Server, scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            server.stop()


def steady_clock() -> Callable[[], int]:
    """Return a clock that shows the time of day in microseconds, and runs evenly from here on.

    Somebody may set the time of the machine by hours while the server runs; no time-out shall move by that. It goes on
    while the machine sleeps, as the time of day does.
    """
    counter = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    offset_us = wall_clock_us() - time.clock_gettime_ns(counter) // 1000
    return lambda: offset_us + time.clock_gettime_ns(counter) // 1000


def _raise_file_limit() -> None:
    """A connection is a file: take as many as the system lets this process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
