"""The worker proper as a process: what its keeper starts (``python -m meted.adapters.worker SETTINGS``)."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Any

import attrs
import trio

from meted.core.limits import SECOND_US
from meted.core.record import record
from meted.core.resources import Resources

from ..config_file import ConfigError, read_config
from ..executors.contract import Executor
from ..executors.plugins import PROCESS, PluginError, log_to_stderr, make
from ..wire.address import Address, TcpAddress, UnixAddress, parse_address
from ..wire.errors import Unreachable, WireError
from ..wire.token import find_token
from .kept import Keeper, keeper_gone, kill_everything, take_keeper
from .link import first_of
from .lost import drop_identity, tell_lost, write_identity
from .offer import Offer
from .shell import Worker
from .worker_end import REFUSED, WorkerEnd

WORKER_MODULE = "meted.adapters.worker"

FAULT = "fault.txt"
"""File in the worker's directory: what a fault of the program left behind."""


@record
class Settings:
    """What the keeper tells the worker that it starts.

    Attributes:
        address: Where the server is.
        name: What people call the worker.
        directory: Its own directory, locked by the keeper.
        offer: What it has.
        patience_s: Give up after so long without a server while nothing runs; None never gives up.
        lock_fd: The descriptor that locks the directory, so that it stays locked as long as either of them lives.
        executor: By name, what runs the units.
        config: The config file, which is read again here: what executors are told is on no command line.
        stagger_us: Time between the starts of units that run beside one another.
    """

    address: str
    name: str
    directory: str
    offer: Offer
    patience_s: float | None
    lock_fd: int
    executor: str = PROCESS
    config: str = ""
    stagger_us: int = 0

    def to_text(self) -> str:
        """Return the settings as one argument of a command line."""
        return json.dumps(attrs.asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Settings:
        """Return what :meth:`to_text` wrote."""
        plain: dict[str, Any] = json.loads(text)
        offer = plain.pop("offer")
        room = offer.pop("capacity")
        capacity = Resources(room["cpu_milli"], room["mem_bytes"], tuple(map(tuple, room["generic"])))
        labels = tuple(map(tuple, offer.pop("labels")))
        return cls(offer=Offer(capacity=capacity, labels=labels, **offer), **plain)


def main(text: str) -> int:
    """Be a worker until its end, and return the exit code.

    Args:
        text: The settings, as :meth:`Settings.to_text` writes them.
    """
    keeper = take_keeper()
    settings = Settings.from_text(text)
    os.set_inheritable(settings.lock_fd, False)
    try:
        end = trio.run(_live, settings, keeper)
    except (PluginError, ConfigError) as error:
        _keep_fault(settings, error.__cause__)
        end = WorkerEnd(REFUSED, str(error))
    except (OSError, WireError) as error:
        end = WorkerEnd(REFUSED, f"The worker cannot go on: {error}")
    except Exception as error:
        _keep_fault(settings, error)
        what = f"Something went wrong inside the worker ({type(error).__name__}), which is a fault of the program"
        end = WorkerEnd(REFUSED, f"{what}; please report it with the file {settings.directory}/{FAULT}.")
    if end.sentence:
        tell(end.sentence)
    return end.exit_code


def _keep_fault(settings: Settings, error: BaseException | None) -> None:
    if error is not None:
        (Path(settings.directory) / FAULT).write_text("".join(traceback.format_exception(error)), encoding="utf-8")


async def _live(settings: Settings, keeper: Keeper | None) -> WorkerEnd:
    address = parse_address(settings.address)
    directory = Path(settings.directory)
    log_to_stderr()
    told = read_config(Path(settings.config)).executors if settings.config else {}
    executor = make(settings.executor, directory, told.get(settings.executor, {}))
    worker = Worker(
        partial(dial, address),
        executor,
        settings.offer,
        name=settings.name,
        random=SystemRandom(),
        token=find_token() if isinstance(address, TcpAddress) else None,
        patience_s=settings.patience_s,
        stagger_us=settings.stagger_us,
        tell=tell,
        joined=partial(write_identity, directory),
    )
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_obey_signals, worker)
            nursery.start_soon(_leave_in_time, worker, settings.offer.until_us)
            if keeper is not None:
                nursery.start_soon(_die_with, keeper, executor, address, directory)
            end = await worker.run()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise first_of(group) from None
    if end.is_known:
        drop_identity(directory)
    return end


async def dial(address: Address) -> trio.abc.Stream:
    """Return a connection to a server.

    Raises:
        Unreachable: There is none.
    """
    try:
        if isinstance(address, UnixAddress):
            return await trio.open_unix_socket(address.path)
        return await trio.open_tcp_stream(address.host, address.port)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise Unreachable(f"nothing listens at {address}") from error
    except OSError as error:
        raise Unreachable(f"{address} cannot be reached ({error.strerror or error})") from error


def tell(sentence: str) -> None:
    """Say something to whoever started the worker; where nobody listens any more it is lost."""
    with suppress(OSError):
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()


async def _obey_signals(worker: Worker) -> None:
    """The first SIGINT drains; a second one, or any other signal, makes the worker quit."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for number in signals:
            if number == signal.SIGINT and not worker.brain.is_draining:
                if not worker.brain.is_idle:
                    tell("Starting nothing more; what runs goes on to its end. Once more, and it is killed.")
                worker.drain()
            else:
                worker.quit()


async def _leave_in_time(worker: Worker, until_us: int | None) -> None:
    if until_us is not None:
        await trio.sleep(max(0.0, until_us / SECOND_US - time.time()))
        tell("The time is over for which this worker was offered.")
        worker.quit()


async def _die_with(keeper: Keeper, executor: Executor, address: Address, directory: Path) -> None:
    """When the keeper is dead, leave nothing behind but word of it."""
    await keeper_gone(keeper.descriptor)
    executor.close()
    kill_everything(keeper)
    tell(tell_lost(address, directory, "has lost its keeper"))
    os._exit(REFUSED)
