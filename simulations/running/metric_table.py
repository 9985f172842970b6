"""The figures that runs are compared by: what they are called, how they are written, and which way is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from meted.core.record import record

from ..results.metrics import JsonValue

Better = Literal["less", "more", ""]


@record
class Metric:
    """A figure.

    Attributes:
        name: Its key in the results.
        title: What people call it, with its unit.
        form: How its values are written, as a format specification.
        better: Whether less or more of it is better; empty where it is neither.
    """

    name: str
    title: str
    form: str
    better: Better = "less"


METRICS: Final = (
    Metric("makespan_s", "makespan, s", ",.0f"),
    Metric("utilisation", "utilisation", ".4f", "more"),
    Metric("mean_wait_s", "mean wait, s", ",.2f"),
    Metric("median_wait_s", "median wait, s", ",.0f"),
    Metric("p95_wait_s", "wait of 95 % at most, s", ",.0f"),
    Metric("p99_wait_s", "wait of 99 % at most, s", ",.0f"),
    Metric("max_wait_s", "largest wait, s", ",.0f"),
    Metric("mean_bounded_slowdown", "mean bounded slowdown", ",.4f"),
    Metric("median_bounded_slowdown", "median slowdown", ",.2f"),
    Metric("p95_bounded_slowdown", "slowdown of 95 % at most", ",.2f"),
    Metric("p99_bounded_slowdown", "slowdown of 99 % at most", ",.2f"),
    Metric("mean_turnaround_s", "mean turnaround, s", ",.2f"),
    Metric("mean_user_wait_s", "wait, mean over users, s", ",.2f"),
    Metric("mean_user_bounded_slowdown", "slowdown, mean over users", ",.4f"),
    Metric("jain_service", "service, Jain over users", ".4f", "more"),
    Metric("gini_service", "service, Gini over users", ".4f"),
    Metric("min_service", "service, worst user", ".4f", "more"),
    Metric("min_max_service", "service, least / most", ".4f", "more"),
    Metric("share_error", "service, share error", ".4f"),
    Metric("max_lag_units", "largest lag, largest jobs", ".4f"),
    Metric("max_lead_units", "largest lead, largest jobs", ".4f"),
    Metric("max_lag_of_bound", "largest lag, of its bound", ".4f"),
    Metric("jain_user_wait", "wait, Jain over users", ".4f", "more"),
    Metric("gini_user_wait", "wait, Gini over users", ".4f"),
    Metric("jain_user_bounded_slowdown", "slowdown, Jain over users", ".4f", "more"),
    Metric("mean_envy_units", "envy, mean over users, largest jobs", ".4f"),
    Metric("max_envy_units", "largest envy, largest jobs", ".4f"),
    Metric("users_worse_than_alone", "users slower than alone", ",.0f"),
    Metric("max_sharing_deficit_s", "slower than alone, most, s", ",.0f"),
    Metric("mean_user_rho", "shared / alone, mean over users", ",.4f"),
    Metric("max_user_rho", "shared / alone, worst user", ",.4f"),
    Metric("users_rho_above_1", "users with shared / alone above 1", ",.0f"),
    Metric("part_rho_above_bound", "users beyond 1 + 1 / processors", ".4f"),
    Metric("max_head_wait_s", "longest wait as head, s", ",.0f"),
    Metric("max_starvation", "starvation, of its bound", ".4f"),
    Metric("buying_jobs_mean_wait_s", "wait of jobs that buy points, s", ",.2f"),
    Metric("selling_jobs_mean_wait_s", "wait of jobs that sell points, s", ",.2f"),
    Metric("other_jobs_mean_wait_s", "wait of other jobs, s", ",.2f"),
    Metric("buying_jobs_mean_bounded_slowdown", "slowdown of jobs that buy points", ",.4f"),
    Metric("selling_jobs_mean_bounded_slowdown", "slowdown of jobs that sell points", ",.4f"),
    Metric("other_jobs_mean_bounded_slowdown", "slowdown of other jobs", ",.4f"),
    Metric("buying_users_mean_wait_s", "wait, mean over users who buy, s", ",.2f"),
    Metric("other_users_mean_wait_s", "wait, mean over other users, s", ",.2f"),
    Metric("bought_jobs", "jobs for which points were bought", ",.0f", ""),
    Metric("unpaid_jobs", "jobs for which credit was too little", ",.0f", ""),
    Metric("paid_credits", "credits paid", ",.3f", ""),
    Metric("earned_credits", "credits earned", ",.3f", ""),
    Metric("unclaimed_credits", "credits that nobody made room for", ",.3f", ""),
    Metric("held_credits", "credits held at the end", ",.3f", ""),
    Metric("cpu_s", "user CPU, s", ",.2f", ""),
)
"""In the order of tables; a run need not have all of them."""


def metric_named(name: str) -> Metric | None:
    """Return the figure of that name, or None."""
    return next((metric for metric in METRICS if metric.name == name), None)


def number(figures: Mapping[str, JsonValue], name: str) -> float | None:
    """Return a figure that is a number, or None where there is none of that name."""
    value = figures.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def present(runs: Sequence[Mapping[str, JsonValue]]) -> Iterator[tuple[Metric, tuple[float, ...]]]:
    """Yield each figure that all runs have, with the value of each run."""
    for metric in METRICS:
        values = [number(figures, metric.name) for figures in runs]
        known = tuple(value for value in values if value is not None)
        if len(known) == len(values):
            yield metric, known


def best(metric: Metric, values: Sequence[float]) -> frozenset[int]:
    """Return the places of the best values; none where all are equal, or neither way is better.

    Values that are written alike count as equal, so that no mark rests on what is not shown.
    """
    shown = [format(value, metric.form) for value in values]
    if not metric.better or len(set(shown)) == 1:
        return frozenset()
    top = (min if metric.better == "less" else max)(values)
    return frozenset(place for place, text in enumerate(shown) if text == format(top, metric.form))
