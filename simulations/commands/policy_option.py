"""The policy of a run on a command line: a name, and parameters where it has some."""

from __future__ import annotations

from typing import Final

import click

from meted.adapters.cli.values import Reader

from ..errors import SimulationError
from ..policies.registry import policy_names, policy_text

POLICY_HELP: Final = (
    f"Who is next: {', '.join(policy_names())}. Some have parameters, as in multifactor:age=2000,size=0."
)


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
    "--policy", type=POLICY, default="meted", show_default=True, metavar="NAME", help=POLICY_HELP
)
"""``--policy`` of a command that runs one."""
