"""The group of all commands. A command is imported when it is called, so that ``meted --help`` is there at once."""

from __future__ import annotations

import importlib

import click

from ..version import VERSION
from .funnel import Funnel

# A table of strings and no imports, for two reasons: nothing is loaded that is not called, and the commands of
# packages that stand on this one (the simulations) can be found from here although the arrows between the packages,
# simulations -> adapters -> core, forbid to import them. It is what entry points of a plug-in would be.
COMMANDS = {
    "cancel": ("meted.adapters.cli.control:cancel", "Stop jobs; what they have done so far is kept."),
    "compare": (
        "meted.simulations.commands.compare:compare",
        "Replay a trace under several policies, side by side.",
    ),
    "completion": ("meted.adapters.cli.completion:completion", "Print what makes a shell complete."),
    "credit": ("meted.adapters.cli.credit:credit", "Show, grant and move credit, which buys priority."),
    "delete": ("meted.adapters.cli.control:delete", "Remove jobs that have ended, with all they have left."),
    "demo": ("meted.simulations.demo.command:demo", "Share this machine among three domains, and prove it."),
    "domain": (
        "meted.adapters.cli.domain:domain",
        "Show and set domains: who is charged, and what they are entitled to.",
    ),
    "drain": ("meted.adapters.cli.pool:drain", "Give a worker no more work, and let it finish what it has."),
    "explain": ("meted.adapters.cli.pool:explain", "Say why a job waits, and when it should start."),
    "generate": ("meted.simulations.commands.generate:generate", "Make up a workload to simulate."),
    "loan": ("meted.adapters.cli.loan:loan", "Lend what a domain is entitled to, and take it back."),
    "log": ("meted.adapters.cli.log:log", "Look after the event log."),
    "logs": ("meted.adapters.cli.logs:logs", "Show what units have written."),
    "ls": ("meted.adapters.cli.jobs:ls", "Show the jobs."),
    "nice": ("meted.adapters.cli.nice:nice", "Buy or sell points of priority for a job."),
    "priority": ("meted.adapters.cli.control:priority", "Change the priority of a job."),
    "quanta": (
        "meted.simulations.commands.quanta:quanta",
        "Share slices by the quantum: Karma, max-min and others on a demand matrix.",
    ),
    "replay": ("meted.simulations.commands.replay:replay", "Replay a log of your own under a policy."),
    "rerun": ("meted.adapters.cli.control:rerun", "Run units of a job again that failed or were cancelled."),
    "rules": ("meted.adapters.cli.rules:rules", "Show and set the rules by which the pool is shared."),
    "serve": ("meted.adapters.cli.serve:serve", "Run a server; workers join it from anywhere."),
    "show": ("meted.adapters.cli.show:show", "Show one job."),
    "shutdown": (
        "meted.adapters.cli.serve:shutdown",
        "End the server in good order; workers go on and wait for the next one.",
    ),
    "simulate": ("meted.simulations.commands.simulate:simulate", "Replay a trace under a policy."),
    "start": ("meted.adapters.cli.control:start", "Let jobs run that were submitted with --hold."),
    "state": ("meted.adapters.cli.pool:state", "Show the log's position and the digest of the state there."),
    "submit": ("meted.adapters.cli.submit:submit", "Hand in a job."),
    "sweep": (
        "meted.simulations.commands.sweep:sweep",
        "Replay a trace with every combination of some parameters.",
    ),
    "up": ("meted.adapters.cli.up:up", "Run a server and workers on this machine."),
    "wait": ("meted.adapters.cli.waiting:wait", "Wait until jobs have ended."),
    "watch": ("meted.adapters.cli.watch:watch", "Watch the jobs as they go."),
    "worker": ("meted.adapters.cli.worker:worker", "Run units on this machine for a server."),
    "workers": ("meted.adapters.cli.pool:workers", "Show the workers."),
}
"""Name -> where the command is (module:attribute), and what it does in a line."""

NAME_SHOWN = 64
"""Characters of an unknown command that are repeated."""


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of an unknown one say which are like it."""
        if not ctx.resilient_parsing and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            import difflib  # only here: most commands are known

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {args[0][:NAME_SHOWN]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands for ``--help``, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"meted {VERSION}")
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
