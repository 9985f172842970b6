"""``meted logs``: what units have written, as it is written if need be."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, TypedDict, cast

import click

from .connect import JOB_ID, connected, job_row, server_option
from .options import json_option
from .show import indices_of, indices_text
from .tables import is_terminal, print_json

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..views import JobDetails

CHUNK_BYTES = 65_536
"""So much is asked for at once."""

KEPT_BYTES = 65_536
"""What the server keeps of a unit's output, if the worker that has all of it is gone."""

ONE_STREAM_US = 10_000_000
"""While only one stream is followed, one request waits for news for so long."""

TWO_STREAMS_US = 200_000
"""While both streams are followed, each is waited for in turn for so long."""


class Piece(TypedDict):
    """The answer to ``output``."""

    data: bytes
    next: int
    ended: bool
    whole: bool


class _Stream:
    """One stream of one unit, and how much of it has been printed."""

    def __init__(self, name: str, file: IO[str]) -> None:
        self.name = name
        self.ended = False
        self._file = file.buffer if hasattr(file, "buffer") else None
        self._text = file
        self._offset = 0
        self._told = False
        self.last_byte = b"\n"
        self._is_whole = True

    def end_line(self) -> None:
        """End the last line where it is the server's words on a unit that failed, and not what the unit has written."""
        if not self._is_whole and self.last_byte != b"\n":
            self._write(b"\n")

    def step(self, client: BlockingClient, job_id: int, index: int, wait_us: int) -> bool:
        """Print what there is, after waiting for something if need be; return whether anything was."""
        piece = cast(
            Piece,
            client.call(
                "output",
                job=job_id,
                index=index,
                stream=self.name,
                offset=self._offset,
                limit=CHUNK_BYTES,
                wait_us=wait_us,
            ),
        )
        if piece["data"]:
            self._write(piece["data"])
            self.last_byte = piece["data"][-1:]
        self._offset = piece["next"]
        self._is_whole = piece["whole"]
        if not piece["whole"] and not self._told and self._offset >= KEPT_BYTES:
            self._told = True
            click.echo(f"(Only the end of what unit {index} wrote was kept: {KEPT_BYTES:,} bytes.)", err=True)
        self.ended = piece["ended"] and not piece["data"]
        return bool(piece["data"])

    def _write(self, data: bytes) -> None:
        """Pass bytes on as they are."""
        if self._file is None:
            self._text.write(data.decode("utf-8", "replace"))
        else:
            self._file.write(data)
        self._text.flush()


@click.command(
    "logs",
    short_help="Show what units have written.",
    epilog="""\b
Examples:
  meted logs 7              the output of all units of job 7, one after another
  meted logs 7 3            that of unit 3
  meted logs 7 3 -f         and go on until it ends
  meted logs 7 --err        only what went to the standard error
""",
)
@click.argument("job", type=JOB_ID)
@click.argument("index", type=click.IntRange(min=0), required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on until the unit has ended.")
@click.option("--out", "only_out", is_flag=True, help="Only the standard output.")
@click.option("--err", "only_err", is_flag=True, help="Only the standard error; it is printed as standard output.")
@json_option
@server_option
def logs(
    job: int, index: int | None, follow: bool, only_out: bool, only_err: bool, as_json: bool, server: str | None
) -> None:
    """Show what the units of a job have written: standard output to standard output, standard error to standard error.

    INDEX is what {index} stands for in a unit: it counts from 0, or as submit --array says. Without it all units follow
    one another; on a terminal each has its heading. What a worker that is gone had in its files
    can no longer be fetched; the end of it is kept by the server.

    With --json it is a list of units, each with what it has written so far as "out" and "err".
    """
    if only_out and only_err:
        raise click.UsageError("--out and --err contradict each other; without them both are shown.")
    if as_json and follow:
        raise click.UsageError("--json and --follow contradict each other; --json shows what there is now.")
    with connected(server) as client:
        row = job_row(client, job)
        units: Sequence[int] = range(row["count"]) if index is None else [_unit(row, index)]
        if as_json:
            names = [name for name, left_out in (("out", only_err), ("err", only_out)) if not left_out]
            print_json([_written(client, job, number, names) for number in units])
            return
        headed = row["count"] > 1 and index is None and is_terminal()
        for number in units:
            if headed:
                which = f" (index {indices_of(row)[number]})" if indices_text(row) else ""
                click.secho(f"==> job {job}, unit {number}{which} <==", bold=True)
            streams = [
                *([] if only_err else [_Stream("out", sys.stdout)]),
                *([] if only_out else [_Stream("err", sys.stdout if only_err else sys.stderr)]),
            ]
            _show(client, job, number, streams, follow)
            if headed and any(stream.last_byte != b"\n" for stream in streams):
                click.echo()  # so that the next heading begins a line
            elif not headed:
                for stream in streams:
                    stream.end_line()


def _unit(row: JobDetails, index: int) -> int:
    """Return the number of the unit that has an index; where both are the same the server says which there are.

    Raises:
        click.ClickException: No unit has it.
    """
    if not (said := indices_text(row)):
        return index
    if index not in indices_of(row):
        raise click.ClickException(f"Job {row['job']} has units with the indices {said}; give one of these.")
    return indices_of(row).index(index)


def _written(client: BlockingClient, job_id: int, index: int, names: Sequence[str]) -> dict[str, int | str]:
    """Return what one unit has written so far, as text; what is no UTF-8 is replaced."""
    document: dict[str, int | str] = {"unit": index}
    for name in names:
        written = io.BytesIO()
        file = io.TextIOWrapper(written)
        _show(client, job_id, index, [_Stream(name, file)], follow=False)
        document[name] = written.getvalue().decode("utf-8", "replace")
    return document


def _show(client: BlockingClient, job_id: int, index: int, streams: Sequence[_Stream], follow: bool) -> None:
    while going := [stream for stream in streams if not stream.ended]:
        wait_us = 0 if not follow else ONE_STREAM_US if len(going) == 1 else TWO_STREAMS_US
        printed = [stream.step(client, job_id, index, wait_us) for stream in going]
        if not follow and not any(printed):
            return
