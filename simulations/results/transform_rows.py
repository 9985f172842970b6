"""What was done to the jobs of a trace before they were simulated, as rows for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from meted.adapters.wording import counted

from .metrics import JsonValue

NOTHING_DRAWN: Final = "none: nothing is drawn by chance"

AS_RECORDED: Final = "as recorded"
"""What a run beyond its estimate is in the replay of a log, where it took what it took."""

AS_SUBMITTED: Final = "as submitted, or none"
"""Where estimates come from there."""

_DOMAINS: Final = {"user": "every user is a domain", "group": "every group is a domain", "queue": "every queue is one"}


def estimates_words(figures: Mapping[str, JsonValue]) -> str:
    """Return where estimates come from."""
    done = _done(figures)
    how = str(done["estimates"])
    if figures["overrun"] == AS_RECORDED:
        return AS_SUBMITTED
    if figures["clairvoyant"]:
        return "the run time (clairvoyant)"
    if how == "exact":
        return "the run time (exact)"
    if how.startswith("x"):
        return f"{how[1:]} times the run time"
    if how.startswith("random"):
        factor = how.partition(":")[2] or "2"
        return f"drawn between the run time and {factor} times it, seed {done['seed']}"
    return "field 9, else the run time"


def seed_words(figures: Mapping[str, JsonValue]) -> str:
    """Return what was drawn by chance in a run, and with which seed."""
    parameters = figures["policy_parameters"]
    assert isinstance(parameters, Mapping)
    drawn = (("estimates", _done(figures)["seed"]), ("the policy", parameters.get("seed")))
    return "; ".join(f"{seed} ({what})" for what, seed in drawn if seed is not None) or NOTHING_DRAWN


def transform_rows(figures: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Yield what domains are and what was changed; nothing is said of what was left as it is."""
    done = _done(figures)
    whose = _DOMAINS.get(str(done["domain_of"]), f"domains as in {done['domain_of']}")
    if figures.get("shares_given"):
        yield "entitlement", f"{whose}; shares as {done['shares'] or 'the trace says'}"
    else:
        yield "entitlement", f"{whose} with the same share"
    if done["window_s"]:
        yield "window", f"submits in {done['window_s']} s from the start of the log"
    if done["load"]:
        yield "load", f"submit times divided by {done['load']}"
    if done["procs_max"]:
        yield "sizes", f"at most {counted(int(done['procs_max']), 'processor')}; wider jobs take so many"
    loans = figures.get("loans")
    if isinstance(loans, Mapping):
        refused = f"; {loans['refused']:,} refused: {loans['first_refusal']}" if loans["refused"] else ""
        yield "loans", f"{loans['made']:,} made, {loans['recalled']:,} recalled{refused}"
    beside = figures.get("beside_sha256")
    if isinstance(beside, Mapping):
        yield from (("beside the trace", f"--{name.replace('_', '-')}: {digest}") for name, digest in beside.items())


def _done(figures: Mapping[str, JsonValue]) -> Mapping[str, int | float | str | None]:
    done = figures["transforms"]
    assert isinstance(done, Mapping)
    return done
