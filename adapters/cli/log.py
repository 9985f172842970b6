"""``meted log``: look into the event log, prove it, copy it, repair it."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from meted.core.errors import Refused, SchemaError

from ..log import Log, LogError
from ..log.backup import backup as back_up
from ..log.export import export_sqlite
from ..log.reading import open_log
from ..log.repair import repair as repair_log
from ..log.show import Entry, of_job, plain
from ..log.show import show as entries_of
from ..log.verify import VerifyReport
from ..log.verify import verify as verify_log
from ..posting_check import rewrite_rows, wrong_rows
from ..recovery import note_repair
from ..wording import counted
from .events import line_of, print_tables
from .log_refusals import refusals
from .options import data_argument, data_option, json_option, log_argument, one_place
from .progress import ProgressBar
from .tables import is_terminal

SHOW_EVENTS = 100
"""``meted log show`` prints so many events if it is not told how many."""


class _Sentences(click.Group):
    """Turns what the commands expect to go wrong into what click prints."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (LogError, SchemaError, Refused) as error:
            raise click.ClickException(str(error)) from None


@click.group("log", cls=_Sentences)
def log() -> None:
    """Look after the event log.

    DIR is the data directory; --data names it as well. FILE is what meted log backup wrote. All but repair may
    be used while a program writes to the log.
    """


log.add_command(refusals)


@log.command("show", short_help="Show what happened, event by event.")
@log_argument
@click.option("--from", "from_seq", type=click.IntRange(min=1), default=1, metavar="SEQ", help="Begin with this event.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help=f"Show N events.  [default: {SHOW_EVENTS}]")
@click.option("--all", "everything", is_flag=True, help="Show all events to the end.")
@click.option("--job", "job_id", type=click.IntRange(min=1), metavar="JOB", help="All that happened to a job.")
@json_option
def show(data: Path, from_seq: int, limit: int | None, everything: bool, job_id: int | None, as_json: bool) -> None:
    """Show what happened, event by event.

    A job can be asked for that has left the pool, too, a week after its end or because it was deleted.
    """
    if everything and limit is not None:
        raise click.UsageError("--all and --limit contradict each other.")
    if job_id is not None and (from_seq > 1 or limit is not None):
        raise click.UsageError("--job shows all that happened to a job; leave out --from and --limit.")
    everything = everything or job_id is not None
    with open_log(data) as source:
        found = entries_of(source, from_seq)
        found = found if job_id is None else of_job(found, job_id)
        wanted = found if everything else itertools.islice(found, limit or SHOW_EVENTS)
        if as_json:
            _print_json(wanted)
        elif is_terminal():
            print_tables(wanted)
        else:
            for entry in wanted:
                click.echo("\t".join(line_of(entry)))
        _tell_rest(source.head.seq, from_seq, None if everything or limit else from_seq + SHOW_EVENTS)


@log.command("verify", short_help="Prove that nobody edited history.")
@log_argument
@json_option
@click.pass_context
def verify(ctx: click.Context, data: Path, as_json: bool) -> None:
    """Prove that nobody edited history, or say from where on it is damaged."""
    with ProgressBar("Verifying") as progress:
        report = verify_log(data, progress)
    wrong = None
    if report.ok:
        with ProgressBar("Comparing statements") as progress:
            wrong = wrong_rows(data, progress)
    if as_json:
        click.echo(json.dumps(_verified(report, wrong), indent=2))
    else:
        click.echo(report.sentence, err=not report.ok)
        if report.ok:
            click.echo(f"The chain value at seq {report.last_good_seq} is {report.chain.hex()}.")
        if wrong is not None:
            click.echo(wrong, err=True)
    ctx.exit(0 if report.ok and wrong is None else 1)


@log.command("export", short_help="Write the log to a file of plain tables.")
@log_argument
@click.option("--sqlite", "target", required=True, type=click.Path(path_type=Path), metavar="FILE", help="A new file.")
def export(data: Path, target: Path) -> None:
    """Write the log to a file of plain tables, for any tool that speaks SQL."""
    with open_log(data) as source, ProgressBar("Exporting") as progress:
        report = export_sqlite(source, target, progress)
    click.echo(
        f"{target} holds {counted(report.events, 'event')}, each as a row of `events` and of the table of its tag."
    )
    if report.damage is not None:
        raise click.ClickException(f"The export is not complete: {report.damage}")


@log.command("backup", short_help="Copy the log to one file, and verify the copy.")
@data_option
@click.argument("places", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="[DIR] FILE")
def backup(data: Path, places: tuple[Path, ...]) -> None:
    """Copy the log to FILE, also while a program writes to it, and verify the copy.

    FILE holds the large results as well, and can be read like a data directory: meted log show FILE, for example. To
    restore it, put it as log.sqlite3 into an empty data directory that was
    made with mkdir -m 700.
    """
    if len(places) > 2:
        raise click.UsageError("That is more than a data directory and a file; write: meted log backup DIR FILE")
    *source, target = places
    data = one_place(source[0] if source else None, data)
    with ProgressBar("Copying") as progress:
        report = back_up(data, target, progress)
    found = report.verified
    click.echo(f"{target} holds {counted(found.events, 'event')} up to seq {found.last_good_seq}, verified.")
    if report.missing_results:
        missing = counted(report.missing_results, "large result")
        click.echo(f"It lacks {missing}: the files of damaged results cannot be copied.", err=True)


@log.command("repair")
@data_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def repair(data: Path, yes: bool) -> None:
    """Make a damaged log usable again.

    What is proven stays; from the first bad batch on, all is set aside in the table `quarantined`, and the results that
    came with it in `quarantined_results`. Nothing is deleted, and the file as it was is kept beside the new one. What
    was lost is noted in the log.
    """
    with ProgressBar("Verifying") as progress:
        found = verify_log(data, progress)
    if found.ok:
        with ProgressBar("Comparing statements") as progress:
            wrong = wrong_rows(data, progress)
        if wrong is not None:
            rewrite_rows(data)
            click.echo("The statements of credit were made anew from the events.")
    if not found.ok and found.beyond_repair is None:
        click.echo(found.finding, err=True)
        if found.lost_from_seq is not None and not yes:
            _ask()
    with ProgressBar("Repairing") as progress:
        report = repair_log(data, _note, progress)
    click.echo(report.sentence)


def _ask() -> None:
    """Ask whether to repair, and end the command where the answer is not yes."""
    try:
        if click.confirm("Repair it?", err=True):
            return
        answered = sys.stdin.isatty()  # else there is nobody whose Return key ended the line
        sentence = "Nothing was changed."
    except click.Abort as abort:
        if not isinstance(abort.__context__, EOFError):
            raise
        answered = False
        sentence = "Nothing was changed, as nobody answered; give --yes to repair without being asked."
    if not answered:
        click.echo(err=True)
    raise click.ClickException(sentence)


def _tell_rest(last_seq: int, from_seq: int, next_seq: int | None) -> None:
    """Say on standard error what was not shown.

    Args:
        last_seq: Where the log ends.
        from_seq: Where showing began.
        next_seq: The first event that was left out unless the log ended before; None where nobody wants to know.
    """
    if last_seq == 0:
        click.echo("The log is empty.", err=True)
    elif from_seq > last_seq:
        click.echo(f"The log ends at seq {last_seq}.", err=True)
    elif next_seq is not None and next_seq <= last_seq:
        more_follow = counted(last_seq - next_seq + 1, "more event follows", "more events follow")
        click.echo(f"{more_follow}; go on with --from {next_seq}, or show everything with --all.", err=True)


def _note(repaired: Log, lost_first_seq: int, lost_last_seq: int) -> None:
    """Log the loss, so that the ids which lost events may have given are never given again."""
    note_repair(repaired, lost_first_seq, lost_last_seq, max(time.time_ns() // 1000, repaired.head.at_us))


def _verified(report: VerifyReport, wrong: str | None) -> dict[str, object]:
    return {
        "ok": report.ok and wrong is None,
        "batches": report.batches,
        "events": report.events,
        "last_good_seq": report.last_good_seq,
        "chain": report.chain.hex(),
        "first_bad_seq": report.first_bad_seq,
        "reason": report.reason,
        "snapshot_beyond_damage": report.snapshot_beyond_damage,
        "lost_from_seq": report.lost_from_seq,
        "flaws": list(report.flaws),
        "damaged_results": report.damaged_results,
        "beyond_repair": report.beyond_repair,
        "statements": wrong,
    }


def _print_json(wanted: Iterator[Entry]) -> None:
    """Print a list of events; it is whole also where the log turns out to be damaged on the way."""
    mark = "["
    try:
        for entry in wanted:
            shown = {
                "seq": entry.seq,
                "at_us": entry.at_us,
                "tag": entry.tag,
                "version": entry.version,
                "fields": plain(entry.fields),
            }
            click.echo(mark + json.dumps(shown))
            mark = ","
    finally:
        click.echo("[]" if mark == "[" else "]")
