"""One user who says other than the truth, as options of ``meted compare``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import click

from meted.adapters.cli.tables import shown
from meted.adapters.cli.values import Reader

from ..errors import TraceError
from ..running.misreports import Liar
from ..traces.misreport import parse_said
from ..traces.trace import read_trace
from ..traces.trace_rules import TraceOptions

Command = Callable[..., None]

SAYS: Final = ("x3", "x10", "x0.5", "split8")
"""What it says if nothing else is asked for."""


def _said(text: str) -> str:
    try:
        parse_said(text)
    except TraceError as error:
        raise ValueError(str(error)) from None
    return text


_OPTIONS: Final = (
    click.option(
        "--misreport",
        metavar="USER",
        help="Show what this user (a domain, by name) gains under each policy by saying other than the truth.",
    ),
    click.option(
        "--says",
        type=Reader("words", _said),
        multiple=True,
        metavar="HOW",
        help="What it says: x3 asks for three times the time, x0.5 for half of it, split8 makes eight jobs of each; "
        f"several are a run each.  [default: {', '.join(SAYS)}]",
    ),
)


def misreport_options(command: Command) -> Command:
    """Give a command the options; it is called with the user's name and all that it says as ``misreport``, or None."""

    @wraps(command)
    def called(misreport: str | None, says: tuple[str, ...], **given: Any) -> None:
        if says and misreport is None:
            raise click.UsageError("--says is what a user says; name the user with --misreport.")
        command(misreport=None if misreport is None else (misreport, tuple(dict.fromkeys(says or SAYS))), **given)

    found: Command = called
    for option in reversed(_OPTIONS):
        found = option(found)
    return found


def liar_of(path: str, options: TraceOptions, misreport: tuple[str, tuple[str, ...]]) -> Liar:
    """Return who says other than the truth.

    Args:
        path: The trace, which is read to find the user's number.
        options: How it is read.
        misreport: The user's name, and all that it says.

    Raises:
        TraceError: The trace cannot be read, or the user has no job in it.
    """
    name, says = misreport
    trace = read_trace(path, options)
    number = next((one.number for one in trace.domains if one.name == name and one.number in trace.users), None)
    if number is None:
        raise TraceError(f"{trace.name} has no job of {shown(name)}; name a user who has jobs with --misreport.")
    return Liar(name, number, says)
