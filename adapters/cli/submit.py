"""``meted submit``: hand in a job. It prints the job's id and nothing else, so that scripts can go on with it."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import BinaryIO, cast

import click

from meted.core.usertag import usertag

from .config import setting
from .connect import connected, server_option
from .submit_options import need_options, order_options, shape_options

INPUT_BYTES_MAX = 4 * 2**20
"""More than this fits into no message; larger inputs belong in files."""

EPILOG = """\b
Examples:
  meted submit -- make test
  meted submit --count 100 --cpus 2 --mem 4G --time 10m -- ./render {index}
  meted submit --each-line files.txt --retries 2 -- gzip {line}
  job=$(meted submit --name train -- python train.py)
  meted submit --after $job --wait -- ./evaluate
  meted submit --begin now+8h -- ./nightly      or --begin 2027-01-31T22:00

\b
Exit codes: 0 the job was accepted (with --wait: all units succeeded),
1 it was refused (or a unit failed), 2 the command line makes no sense,
3 no server answers. See also: meted ls, show, logs, wait, explain.
"""


@click.command(
    "submit", short_help="Hand in a job.", epilog=EPILOG, context_settings={"allow_interspersed_args": False}
)
@shape_options
@need_options
@order_options
@click.option("--dry-run", is_flag=True, help="Say what would happen, and submit nothing.")
@click.option("--wait", "wait", is_flag=True, help="Wait for the end; exit with 1 if a unit has failed.")
@server_option
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="CMD...")
def submit(
    argv: tuple[str, ...],
    server: str | None,
    wait: bool,
    dry_run: bool,
    count: int | None,
    array: range | None,
    each_line: BinaryIO | None,
    stdin: BinaryIO | None,
    cwd: str | None,
    env: tuple[tuple[str, str], ...],
    cpus: int,
    gpus: int | None,
    mem: int,
    resource: tuple[tuple[str, int], ...],
    time_request: int | None,
    time_limit: int | None,
    limits: tuple[tuple[str, int], ...],
    domain: str,
    user: str | None,
    name: str,
    tags: tuple[tuple[str, str], ...],
    priority: int,
    after: tuple[int, ...],
    begin: int | None,
    hold: bool,
    retries: int,
    backoff: int,
    max_failures: int | None,
    no_rerun: bool,
) -> None:
    """Hand in a job: CMD, run once for each of its units. Prints the id of the job, and nothing else.

    A job is one unit, or as many as --count, --array or --each-line say. In CMD, {index} stands for the unit's index
    and {line} for its line; the index is in $METED_INDEX as well. Units run in the current directory where it exists on
    the worker, else in a directory of their own. What they write is kept: see meted logs. CMD begins at the first word
    that is no option; put -- before it to be sure.

    When the id is printed the job is durable: it will be run, even if the server is killed now.
    """
    params: dict[str, object] = {
        "domain": domain,
        "user": user or setting("user") or usertag(os.environ, socket.gethostname()),
        "name": name,
        "argv": argv,
        "env": dict(env),
        "cwd": os.path.abspath(cwd) if cwd else os.getcwd(),
        "cpu_milli": cpus,
        "mem_bytes": mem,
        "generic": _generic(resource, gpus),
        "limits": dict(limits),
        "time_request_us": time_request,
        "time_limit_us": time_limit,
        "priority": priority,
        "retries": retries,
        "backoff_us": backoff,
        "max_failures": max_failures,
        "tags": dict(tags),
        "hold": hold,
        "after": after,
        "begin_us": begin,
    }
    params |= _shape(count, array, each_line)
    if stdin is not None:
        if each_line is not None and _named(each_line) == _named(stdin):
            raise click.UsageError("--each-line and --stdin read the same; give them different files.")
        params["stdin"] = _input(stdin)
    if no_rerun:
        params["max_losses"] = 0
    _hand_in(server, params, dry_run, wait)


def _generic(resource: tuple[tuple[str, int], ...], gpus: int | None) -> dict[str, int]:
    """Return thousandths of each other resource that a unit needs."""
    if gpus is None:
        return dict(resource)
    if "gpu" in dict(resource):
        raise click.UsageError("--gpus and --resource gpu=N say the same; give one of them.")
    return {**dict(resource), "gpu": gpus}


def _shape(count: int | None, array: range | None, each_line: BinaryIO | None) -> dict[str, object]:
    """Return the parameters that say how many units there are."""
    if sum(given is not None for given in (count, array, each_line)) > 1:
        raise click.UsageError("--count, --array and --each-line each say how many units there are; give one of them.")
    if array is not None:
        return {"count": len(array), "first_index": array.start, "index_step": array.step}
    if each_line is None:
        return {"count": count or 1}
    try:
        lines = _input(each_line).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise click.ClickException(
            f"{_named(each_line)} is no UTF-8 text: {error.reason} at byte {error.start}."
        ) from None
    if not lines:
        raise click.ClickException(f"{_named(each_line)} has no lines, so there would be nothing to run.")
    return {"count": len(lines), "lines": lines}


def _input(file: BinaryIO) -> bytes:
    body = file.read(INPUT_BYTES_MAX + 1)
    if len(body) > INPUT_BYTES_MAX:
        raise click.ClickException(
            f"{_named(file)} is larger than {INPUT_BYTES_MAX:,} bytes; put it where the workers can read it, "
            "and name it in CMD."
        )
    return body


def _named(file: BinaryIO) -> str:
    name = getattr(file, "name", "<stdin>")
    return "The standard input" if name == "<stdin>" else str(name)


def _hand_in(server: str | None, params: Mapping[str, object], dry_run: bool, wait: bool) -> None:
    with connected(server) as client:
        if dry_run:
            would = cast("dict[str, object]", client.call("submit", **params, dry_run=True))
            click.echo(would["sentence"])
            if not would["accepted"]:
                raise click.exceptions.Exit(1)
            return
        job_id = cast("dict[str, int]", client.call("submit", **params))["job"]
        click.echo(str(job_id))
        if wait:
            from .waiting import tell_failed, wait_for  # only here: most do not wait

            ended = wait_for(client, [job_id])
            tell_failed(ended)
            if not all(row["state"] == "succeeded" for row in ended):
                raise click.exceptions.Exit(1)
