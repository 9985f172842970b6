"""``meted workers``, ``drain``, ``explain`` and ``state``: the pool, and why work waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import click

from meted.core.errors import Reason
from meted.core.state import HELD

from .connect import JOB_ID, WORKER_ID, connected, job_row, server_option
from .options import json_option
from .tables import ago, amount, moment, print_facts, print_json, print_table, size

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..server.rows import WorkerRow

HEADINGS = (
    *("worker", "name", "state", "cpus used", "memory used", "other"),
    *("leases", "switches", "joined", "until", "owner", "labels"),
)
NUMBERS = ("worker", "cpus used", "memory used", "leases", "switches", "joined")
SPARE = ("switches", "joined", "leases", "labels", "until", "owner", "other")
"""Columns that a narrow terminal goes without, the one that is needed least first."""


def worker_cells(row: WorkerRow, now_us: int) -> tuple[str, ...]:
    """Return a worker as a row below HEADINGS."""
    memory = f"{size(row['used_mem_bytes'])} of {size(row['mem_bytes'])}" if row["mem_bytes"] else ""
    return (
        str(row["worker"]),
        row["name"],
        row["state"],
        f"{amount(row['used_cpu_milli'])} of {amount(row['cpu_milli'])}",
        memory,
        " ".join(f"{name}={amount(milli)}" for name, milli in sorted(row["generic"].items())),
        str(row["leases"]),
        str(row["switches"] or ""),
        ago(row["joined_us"], now_us),
        moment(row["until_us"]),
        row["owner"] + (" only" if row["restricted"] else ""),
        " ".join(f"{name}={value}" for name, value in sorted(row["labels"].items()) if name != "instance"),
    )


@click.command("workers", short_help="Show the workers.")
@json_option
@server_option
def workers(as_json: bool, server: str | None) -> None:
    """Show the workers: what they offer, what of it is in use, and how they are.

    A worker is ready, draining (meted drain), or away: out of touch, but what it runs may still go on. Switches are how
    often it changed from one job to another since the server started. The owner's work goes first, or comes only.
    """
    with connected(server) as client:
        rows = cast("list[WorkerRow]", client.call("workers"))
    if as_json:
        print_json(rows)
    elif rows:
        now_us = time.time_ns() // 1000
        cells = [worker_cells(row, now_us) for row in rows]
        print_table(HEADINGS, cells, NUMBERS, optional=HEADINGS, spare=SPARE)
    else:
        click.echo("No worker is connected; start one with: meted worker", err=True)


@click.command("drain", short_help="Give a worker no more work, and let it finish what it has.")
@click.argument("worker", type=WORKER_ID)
@click.option("--undo", is_flag=True, help="Give it work again.")
@server_option
def drain(worker: int, undo: bool, server: str | None) -> None:
    """Give a worker no more work, and let it finish what it has. WORKER is its number in meted workers."""
    from ..wire.errors import CallError

    with connected(server) as client:
        try:
            client.call("drain", worker=worker, draining=not undo)
        except CallError as error:
            if error.reason != Reason.UNKNOWN_WORKER:
                raise
            # The server's sentence is for the worker itself.
            raise click.ClickException(f"There is no worker {worker}; see: meted workers") from None


@click.command(
    "explain",
    short_help="Say why a job waits, and when it should start.",
    epilog="""\b
Examples:
  meted explain 7
  meted explain 7 --eta
  meted explain --eta           every job that waits
""",
)
@click.argument("job", type=JOB_ID, required=False)
@click.option("--eta", is_flag=True, help="Say when it should start, by running the scheduler forward.")
@json_option
@server_option
def explain(job: int | None, eta: bool, as_json: bool, server: str | None) -> None:
    """Say why each part of a job waits, and who is ahead.

    With --eta, say when it should start: the server has another process run the scheduler forward from now, as if
    nobody submitted any more and everything took as long as estimated. Of one job it says as well what one more point
    of priority would cost and how much earlier it would start. Without JOB, every job that waits is told of.
    """
    if eta:
        from . import eta as etas

        with connected(server) as client:
            found = etas.fetch(client, job)
            why = [] if job is None or as_json else etas.why_none(client, found)
        etas.show(found, job, why, time.time_ns() // 1000, as_json=as_json)
        return
    if job is None:
        raise click.UsageError("Name a job, or ask with --eta when everything that waits should start.")
    with connected(server) as client:
        sentences = cast("list[str]", client.call("explain", job=job))
        further = [] if as_json else _what_eta_says(client, job, sentences)
    if as_json:
        print_json(sentences)
        return
    for sentence in [*sentences, *further] or [f"No unit of job {job} waits."]:
        click.echo(sentence)


def _what_eta_says(client: BlockingClient, job: int, sentences: list[str]) -> list[str]:
    """Return what ``--eta`` would say of a job, in a sentence; nothing where it does not wait, or waits for somebody.

    Args:
        client: The connection.
        job: Id of the job.
        sentences: Why it waits.

    Raises:
        CallError: The job is gone by now.
    """
    from meted.core.policy.worth import PRICE_KNOWN

    if any(PRICE_KNOWN in sentence for sentence in sentences):
        return [f"`meted explain {job} --eta` says how much earlier it would start with the point."]
    if not sentences or job_row(client, job)["state"] == HELD:
        return []
    return [f"`meted explain {job} --eta` says when it should start."]


@click.command("state", short_help="Show the log's position and the digest of the state there.")
@json_option
@server_option
def state(as_json: bool, server: str | None) -> None:
    """Show the log's position and the digest of the state there.

    Two servers, or a server and a replay of its log, that are at the same position have the same digest. Of a pool that
    is read-only it says why, and what to do.
    """
    with connected(server) as client:
        found = cast("dict[str, object]", client.call("state"))
        read_only = client.server.get("read_only")
    digest = found["digest"]
    shown = {"seq": found["seq"], "digest": digest.hex() if isinstance(digest, bytes) else digest}
    if as_json:
        print_json(shown)
    else:
        print_facts({name: str(value) for name, value in shown.items()})
        if read_only:
            click.echo(str(read_only))
