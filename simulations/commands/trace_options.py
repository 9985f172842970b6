"""How a trace is read and replayed, as options that ``meted simulate``, ``compare`` and ``sweep`` have in common.

To add a rule of reading, add a field to :class:`~meted.simulations.traces.trace_rules.TraceOptions` and an option of
the same name to ``_TRACE`` here; every command then has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

import click

from ..event_orders import EVENT_ORDERS
from ..procs import PROCS_MAX
from ..traces.trace_rules import TraceOptions
from .transform_options import TRANSFORMS

Command = Callable[..., None]

_TRACE: Final = (
    click.option(
        "--procs",
        type=click.IntRange(1, PROCS_MAX),
        help="Processors of the machine.  [default: MaxProcs of the trace, else MaxNodes]",
    ),
    click.option("--first", type=click.IntRange(min=1), metavar="N", help="Take only the first N records."),
    click.option(
        "--procs-field",
        type=click.Choice(["allocated", "requested"]),
        default="allocated",
        show_default=True,
        help="Which field is a job's processors: 5, else 8; or 8, else 5.",
    ),
    click.option(
        "--overrun",
        type=click.Choice(["extend", "cut"]),
        default="extend",
        show_default=True,
        help="A run beyond its estimate: extend the estimate, or cut the run.",
    ),
    click.option("--clairvoyant", is_flag=True, help="Take the run time as the estimate."),
    *TRANSFORMS,
)


def trace_options(command: Command) -> Command:
    """Give a command the options of reading a trace; it is called with all of them as ``options``."""

    @wraps(command)
    def called(**given: Any) -> None:
        command(options=options_of(given), **{name: value for name, value in given.items() if name not in TRACE_NAMES})

    return trace_parameters(called)


def trace_parameters(command: Command) -> Command:
    """Give a command the same options; it is called with each by its name, for :func:`options_of`."""
    for option in reversed(_TRACE):
        command = option(command)
    return command


def options_of(given: Mapping[str, Any]) -> TraceOptions:
    """Return how to read a trace.

    Args:
        given: The values of all options of reading, by the names of their parameters; others do not matter.
    """
    return TraceOptions(**{name: given[name] for name in TRACE_NAMES})


event_order_option: Final = click.option(
    "--event-order",
    type=click.Choice(EVENT_ORDERS),
    default="instant",
    show_default=True,
    help="instant: all ends, all submits, one pass; pyss: one pass an event, submits before ends; "
    "cqsim: one pass an event, ends before submits.",
)


def _names() -> tuple[str, ...]:
    """Return the parameters that the options of ``_TRACE`` give."""

    def nothing() -> None:
        pass

    return tuple(str(parameter.name) for parameter in click.command()(trace_parameters(nothing)).params)


TRACE_NAMES: Final = _names()
"""The parameters of reading a trace, which are fields of ``TraceOptions``."""
