"""The policy of a run on a command line: a name, and parameters where it has some."""

from __future__ import annotations

from textwrap import wrap
from typing import Final

import click

from meted.adapters.cli.values import Reader
from meted.adapters.policy_parameters import text_of, written

from ..errors import SimulationError
from ..policies.registry import policy_names, policy_parameters, policy_text

POLICY_HELP: Final = "Who is next; all policies are listed below."

_COLUMNS: Final = 78


def policies_epilog() -> str:
    """Return all policies with the parameters that some have, as a block that ``--help`` shows line by line."""
    lines = ["\b", "Policies, and what they may be told (--policy multifactor:age=2000,size=0):"]
    for name in policy_names():
        said = ", ".join(
            f"{written(field)}={text_of(field, value)}" for field, value in policy_parameters(name).items()
        )
        lines += wrap(f"  {name:<14}{said}", _COLUMNS, subsequent_indent=" " * 16, break_on_hyphens=False)
    return "\n".join(line.rstrip() for line in lines)


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in policy_names() if name.startswith(incomplete)]


def _policy(text: str) -> str:
    """Return a policy with its parameters, written in one way."""
    name = text.partition(":")[0]
    if name not in policy_names():
        raise ValueError(f"{name[:40]!r} is not one of {', '.join(policy_names())}.")
    try:
        return policy_text(text)
    except SimulationError as error:
        raise ValueError(str(error)) from None


POLICY: Final = Reader("policy", _policy)

policy_option: Final = click.option(
    "--policy",
    type=POLICY,
    default="meted",
    show_default=True,
    metavar="NAME",
    shell_complete=_complete,
    help=POLICY_HELP,
)
"""``--policy`` of a command that runs one."""

policies_option: Final = click.option(
    "--policy",
    "policies",
    type=POLICY,
    multiple=True,
    required=True,
    metavar="NAME",
    shell_complete=_complete,
    help=f"{POLICY_HELP} Give at least two; the others are compared with the first.",
)
"""``--policy`` of a command that compares some."""
