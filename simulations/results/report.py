"""The figures of a run as a table for people, with every rule by which they came about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from meted.adapters.cli.tables import shown
from meted.adapters.wording import counted

from ..ruled import rules_rows
from ..traces.trace_rules import TIME_MAX_SAID, FilterCounts
from ..trade.words import plan_rows
from .credit_rows import books_rows, credit_rows
from .metrics import JsonValue
from .transform_rows import estimates_words, seed_words, transform_rows

TIE_RULE: Final = "submit time, then job number, then place in the file"
"""The order of jobs that are submitted in one instant."""

EVENT_ORDERS_SAID: Final = {
    "instant": "instant (all ends, then all submits, then one pass)",
    "pyss": "pyss (one pass an event, submits before ends)",
    "cqsim": "cqsim (one pass an event, ends before submits)",
}
_PROCS_FIELDS: Final = {
    "allocated": "allocated (field 5), else requested (field 8)",
    "requested": "requested (field 8), else allocated (field 5)",
}
_OVERRUNS: Final = {
    "extend": "extend (a run beyond its estimate makes the estimate longer)",
    "cut": "cut (a run beyond its estimate ends there)",
}
_LEFT_OUT: Final[dict[str, str | tuple[str, str]]] = {
    "parts": "of a job that stands before them, whole",
    "no_submit": "without a submit time",
    "no_procs": "without processors",
    "no_run": "without a run time",
    "too_late": f"beyond {TIME_MAX_SAID}",
    "outside_window": "submitted outside the window",
    "no_domain": "of users whom no row of the file of domains names",
    "too_wide": "wider than the machine",
    "malformed": ("malformed line", "malformed lines"),
}
_NOTED: Final = {
    "narrowed": ("job was wider than --procs-max", "jobs were wider than --procs-max"),
    "no_estimate": ("job without an estimate got its run time", "jobs without an estimate got their run time"),
    "overruns": ("job ran beyond its estimate", "jobs ran beyond their estimate"),
    "no_user": ("job has no user", "jobs have no user, and count as one user's"),
    "unsorted": ("job was out of order and was sorted", "jobs were out of order and were sorted"),
    "duplicate_ids": ("job has the number of an earlier one", "jobs have the number of an earlier one"),
    "partial": ("job is a part of one that has no record", "jobs are parts of some that have no record"),
    "extra_columns": ("record has more than 18 columns", "records have more than 18 columns"),
    "below_unknown": ("record holds a number below -1", "records hold a number below -1"),
}


def table(figures: Mapping[str, JsonValue], counts: FilterCounts) -> str:
    """Return what ``Metrics.results`` gave, as lines of text that end with a newline."""
    title = f"{shown(str(figures['trace']))}: {figures['policy']} on {counted(whole(figures, 'procs'), 'processor')}"
    books = rows(books_rows(figures))
    blocks = (rows(result_rows(figures)), *([books] if books else ()), rows(rule_rows(figures, counts)))
    return "\n".join((title, "=" * len(title), *(line for block in blocks for line in ("", *block)), ""))


def whole(figures: Mapping[str, JsonValue], name: str) -> int:
    """Return a figure that is a whole number."""
    found = figures[name]
    assert isinstance(found, int)
    return found


def result_rows(figures: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Yield the figures with their units."""
    utilisation = figures["utilisation"]
    assert isinstance(utilisation, float)
    yield "jobs", f"{figures['jobs']:,}"
    yield "users", f"{figures['users']:,}"
    yield "makespan", f"{figures['makespan_s']:,.0f} s"
    yield "utilisation", f"{100 * utilisation:.2f} %"
    yield "mean wait", f"{figures['mean_wait_s']:,.2f} s"
    yield "largest wait", f"{figures['max_wait_s']:,.0f} s"
    yield "mean bounded slowdown", f"{figures['mean_bounded_slowdown']:,.4f}"
    yield "mean turnaround", f"{figures['mean_turnaround_s']:,.2f} s"
    yield "service, Jain over users", f"{figures['jain_service']:.4f}"
    yield "service, worst user", f"{figures['min_service']:.4g} of what it was owed"
    yield "largest lag", f"{figures['max_lag_units']:.4f} of the largest job"
    yield "largest lead", f"{figures['max_lead_units']:.4f} of the largest job"
    yield "wait, Jain over users", f"{figures['jain_user_wait']:.4f}"
    yield "wait, Gini over users", f"{figures['gini_user_wait']:.4f}"
    yield "slowdown, Jain over users", f"{figures['jain_user_bounded_slowdown']:.4f}"
    yield "wait, mean over users", f"{figures['mean_user_wait_s']:,.2f} s"
    yield "slowdown, mean over users", f"{figures['mean_user_bounded_slowdown']:,.4f}"
    if "max_envy_units" in figures:
        yield from _fairness_rows(figures)
    yield from credit_rows(figures)
    yield "user CPU", f"{figures['cpu_s']:.2f} s, {figures['jobs_per_s']:,.0f} jobs/s"


def _fairness_rows(figures: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Yield what ``--fairness`` adds."""
    waits = (f"{figures[f'{name}_wait_s']:,.0f} s" for name in ("median", "p95", "p99"))
    slowdowns = (f"{figures[f'{name}_bounded_slowdown']:,.2f}" for name in ("median", "p95", "p99"))
    users = whole(figures, "users")
    yield "wait, 50 / 95 / 99 %", " / ".join(waits)
    yield "slowdown, 50 / 95 / 99 %", " / ".join(slowdowns)
    yield "service, Gini over users", f"{figures['gini_service']:.4f}"
    yield "service, least / most", f"{figures['min_max_service']:.4g}"
    yield "service, share error", f"{figures['share_error']:.4f}"
    yield "lag, of its bound", f"{figures['max_lag_of_bound']:.4f}"
    yield "envy, mean over users", f"{figures['mean_envy_units']:.4f} of the largest job"
    yield "envy, largest", f"{figures['max_envy_units']:.4f} of the largest job"
    yield "slower than alone", f"{figures['users_worse_than_alone']:,} of {counted(users, 'user')}"
    yield "slower than alone, most", f"{figures['max_sharing_deficit_s']:,.0f} s"
    yield "shared / alone, mean", f"{figures['mean_user_rho']:,.4f} over users"
    yield "shared / alone, worst user", f"{figures['max_user_rho']:,.4f}"
    yield "shared / alone above 1", f"{figures['users_rho_above_1']:,} of {counted(users, 'user')}"
    yield "above 1 + 1 / processors", f"{100 * float(str(figures['part_rho_above_bound'])):.2f} % of the users"
    yield "longest wait as head", f"{figures['max_head_wait_s']:,.0f} s"
    yield "starvation, of its bound", f"{figures['max_starvation']:.4f}"
    loans = figures.get("loans_amount_s")
    if isinstance(loans, Mapping):
        yield from ((name, f"{amount:,.0f} x s") for name, amount in loans.items() if amount)


def rule_rows(figures: Mapping[str, JsonValue], counts: FilterCounts) -> Iterator[tuple[str, str]]:
    """Yield how the figures came about."""
    yield "event order", EVENT_ORDERS_SAID[str(figures["event_order"])]
    yield "ties", TIE_RULE
    yield "processors", _PROCS_FIELDS[str(figures["procs_field"])]
    yield "estimates", estimates_words(figures)
    yield "overrun", _OVERRUNS[str(figures["overrun"])]
    yield from transform_rows(figures)
    yield from rules_rows(figures)
    yield from plan_rows(figures)
    yield "seed", seed_words(figures)
    yield "counted", "all jobs, no warm-up; slowdown bounded at 10 s"
    taken = "" if figures["first"] is None else f", the first {figures['first']:,} asked for"
    yield "records", f"{counts.records:,} read{taken}; {counts.jobs:,} simulated"
    lines = figures.get("filter_lines")
    named = lines if isinstance(lines, Mapping) else {}
    yield from (("left out", line) for line in counted_lines(counts, _LEFT_OUT, named))
    yield from (("note", line) for line in counted_lines(counts, _NOTED, named))
    yield "trace sha256", str(figures["trace_sha256"])


def counted_lines(
    counts: attrs.AttrsInstance, names: Mapping[str, str | tuple[str, str]], lines: Mapping[str, object] | None = None
) -> Iterator[str]:
    """Yield a line for each of the named counts that is not zero: the count, its meaning, and the first such lines."""
    for name, meaning in names.items():
        if count := getattr(counts, name):
            where = (lines or {}).get(name)
            more = "" if where is None else f" (line {where}{', ...' if count > str(where).count(',') + 1 else ''})"
            words = (meaning, meaning) if isinstance(meaning, str) else meaning
            yield f"{counted(count, *words)}{more}"


def rows(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return rows of two columns, aligned but where a name is long, for a terminal; one that repeats is shown once."""
    made, last = [], ""
    for name, value in pairs:
        made.append(f"  {'' if name == last else shown(name):<26} {shown(value)}")
        last = name
    return made
