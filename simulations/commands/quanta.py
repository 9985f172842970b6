"""``meted quanta``: a demand matrix, some allocators, and how users fare under each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import click

from meted.adapters.cli.progress import ProgressBar
from meted.adapters.cli.tables import print_table
from meted.adapters.wording import counted
from meted.core.record import record

from ..errors import SimulationError
from ..quanta.allocators import ALLOCATORS, Allocator, KarmaOptions, make_allocator
from ..quanta.comparison import Comparison, Contender, compare
from ..quanta.demands import DemandReader
from ..quanta.karma import ALPHA_MILLI, BANKRUPT, Bankrupt, Karma
from ..quanta.misreport import STRATEGIES, Found, Search
from ..quanta.report import HEADINGS, comparison_document, misreport_row, rule_rows, table_row
from ..results.documents import check_targets, document, write_document
from ..results.report import rows as aligned
from .malformed import MalformedLines
from .numbers import PART

MAX_SLICES: Final = 1_000_000_000_000
"""Slices of the largest pool that is shared by the quantum."""

MAX_SCALE: Final = 1_000_000
"""The largest factor that demands are multiplied by."""

MAX_SEARCHED: Final = 10_000_000
"""Demands of the largest matrix that is held in memory to search it for what misreporting gains."""


@record
class _Asked:
    """What is asked for on the command line, but for what to read and what to write."""

    contenders: tuple[Contender, ...]
    slices: int | None
    fair_share: int | None
    first: int | None
    strategist: int | None
    tries: int
    seed: int

    def slices_of(self, users: int) -> int:
        """Return the slices of the pool."""
        slices = self.slices if self.slices is not None else (self.fair_share or 0) * users
        if slices > MAX_SLICES:
            raise SimulationError(f"that is a pool of {slices:,} slices; ask for at most {MAX_SLICES:,}.")
        return slices


@click.command("quanta", short_help="Share slices by the quantum: Karma, max-min and others on a demand matrix.")
@click.argument("demands", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--policy",
    "policies",
    type=click.Choice(list(ALLOCATORS)),
    multiple=True,
    help="Who gets the slices; may be given again.  [default: all of them]",
)
@click.option("--slices", type=click.IntRange(1, MAX_SLICES), metavar="N", help="Slices of the pool.")
@click.option("--fair-share", type=click.IntRange(1, MAX_SLICES), metavar="N", help="Slices of the pool for each user.")
@click.option(
    "--alpha",
    "alphas",
    type=PART,
    multiple=True,
    metavar="PART",
    help="The part of the fair share that Karma guarantees, 0 to 1; may be given again.  [default: 0.5]",
)
@click.option(
    "--credits",
    "start_credits",
    type=click.IntRange(0, MAX_SLICES),
    metavar="N",
    help="Karma's credits of each user at the start.  [default: no limit]",
)
@click.option(
    "--bankrupt",
    type=click.Choice(BANKRUPT),
    default="serve",
    show_default=True,
    help="Slices that only users without credit want: serve them, or let them idle as the paper does.",
)
@click.option("--redistribute", is_flag=True, help="Give back to all what is paid for Karma's shared slices.")
@click.option("--first", type=click.IntRange(min=1), metavar="N", help="Take only the first N quanta.")
@click.option("--users", type=click.IntRange(min=1), metavar="N", help="Take only the first N columns.")
@click.option("--scale", type=click.IntRange(1, MAX_SCALE), default=1, metavar="K", help="Multiply demands by K.")
@click.option(
    "--strategist",
    type=click.IntRange(min=1),
    metavar="COLUMN",
    help="Say what the user in this column, counted from 1, would gain by misreporting.",
)
@click.option(
    "--tries", type=click.IntRange(min=0), default=0, metavar="N", help="And search for more gain, with N reports."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Seed of that search.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write the figures as one JSON document; - is the standard output, which then has nothing else.",
)
def quanta(
    demands: str,
    policies: tuple[str, ...],
    slices: int | None,
    fair_share: int | None,
    alphas: tuple[int, ...],
    start_credits: int | None,
    bankrupt: Bankrupt,
    redistribute: bool,
    first: int | None,
    users: int | None,
    scale: int,
    strategist: int | None,
    tries: int,
    seed: int,
    json_path: str | None,
) -> None:
    """Share slices of a pool by the quantum, as the matrix DEMANDS asks for them, and tell how users fare.

    DEMANDS has one line a quantum and one column a user: how many slices the user wants then. It may be compressed with
    gzip; - is the standard input. What is not served in its quantum is lost. Say how large the pool is, with --slices
    or --fair-share.
    """
    if (slices is None) == (fair_share is None):
        raise click.UsageError("Say how large the pool is: give either --slices N or --fair-share N.")
    if tries and strategist is None:
        raise click.UsageError("--tries is of a strategic user; name one with --strategist COLUMN.")
    if policies and Karma.name not in policies:
        _refuse_karma_options(alphas, start_credits, bankrupt, redistribute)
    if bankrupt != "serve" and start_credits is None:
        raise click.UsageError("without a limit nobody is ever without credit; set it with --credits N.")
    check_targets([("--json", json_path)], demands)
    options = [
        KarmaOptions(alpha, start_credits, bankrupt, redistribute) for alpha in dict.fromkeys(alphas or (ALPHA_MILLI,))
    ]
    contenders = tuple(_contenders(policies or tuple(ALLOCATORS), options))
    index = None if strategist is None else strategist - 1
    asked = _Asked(contenders, slices, fair_share, first, index, tries, seed)
    try:
        with MalformedLines(demands) as told, DemandReader(demands, users, first, scale, told) as reader:
            comparison, found = _run(reader, asked)
            of: dict[str, object] = {
                "scale": scale,
                "first": first,
                "strategist": strategist,
                "seed": seed if tries else None,
            }
            of |= {"trace_sha256": reader.sha256()}
        if json_path == "-":
            click.echo(document(comparison_document(reader, comparison, found, of)))
            return
        _show(reader, comparison, found, of)
        if json_path is not None:
            write_document(json_path, comparison_document(reader, comparison, found, of))
    except SimulationError as error:
        raise click.ClickException(str(error)) from None


def _contenders(policies: Iterable[str], options: Sequence[KarmaOptions]) -> Iterator[Contender]:
    """Yield each policy once, and Karma once for each alpha."""
    for name in dict.fromkeys(policies):
        for one in options if name == Karma.name else options[:1]:
            yield Contender(name, one)


def _refuse_karma_options(
    alphas: Sequence[int], start_credits: int | None, bankrupt: Bankrupt, redistribute: bool
) -> None:
    """Refuse what only Karma goes by."""
    given = {
        "--alpha": bool(alphas),
        "--credits": start_credits is not None,
        "--bankrupt": bankrupt != "serve",
        "--redistribute": redistribute,
    }
    for option in (name for name, is_given in given.items() if is_given):
        raise click.UsageError(f"{option} is of karma; add --policy karma.")


def _run(reader: DemandReader, asked: _Asked) -> tuple[Comparison, list[Found | None]]:
    """Read and compare; then search, one contender after the other."""
    kept: list[tuple[int, ...]] = []
    rows = _kept(reader, kept) if asked.tries else iter(reader)
    with ProgressBar(f"{reader.name}, quanta") as bar:
        comparison = compare(
            rows, asked.contenders, asked.slices_of, asked.strategist, lambda done: bar(done, asked.first)
        )
    found: list[Found | None] = [None] * len(asked.contenders)
    if asked.tries and asked.strategist is not None:
        users, slices = comparison.users, comparison.slices
        for place, contender in enumerate(asked.contenders):
            search = Search(
                _maker(contender, users, slices), kept, asked.strategist, slices // users, slices, asked.seed
            )
            with ProgressBar(f"{reader.name}, reports under {contender.name}") as bar:
                for tried in range(asked.tries):
                    search.step()
                    bar(tried + 1, asked.tries)
            found[place] = search.found
    return comparison, found


def _maker(contender: Contender, users: int, slices: int) -> Callable[[], Allocator]:
    return lambda: make_allocator(contender.name, users, slices, contender.options)


def _kept(rows: Iterable[tuple[int, ...]], kept: list[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    """Yield the rows and keep them."""
    for row in rows:
        kept.append(row)
        if len(kept) * len(row) > MAX_SEARCHED:
            raise SimulationError(
                f"the matrix has more than {MAX_SEARCHED:,} demands, too many to be searched; "
                "leave out --tries, or take a part with --first or --users."
            )
        yield row


def _show(reader: DemandReader, comparison: Comparison, found: Sequence[Found | None], of: Mapping[str, Any]) -> None:
    """Print the comparison for people."""
    size = f"{counted(comparison.quanta, 'quantum', 'quanta')} of {counted(comparison.slices, 'slice')}"
    title = f"{reader.name}: {counted(comparison.users, 'user')}, {size}"
    click.echo(f"{title}\n{'=' * len(title)}\n")
    outcomes = comparison.outcomes()
    print_table(HEADINGS, map(table_row, outcomes), HEADINGS[1:])
    if of["strategist"] is not None:
        user = of["strategist"] - 1
        click.echo(f"\nUseful slices of the user in column {user + 1:,}, who demands {comparison.demanded[user]:,}:\n")
        headings = ["policy", "truth", *STRATEGIES, *(["search"] if any(found) else [])]
        cells = [misreport_row(outcome, user, best) for outcome, best in zip(outcomes, found, strict=True)]
        print_table(headings, cells, headings[1:])
    click.echo("\n" + "\n".join(aligned(rule_rows(reader, comparison, outcomes, of))))
