"""How the end of the demo is told: what was checked, what each domain received, and what a simulator would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from meted.adapters.cli.tables import is_terminal, print_table
from meted.adapters.wording import counted
from meted.core.record import record

from ..results.metrics import JsonValue
from .check import Found
from .play import Played

Figures = Mapping[str, JsonValue]

POLICIES: Final = ("fcfs", "meted")
"""The log is replayed under these."""

COMPARED: Final = (
    ("mean_wait_s", "mean wait", "{:,.2f} s"),
    ("max_wait_s", "largest wait", "{:,.2f} s"),
    ("jain_service", "service as owed, Jain's index", "{:.4f}"),
    ("min_service", "worst served, of what it was owed", "{:.1%}"),
    ("max_lag_units", "largest lag, in largest units", "{:,.1f}"),
)
"""Key, name and form of the figures that stand side by side."""


@record
class Outcome:
    """All that the demo found out.

    Attributes:
        units: How many units there were.
        slots: How many ran at a time.
        estimate_us: How long one was said to take.
        played: What was done.
        found: What the log says.
        left: Processes that were left at the end.
        figures: Policy -> the figures of the replay.
        seconds: How long all of it took.
        is_chosen: The number of units was asked for, so it may be too small to judge the shares.
    """

    units: int
    slots: int
    estimate_us: int
    played: Played
    found: Found
    left: int
    figures: Mapping[str, Figures]
    seconds: float
    is_chosen: bool

    @property
    def checks(self) -> dict[str, bool | None]:
        """What was checked, and whether it held; None is what could not be judged."""
        found, server = self.found, self.played.server
        return {
            "results": found.right == found.once == self.units,
            "shares": found.is_fair,
            "worker": True if found.lost else None,
            "server": server.acknowledged <= server.in_log <= server.acknowledged_after
            and found.adopted + found.not_begun == server.out,
            "log": found.log_ok,
            "state": found.digest == self.played.digest,
            "replay": all(figures["jobs"] == self.units for figures in self.figures.values()),
            "processes": not self.left,
        }

    @property
    def failed(self) -> list[str]:
        """What did not hold, or was not judged although there should have been enough to judge it by."""
        unjudged = not self.is_chosen and self.found.is_fair is None
        return [name for name, held in self.checks.items() if held is False or (name == "shares" and unjudged)]


def document(outcome: Outcome) -> dict[str, object]:
    """Return all of it as a JSON object."""
    found, played = outcome.found, outcome.played
    return {
        "ok": not outcome.failed,
        "checks": outcome.checks,
        "units": outcome.units,
        "seconds": round(outcome.seconds, 3),
        "slots": outcome.slots,
        "estimate_us": outcome.estimate_us,
        "results": {"right": found.right, "counted_once": found.once},
        "worker_killed": {"told_ms": round(1000 * played.worker.told_s), "units_run_elsewhere": found.lost},
        "server_killed": {
            "acknowledged_before": played.server.acknowledged,
            "in_log": played.server.in_log,
            "acknowledged_after": played.server.acknowledged_after,
            "units_out": played.server.out,
            "units_adopted": found.adopted,
            "units_not_begun": found.not_begun,
            "away_s": round(played.server.away_s, 3),
        },
        "domains": [
            {"domain": one.domain, "share": one.share, "received_us": one.received_us, "entitled_us": one.entitled_us}
            for one in found.services
        ],
        "tolerance_us": found.tolerance_us,
        "events": found.events,
        "seq": played.seq,
        "digest": played.digest,
        "folded_digest": found.digest,
        "replays": dict(outcome.figures),
        "processes_left": outcome.left,
    }


def tell(outcome: Outcome) -> None:
    """Print all of it for people."""
    gap = not is_terminal()  # there a table has a margin of its own
    click.echo()
    _tell_shares(outcome.found)
    click.echo(nl=gap)
    click.secho("The same log in the simulator, under two policies:", bold=True)
    print_table(
        ["", *POLICIES],
        [[name, *(form.format(outcome.figures[policy][key]) for policy in POLICIES)] for key, name, form in COMPARED],
        POLICIES,
    )
    click.echo(nl=gap)
    signs = {True: click.style("✓", fg="green"), False: click.style("✗", fg="red"), None: click.style("?", fg="yellow")}
    checks = outcome.checks
    for name, sentence in _sentences(outcome).items():
        click.echo(f"  {signs[checks[name]]} {name:<9}  {sentence}")
    click.echo()
    took = f"{outcome.units} units on {outcome.slots} cpus, {outcome.seconds:.0f} s in all."
    if outcome.failed:
        click.secho(f"FAILED: {', '.join(outcome.failed)}. {took}", fg="red", bold=True)
    else:
        held = "All of it held." if checks["shares"] else "All that was judged held."
        click.secho(f"{held} {took}", fg="green", bold=True)


def _tell_shares(found: Found) -> None:
    total_us = sum(one.received_us for one in found.services)
    shares = sum(one.share for one in found.services)
    if found.is_fair is None or not total_us:
        click.echo("Too little work to judge the shares; take more (--units).")
        return
    click.secho(f"What each received of {total_us / 1e6:.1f} s of work, while all had work waiting:", bold=True)
    print_table(
        ["domain", "share", "entitled to", "received", "difference", "bound"],
        [
            [
                one.domain,
                str(one.share),
                f"{100 * one.share / shares:.1f} %",
                f"{100 * one.received_us / total_us:.1f} %",
                f"{(one.received_us - one.entitled_us) / 1e6:+.2f} s",
                f"±{found.tolerance_us / 1e6:.2f} s",
            ]
            for one in found.services
        ],
        ("share", "entitled to", "received", "difference", "bound"),
    )


def _sentences(outcome: Outcome) -> dict[str, str]:
    """Return what to say of each check."""
    found, played, server = outcome.found, outcome.played, outcome.played.server
    shares = {
        True: "Every domain received its share, within the bound.",
        False: "A domain is further from its share than the bound allows.",
        None: "Not judged: a domain that received nothing would be within the bound too.",
    }
    same = "as the server said" if outcome.checks["state"] else f"but the server said {played.digest[:16]}..."
    elsewhere = f"{counted(found.lost, 'unit')} that it held ran elsewhere" if found.lost else "it held no unit"
    not_begun = f", and {found.not_begun} that had not begun leased anew" if found.not_begun else ""
    return {
        "results": f"{found.right} of {outcome.units} hashes are right, and {found.once} were counted exactly once.",
        "shares": shares[found.is_fair],
        "worker": f"Killed; {elsewhere}, and no process of it was left.",
        "server": f"Killed; {server.acknowledged} units acknowledged before, {server.acknowledged_after} after; "
        f"of {server.out} leased {found.adopted} adopted{not_begun}.",
        "log": found.log_sentence,
        "state": f"Folded from the first event it is {found.digest[:16]}..., {same}.",
        "replay": "The simulator has run every unit of the log, under both policies.",
        "processes": "All have ended." if not outcome.left else f"{outcome.left} are left.",
    }
