"""What every command that talks to a server shares: the option --server, the connection, and ids that complete."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from .config import setting

if TYPE_CHECKING:  # imported when a command connects: `meted submit --help` needs none of it
    from ..client.blocking import BlockingClient
    from ..views import JobDetails, JobView

Command = TypeVar("Command", bound=Callable[..., object])

PAGE_ROWS = 1_000
"""Rows that are asked for at once: a whole page of the wire."""

WAIT_US = 30_000_000
"""One request waits for news for so long, where nobody looks at a progress bar."""

OUT_OF_REACH = "The server is out of reach; trying again."
"""What is said where a command waits for a server that has gone."""

READ_ONLY = "The pool is read-only, as its log is damaged, and is shown as it was before; `meted state` says more."
"""What every command says of such a pool, on the standard error."""

COMPLETION_S = 0.5
"""A shell that completes a word waits no longer than this for the server."""

COMPLETED_ROWS_MAX = 200
"""A shell is offered at most so many jobs: the latest."""


def server_option(command: Command) -> Command:
    """Add ``--server ADDR``, which the command gets as a text or None named ``server``."""
    option = click.option(
        "--server",
        envvar="METED_SERVER",
        metavar="ADDR",
        help="Where the server listens: unix:PATH or tcp://HOST:PORT.  "
        "[default: $METED_SERVER, else the config file's, else a socket in the user's runtime directory]",
    )
    return option(command)


def address_of(server: str | None) -> str | None:
    """Return the address that was asked for, on the command line or in the config file; None is the default one."""
    return server or setting("server")


@contextlib.contextmanager
def connected(server: str | None, timeout_s: float | None = None) -> Iterator[BlockingClient]:
    """Connect to the server for as long as the block lasts.

    Args:
        server: What ``--server`` said.
        timeout_s: Seconds to wait for the server at most, for what must not take long.

    Raises:
        AddressError: That is no address.
        Unreachable: No server answers there.
        CallError: It does not talk to this program: the token or the version is not right.
    """
    from ..client.blocking import BlockingClient

    address = address_of(server)
    with BlockingClient(address) if timeout_s is None else BlockingClient(address, timeout_s=timeout_s) as client:
        if client.server.get("read_only") and timeout_s is None:  # a shell that completes a word has no place for it
            click.echo(READ_ONLY, err=True)
        yield client


def each_row(client: BlockingClient, method: str, key: str, after: int | str, **given: object) -> Iterator[Any]:
    """Yield the rows that a method gives page by page, until there comes a page with none.

    Args:
        client: The connection.
        method: Name of the method.
        key: What of a row is told as ``after`` to get those behind it.
        after: The same for the first page.
        given: The other parameters of the method.
    """
    while page := client.call(method, after=after, **given):
        yield from page
        after = page[-1][key]


def each_job(
    client: BlockingClient,
    *,
    active: bool = False,
    tags: dict[str, str] | None = None,
    since_us: int | None = None,
    until_us: int | None = None,
) -> Iterator[JobView]:
    """Return the rows of all jobs by id, as they come page after page.

    Args:
        client: The connection.
        active: Only those that have not ended.
        tags: Only those that carry all of these; ``user`` and ``name`` count as tags.
        since_us: Only those that were submitted then or later, microseconds since the Unix epoch; None is no bound.
        until_us: Only those that were submitted before then; None is no bound.
    """
    wanted = {"active": active, "tags": dict(tags or {}), "since_us": since_us, "until_us": until_us}
    return each_row(client, "jobs", "job", 0, limit=PAGE_ROWS, **wanted)


def job_row(client: BlockingClient, job_id: int) -> JobDetails:
    """Return the row of one job, with what was asked for.

    Raises:
        CallError: There is no such job.
    """
    return cast("JobDetails", client.call("job", job=job_id))


def _completed(ctx: click.Context, rows: Callable[[BlockingClient], list[CompletionItem]]) -> list[CompletionItem]:
    """Return what the server has to offer, or nothing: a shell that completes a word shows no errors."""
    server = ctx.params.get("server") or os.environ.get("METED_SERVER")
    with contextlib.suppress(Exception), connected(server, COMPLETION_S) as client:
        return rows(client)
    return []


class JobId(click.ParamType[int]):
    """The id of a job, which the shell can complete."""

    name = "job"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        text = str(value)
        if not text.isascii() or not text.isdecimal() or not 0 < int(text[:20]) < 2**63:
            self.fail(f"{text!r} is no job id; `meted ls` shows them.", param, ctx)
        return int(text)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the latest jobs whose ids begin so."""

        def latest(client: BlockingClient) -> list[CompletionItem]:
            found = [row for row in each_job(client) if str(row["job"]).startswith(incomplete)]
            return [
                CompletionItem(str(row["job"]), help=f"{row['state']} {row['name']}".strip())
                for row in reversed(found[-COMPLETED_ROWS_MAX:])
            ]

        return _completed(ctx, latest)


class DomainName(click.ParamType[str]):
    """The name of a domain, which the shell can complete."""

    name = "domain"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the domains whose names begin so."""

        def named(client: BlockingClient) -> list[CompletionItem]:
            rows = cast("list[dict[str, object]]", client.call("domains"))
            names = [str(row["domain"]) for row in rows]
            return [CompletionItem(name) for name in names if name.startswith(incomplete)]

        return _completed(ctx, named)


class RowNumber(click.ParamType[int]):
    """The number of a row of a table of the server, which the shell can complete."""

    def __init__(self, name: str, method: str, told: str) -> None:
        """Make a parameter type.

        Args:
            name: What it is a number of, and the key of the rows that has it.
            method: Name of the method that returns the rows.
            told: Key of what the shell shows beside a number.
        """
        self.name = name
        self._method = method
        self._told = told

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        return click.IntRange(min=1)(str(value), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer those whose numbers begin so."""

        def numbered(client: BlockingClient) -> list[CompletionItem]:
            rows = cast("list[dict[str, object]]", client.call(self._method))
            found = [(str(row[self.name]), str(row[self._told])) for row in rows]
            return [CompletionItem(number, help=told) for number, told in found if number.startswith(incomplete)]

        return _completed(ctx, numbered)


JOB_ID = JobId()
DOMAIN = DomainName()
WORKER_ID = RowNumber("worker", "workers", "name")
LOAN_ID = RowNumber("loan", "loans", "borrower")
