"""``meted start``, ``cancel``, ``delete``, ``rerun`` and ``priority``: what can be done to jobs."""

from __future__ import annotations

import click

from meted.core.limits import PRIORITY_MAX

from ..wire.errors import CallError
from .connect import JOB_ID, connected, server_option
from .options import BELOW_ZERO


@click.command("start", short_help="Let jobs run that were submitted with --hold.")
@click.argument("jobs", type=JOB_ID, nargs=-1, required=True, metavar="JOB...")
@server_option
def start(jobs: tuple[int, ...], server: str | None) -> None:
    """Let jobs run that were submitted with --hold. Those that run already are left alone.

    One that waits for other jobs (--after) or for its time (--begin) as well goes on waiting for these.
    """
    with connected(server) as client:
        client.call("start", jobs=jobs)


@click.command(
    "cancel",
    short_help="Stop jobs; what they have done so far is kept.",
    epilog="""\b
Examples:
  meted cancel 7
  meted cancel $(meted ls --active --name train --json | jq '.[].job')
""",
)
@click.argument("jobs", type=JOB_ID, nargs=-1, required=True, metavar="JOB...")
@server_option
def cancel(jobs: tuple[int, ...], server: str | None) -> None:
    """Stop jobs; what they have done so far is kept.

    Units that run are asked to end with SIGTERM, and killed some seconds later; where a worker's executor cannot do
    that, they run to their end, and it is said. Jobs that have ended are left alone.
    """
    with connected(server) as client:
        runs_on = client.call("cancel", jobs=jobs).get("runs_on")
    if runs_on:
        click.echo(runs_on, err=True)


@click.command("delete", short_help="Remove jobs that have ended, with all they have left.")
@click.argument("jobs", type=JOB_ID, nargs=-1, required=True, metavar="JOB...")
@server_option
def delete(jobs: tuple[int, ...], server: str | None) -> None:
    """Remove jobs that have ended, with all they have left.

    A job that has not ended is refused; cancel it first. Jobs that have ended go by themselves after a week.
    """
    with connected(server) as client:
        for number, job_id in enumerate(jobs):
            try:
                client.call("delete", job=job_id)
            except CallError as error:
                if not number:
                    raise
                gone = ", ".join(map(str, jobs[:number]))
                raise CallError(error.code, error.reason, f"{error.sentence} Deleted before it: {gone}.") from None


@click.command(
    "rerun",
    short_help="Run units of a job again that failed or were cancelled.",
    epilog="""\b
Examples:
  meted rerun --failed 7
  meted rerun --failed --cancelled 7
""",
)
@click.option("--failed", is_flag=True, help="The units that failed.")
@click.option("--cancelled", is_flag=True, help="The units that were cancelled.")
@click.argument("job", type=JOB_ID)
@server_option
def rerun(failed: bool, cancelled: bool, job: int, server: str | None) -> None:
    """Run units of a job again that failed or were cancelled. What has succeeded stays."""
    if not failed and not cancelled:
        raise click.UsageError("Say which units are to run again: --failed, --cancelled or both.")
    with connected(server) as client:
        client.call("rerun", job=job, failed=failed, cancelled=cancelled)


@click.command(
    "priority",
    short_help="Change the priority of a job.",
    context_settings=BELOW_ZERO,
    epilog="""\b
Examples:
  meted priority 7 3
  meted priority 7 -2
""",
)
@click.argument("job", type=JOB_ID)
@click.argument("priority", type=click.IntRange(-PRIORITY_MAX, PRIORITY_MAX), metavar="PRIORITY")
@server_option
def priority(job: int, priority: int, server: str | None) -> None:
    """Change the priority of a job that has not ended; 0 is usual.

    Each step up doubles what a job gets among the jobs of its user, and what its work counts as usage of its domain:
    one may have little soon, or much at slack times. Beyond ten steps nothing more changes.
    """
    with connected(server) as client:
        client.call("job.priority", job=job, priority=priority)
