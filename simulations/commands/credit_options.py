"""A trade in credit as options of the commands that replay a trace: who trades, and by which rules of credit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final

import click

from meted.adapters.cli.credit_rules import CAP, DONORS, INCOMES, LONG, LONG_OR_NONE
from meted.adapters.cli.credits import CREDITS_OR_ZERO
from meted.adapters.cli.values import NONE, or_none
from meted.core.record import replaced

from ..errors import SimulationError
from ..trade.plan import CreditPlan
from ..trade.plan_file import read_plan

Command = Callable[..., None]

CREDIT_RULE_NAMES: Final = ("price", "grant", "period", "cap", "demurrage", "income", "donors")
"""The parameters that take the place of a rule of the file."""

CREDIT_NAMES: Final = ("credit", *CREDIT_RULE_NAMES)
"""All parameters of a trade in credit."""

_NO_PRICE: Final = -1
_FILE: Final = click.Path(exists=True, dir_okay=False)


def _path(ctx: click.Context, param: click.Parameter, value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_path(ctx, param, one) for one in value)
    return value if value in (None, NONE) else str(_FILE.convert(str(value), param, ctx))


_RULES: Final = (
    click.option(
        "--price",
        type=or_none(CREDITS_OR_ZERO, _NO_PRICE),
        metavar="CREDITS|none",
        help="Of one point for a cpu-hour of work; none: nobody trades.  [default: as the file of --credit says]",
    ),
    click.option(
        "--grant", type=CREDITS_OR_ZERO, metavar="CREDITS", help="What a unit of share gets.  [default: the file's]"
    ),
    click.option("--period", type=LONG, metavar="DUR", help="How often.  [default: the file's]"),
    click.option(
        "--cap", type=CAP, metavar="CREDITS|none", help="What a unit of share may have.  [default: the file's]"
    ),
    click.option(
        "--demurrage",
        type=LONG_OR_NONE,
        metavar="DUR|none",
        help="After so long half of what lies unused is gone.  [default: the file's half-life]",
    ),
    click.option("--income", type=click.Choice(tuple(INCOMES)), help="Who is paid.  [default: the file's]"),
    click.option(
        "--donors",
        type=click.Choice(tuple(DONORS)),
        help="Who of those who made room is paid.  [default: the file's]",
    ),
)


def credit_parameters(*, several: bool = False) -> Callable[[Command], Command]:
    """Give a command the options; it is called with each by its name, for :func:`plan_of` or :func:`plans_of`.

    Args:
        several: ``--credit`` may be given more than once.
    """
    more = " Each file is a run beside the one in which nobody trades." if several else ""
    credit = click.option(
        "--credit",
        callback=_path,
        multiple=several,
        metavar="FILE|none",
        help=f"Let domains trade in credit: accounts, rules, and who buys or sells points for which jobs.{more}",
    )

    def decorated(command: Command) -> Command:
        for option in reversed((credit, *_RULES)):
            command = option(command)
        return command

    return decorated


def credit_options(*, several: bool = False) -> Callable[[Command], Command]:
    """Give a command the options; it is called with the values of all of them as ``credit``."""

    def decorated(command: Command) -> Command:
        @wraps(command)
        def called(**given: Any) -> None:
            others = {name: value for name, value in given.items() if name not in CREDIT_NAMES}
            command(credit={name: given[name] for name in CREDIT_NAMES}, **others)

        return credit_parameters(several=several)(called)

    return decorated


def plan_of(given: Mapping[str, Any], read: Callable[[str], CreditPlan] = read_plan) -> CreditPlan | None:
    """Return the trade that the values of the options ask for; None if there is none.

    Args:
        given: The values, by the names of their parameters; others do not matter.
        read: What reads a file.

    Raises:
        SimulationError: The file cannot be used.
        click.UsageError: There is a rule and no file.
    """
    path = given["credit"]
    if path in (None, NONE):
        named = [f"--{name}" for name in CREDIT_RULE_NAMES if given[name] is not None]
        if named and path is None:
            raise click.UsageError(f"{named[0]} is a rule of credit; name the file that says who trades with --credit.")
        return None
    plan = read(path)
    rules = plan.rules
    price, cap, demurrage = given["price"], given["cap"], given["demurrage"]
    return replaced(
        plan,
        rules=replaced(
            rules,
            grant_mc=rules.grant_mc if given["grant"] is None else given["grant"],
            period_us=given["period"] or rules.period_us,
            cap_mc=rules.cap_mc if cap is None else None if cap < 0 else cap,
            half_life_us=rules.half_life_us if demurrage is None else demurrage or None,
            price_mc=rules.price_mc if price in (None, _NO_PRICE) else price,
            income=given["income"] or rules.income,
            donors=given["donors"] or rules.donors,
        ),
        is_idle=plan.is_idle if price is None else price == _NO_PRICE,
    )


def plans_of(given: Mapping[str, Any]) -> Sequence[CreditPlan]:
    """Return what several files ask for: first nobody trades, by the first of them; then each.

    Raises:
        SimulationError: A file cannot be used, or two have the same name.
        click.UsageError: There is a rule and no file.
    """
    paths = [path for path in given["credit"] if path != NONE]
    if not paths:
        plan_of(dict(given) | {"credit": None})
        return ()
    plans = [plan for path in paths if (plan := plan_of(dict(given) | {"credit": path})) is not None]
    if len({plan.name for plan in plans}) < len(plans):
        raise SimulationError(
            "Two files of --credit have the same name, so nobody could tell their runs apart; rename one."
        )
    return [replaced(plans[0], is_idle=True), *(plan for plan in plans if not plan.is_idle)]
