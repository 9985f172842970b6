"""A worker that is dead: its number is kept in a file, so that the server can be told, and what it left is killed.

The file is there as long as the server counts on the worker. Whoever finds it although the worker is dead tells the
server: its keeper at once; the worker, if it was the keeper that died; else the next worker in the same directory.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from meted.core.record import record

from ..client.blocking import BlockingClient
from ..wire.address import Address
from ..wire.errors import WireError
from .keeper import KEPT_BY
from .kept import Keeper, kill_everything

IDENTITY = "identity.json"
"""Name of the file, in the worker's directory."""

TELL_TIMEOUT_S = 3.0
"""How long the server is given to answer that it has understood."""


@record
class Identity:
    """Who a worker was.

    Attributes:
        worker_id: Its number.
        instance: The word of that life of it.
        kept_by: What its units have in their environment, or "".
    """

    worker_id: int
    instance: str
    kept_by: str


def write_identity(directory: Path, worker_id: int, instance: str) -> None:
    """Note by which number and word the server knows this worker; whole, or not at all."""
    known = {"worker": worker_id, "instance": instance, "kept_by": os.environ.get(KEPT_BY, "")}
    new = directory / f"{IDENTITY}.new"
    new.write_text(json.dumps(known), encoding="ascii")
    new.replace(directory / IDENTITY)


def read_identity(directory: Path) -> Identity | None:
    """Return what :func:`write_identity` noted, or None if the server counts on nobody here."""
    try:
        found = json.loads((directory / IDENTITY).read_text(encoding="ascii"))
        return Identity(int(found["worker"]), str(found["instance"]), str(found["kept_by"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def drop_identity(directory: Path) -> None:
    """Note that the server counts on nobody here."""
    with suppress(OSError):
        (directory / IDENTITY).unlink(missing_ok=True)


def tell_lost(address: Address, directory: Path, reason: str) -> str:
    """Tell the server that the worker of a directory is dead, and nothing of it alive, if it does not know yet.

    Args:
        address: Where the server is.
        directory: The worker's.
        reason: What happened, a clause that goes on after "the worker".

    Returns:
        What came of it, one sentence; empty if there was nothing to tell.
    """
    known = read_identity(directory)
    if known is None:
        return ""
    try:
        with BlockingClient(address, program="meted worker", timeout_s=TELL_TIMEOUT_S) as client:
            client.call("worker.lost", worker=known.worker_id, instance=known.instance, reason=f"the worker {reason}")
    except WireError as error:
        return f"The worker {reason}, and the server does not know yet: {error}"
    drop_identity(directory)
    return f"The worker {reason}; the server has its units run elsewhere."


def bury_last(address: Address, directory: Path) -> None:
    """Kill what the last worker of a directory left behind, and tell the server; the caller has locked the directory.

    There is something to do only where that worker and its keeper were killed together, or the machine stopped.
    """
    known = read_identity(directory)
    if known is None:
        return
    if known.kept_by:
        kill_everything(Keeper(-1, known.kept_by))
    tell_lost(address, directory, "was killed together with its keeper")
    drop_identity(directory)
