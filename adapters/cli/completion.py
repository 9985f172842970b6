"""``meted completion``: what makes a shell complete commands, options, job ids and domains."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")

VARIABLE = "_METED_COMPLETE"
"""The variable by which the shell asks for completions; click's own name for a program called meted."""


@click.command(
    "completion",
    short_help="Print what makes a shell complete.",
    epilog="""\b
Examples:
  meted completion bash >> ~/.bashrc
  meted completion zsh  >> ~/.zshrc
  meted completion fish > ~/.config/fish/completions/meted.fish
""",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, job ids and domains.

    Ids and domains come from the server; where none answers at once, nothing is offered.
    """
    made = get_completion_class(shell)
    assert made is not None, "click knows the three of them"
    click.echo(made(ctx.find_root().command, {}, "meted", VARIABLE).source())
