"""What can be done to the jobs of a trace, as options; each is a field of ``TraceOptions`` of the same name."""

from __future__ import annotations

from typing import Final

import click

from meted.adapters.cli.values import Reader

from ..errors import TraceError
from ..factors import read_factor, write_factor
from ..procs import PROCS_MAX
from ..traces.estimates import parse_estimates
from ..traces.trace_rules import DOMAIN_FIELDS
from .numbers import WINDOW


def _estimates(ctx: click.Context, param: click.Parameter, value: str) -> str:
    try:
        parse_estimates(value)
    except TraceError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    return value


def _domain_of(ctx: click.Context, param: click.Parameter, value: str) -> str:
    return value if value in DOMAIN_FIELDS else str(_FILE.convert(value, param, ctx))


def _table(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    return value if value in (None, "none") else str(_FILE.convert(value, param, ctx))


_LOAD: Final = Reader("factor", lambda text: write_factor(read_factor(text)))
"""Gives a text, which can be sent to other processes and compared."""

_FILE: Final = click.Path(exists=True, dir_okay=False)

TRANSFORMS: Final = (
    click.option(
        "--window", type=WINDOW, metavar="START..END", help="Take only jobs submitted then (30d..60d, ..12h)."
    ),
    click.option("--load", type=_LOAD, metavar="FACTOR", help="Let the jobs come so many times as fast."),
    click.option(
        "--procs-max", type=click.IntRange(1, PROCS_MAX), metavar="N", help="Give wider jobs so many processors."
    ),
    click.option(
        "--estimates",
        callback=_estimates,
        default="recorded",
        show_default=True,
        metavar="HOW",
        help="recorded, exact, xF (F times the run time) or random:F (drawn between 1 and F times).",
    ),
    click.option(
        "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of whatever is drawn."
    ),
    click.option(
        "--domain-of",
        callback=_domain_of,
        default="user",
        show_default=True,
        metavar="FIELD|FILE",
        help="A job's domain: its user, group or queue, or as a table of user,domain says.",
    ),
    click.option(
        "--shares",
        callback=_table,
        metavar="FILE|none",
        help="A table of domain, share, parent, guarantee.  [default: what the trace says, or equal shares]",
    ),
    click.option(
        "--loans",
        callback=_table,
        metavar="FILE|none",
        help="A table of at, lender, borrower, resource, amount, until, notice, recall.  "
        "[default: what the trace says]",
    ),
)
"""The options, in the order of ``--help``."""
