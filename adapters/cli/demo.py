"""``meted demo``: real work on real input on this machine, and the proof that it was shared fairly and kept safely."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import click

from ..log import LogError, SQLiteLog
from .demo_check import Found, check
from .demo_work import SHARES, Demo, Progress, Ran, digests, is_fresh, slots_here
from .funnel import INTERRUPTED
from .options import json_option

UNITS_A_SLOT = 150
"""Units of each domain for each child process at a time: so the demo takes ten seconds to half a minute anywhere."""

UNITS_MAX = 100_000
"""Units of each domain, at most."""

TERMINATED = 143
"""Exit code after SIGTERM, as shells have it: 128 + SIGTERM."""


@click.command("demo", short_help="Share this machine among three domains, and prove it.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the log in this directory (default: it is not kept).",
)
@click.option("--units", type=click.IntRange(1, UNITS_MAX), help="Units of each domain (default: 150 a processor).")
@json_option
def demo(data: Path | None, units: int | None, as_json: bool) -> None:
    """Share this machine among three domains, and prove it.

    Three domains with shares 1, 2 and 5 each submit one array of commands. Every unit is a child process that
    computes the sha256 of one file of Python's own library. Half way the pool is dropped without a word, as if the
    program had been killed, and recovered from its log.

    At the end four things are checked: every result is right; each domain received its share while all of them had
    work waiting; the chain of the log is intact; the state folded again from the first event equals the one
    recovered. With too few units to judge the shares they are not judged. The exit code is 0 only if nothing that was
    judged failed.

    It takes ten seconds to half a minute.
    """
    units = units or UNITS_A_SLOT * slots_here()
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(_terminable())
            if data is None:
                kept = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meted-demo-")))
            elif is_fresh(data):
                kept = data
            else:
                raise click.ClickException(f"There is a log in {data} already; name another directory.")
            ran, found = _prove(kept, units, as_json)
    except LogError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("Interrupted; " + ("nothing was kept." if data is None else f"the log stays in {data}."), err=True)
        sys.exit(INTERRUPTED)
    checks = _checks(found, len(SHARES) * units)
    click.echo(json.dumps(_document(ran, found, checks)) if as_json else _summary(ran, found, checks))
    if False in checks.values():
        sys.exit(1)


def _prove(data: Path, units: int, as_json: bool) -> tuple[Ran, Found]:
    if not as_json:
        click.echo(
            f"3 domains with shares 1, 2 and 5, {_count(units, 'unit')} each: sha256 of a file, in a child process."
        )
    with _progress(units, as_json) as progress:
        work = Demo(data, units, progress)
        ran = work.run()
    with SQLiteLog.open(data, read_only=True) as log:
        return ran, check(log, len(SHARES), ran.slots, digests(work.paths))


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the block as an exception would, so that everything is tidied up."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _checks(found: Found, units: int) -> dict[str, bool | None]:
    return {
        "results": found.right == units,
        "shares": found.is_fair,
        "log": found.log_ok,
        "state": found.digest == found.folded_digest,
    }


def _document(ran: Ran, found: Found, checks: dict[str, bool | None]) -> dict[str, object]:
    return {
        "ok": False not in checks.values(),
        "checks": checks,
        "units": found.right,
        "seconds": round(ran.seconds, 3),
        "slots": ran.slots,
        "estimate_us": ran.estimate_us,
        "restart": {"after_units": ran.restart_at, "units_run_again": ran.run_again},
        "domains": [
            {"domain": one.domain, "share": one.share, "received_us": one.received_us, "entitled_us": one.entitled_us}
            for one in found.services
        ],
        "tolerance_us": found.tolerance_us,
        "events": found.events,
        "digest": found.digest,
    }


def _summary(ran: Ran, found: Found, checks: dict[str, bool | None]) -> str:
    lines = [
        f"{_count(found.right, 'result')} {'is' if found.right == 1 else 'are'} right; "
        f"{ran.seconds:.1f} s on {_count(ran.slots, 'slot')}, "
        f"{ran.estimate_us / 1000:.0f} ms expected for a unit.",
        f"Dropped after {_count(ran.restart_at, 'unit')} and recovered; what was out then ran again: "
        f"{_count(ran.run_again, 'unit')}.",
        *(_shares(found) if found.is_fair is not None else ["Too few units to judge the shares; take more (--units)."]),
        found.log_sentence,
        f"The state folded again from the first event is {found.folded_digest[:16]}..., "
        + ("equal to the one recovered." if checks["state"] else f"but {found.digest[:16]}... was recovered."),
    ]
    failed = [name for name, held in checks.items() if held is False]
    if failed:
        lines.append(f"FAILED: {', '.join(failed)}.")
    else:
        lines.append("All of it held." if found.is_fair else "All that was judged held.")
    return "\n".join(lines)


def _shares(found: Found) -> list[str]:
    """Return the table of what was received; there is something, or the shares could not have been judged."""
    total_us = sum(one.received_us for one in found.services)
    shares = sum(one.share for one in found.services)
    return [
        "While all three had work waiting:",
        "  domain  share  entitled to  received",
        *(
            f"  {one.domain:<6}  {one.share:>5}  {100 * one.share / shares:>10.1f}%  "
            f"{100 * one.received_us / total_us:>7.1f}%  ({one.received_us / 1e6:.2f} s)"
            for one in found.services
        ),
        f"  (allowed difference {100 * found.tolerance_us / total_us:.1f}%: two of the largest runs, and one a slot)",
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@contextlib.contextmanager
def _progress(units: int, silent: bool) -> Iterator[Progress]:
    """Give what shows how far the demo is: bars on a terminal, a line a tenth elsewhere, nothing where silent."""
    if silent:
        yield lambda done: None
    elif not sys.stderr.isatty():
        yield _Lines(units).tell
    else:
        with _bars(units) as progress:
            yield progress


@contextlib.contextmanager
def _bars(units: int) -> Iterator[Progress]:
    from rich.console import Console  # only where it is seen: it takes longer to load than the rest
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<6}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks = {name: bars.add_task(name, total=units) for name in SHARES}

        def tell(done: dict[str, int]) -> None:
            for name, count in done.items():
                bars.update(tasks[name], completed=count)

        yield tell


class _Lines:
    """Progress as plain lines: one for each tenth of the work."""

    def __init__(self, units: int) -> None:
        self._total = units * len(SHARES)
        self._tenths = 0

    def tell(self, done: dict[str, int]) -> None:
        """Print a line if another tenth is done."""
        tenths = 10 * sum(done.values()) // self._total
        if tenths > self._tenths:
            self._tenths = tenths
            click.echo("  ".join(f"{name} {count}" for name, count in done.items()))
