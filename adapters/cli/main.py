"""The group of all commands. A command is imported when it is called, so that ``meted --help`` is there at once."""

from __future__ import annotations

import importlib
from importlib import metadata

import click

from .funnel import Funnel

# A table of strings and no imports, for two reasons: nothing is loaded that is not called, and the commands of
# packages that stand on this one (the simulations) can be found from here although the arrows between the packages,
# simulations -> adapters -> core, forbid to import them. It is what entry points of a plug-in would be.
COMMANDS = {
    "demo": ("meted.adapters.cli.demo:demo", "Share this machine among three domains, and prove it."),
    "log": ("meted.adapters.cli.log:log", "Look after the event log."),
    "simulate": ("meted.simulations.command:simulate", "Replay a trace under a policy."),
}
"""Name -> where the command is (module:attribute), and what it does in a line."""


class LazyGroup(Funnel):
    """A group that knows its commands by name and imports them when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, sorted."""
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now, or None."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), f"{COMMANDS[cmd_name][0]} is a command"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands for ``--help``, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        try:
            version = metadata.version("meted")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        click.echo(f"meted {version}")
        ctx.exit()


@click.command("meted", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
def meted() -> None:
    """Work, meted out fairly: a shared pool of machines for people who have to share."""


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    meted.main(prog_name="meted")
