"""What came of a trade in credit, as rows of a table: how those who trade waited, who paid and earned most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from meted.adapters.wording import counted
from meted.core.decide.ledger import credits_text

from .run_record import RunRecord

FLOWS_SHOWN: Final = 10
"""Payments between domains that a table shows; where there are more, the largest. The file of --credit-csv has all."""

DOMAINS_SHOWN: Final = 10
"""Domains whose books a table for a terminal shows; where there are more, those who paid or earned most."""

DOMAINS_PAGE: Final = 250
"""The same in a report."""

Figures = Mapping[str, object]

_GROUPS: Final = {
    "buying_jobs": "jobs that buy",
    "selling_jobs": "jobs that sell",
    "other_jobs": "other jobs",
    "buying_users": "users who buy",
    "other_users": "other users",
}

_NOT_DONE: Final = {
    "too_late": "for jobs of which all had started, or that had ended",
    "left_out": "for jobs that are left out",
    "unpaid": "not done, as there was too little credit",
    "refused": "refused for another reason",
}

_COLUMNS: Final = {
    "credit_balance_mc": "has",
    "credit_granted_mc": "was granted",
    "credit_faded_mc": "faded, or above the cap",
    "credit_paid_mc": "paid",
    "credit_earned_mc": "earned",
}


def credit_rows(figures: Figures) -> Iterator[tuple[str, str]]:
    """Yield what figures say of credit; nothing where there was none."""
    if "buying_jobs" in figures:
        yield from _trade_rows(figures)
    flows, raised = figures.get("credit_flows_mc"), figures.get("credit_alarms_raised")
    if not isinstance(flows, Mapping) or not isinstance(raised, Mapping):
        return
    made = {name: int(amount_mc) for name, amount_mc in flows.items() if not _is_made(name)}
    largest = sorted(made, key=lambda name: (-made[name], name))[:FLOWS_SHOWN]
    for name in (name for name in flows if name in largest or (_is_made(name) and "buying_jobs" not in figures)):
        who, _, kind = name.rpartition(", ")
        yield who, f"{credits_text(int(flows[name]))}, {kind.replace('_', ' ')}"
    if len(made) > len(largest):
        rest_mc = sum(made.values()) - sum(made[name] for name in largest)
        yield "other payments", f"{credits_text(rest_mc)}, {len(made) - len(largest):,} from one to another"
    yield "points lapsed", f"{figures['credit_points_lapsed']:,} times, as a purse was empty"
    for alarm, times in raised.items():
        yield (
            f"alarm of {alarm}",
            "not raised" if not times else f"raised {counted(times, 'time')}",
        )


def books_rows(figures: Figures) -> Iterator[tuple[str, str]]:
    """Yield what those domains had, got and gave who paid or earned most; nothing where there was no trade."""
    if figures.get("first_refusal"):
        yield "first refusal", str(figures["first_refusal"])
    books = [(name, amounts) for name, amounts in _books(figures) if amounts[3] or amounts[4]]
    for name, (balance_mc, _, _, paid_mc, earned_mc) in books[:DOMAINS_SHOWN]:
        yield f"credits of {name}", f"{_bare(paid_mc)} paid, {_bare(earned_mc)} earned, {_bare(balance_mc)} left"
    if len(books) > DOMAINS_SHOWN:
        yield "", f"{counted(len(books) - DOMAINS_SHOWN, 'more domain')} paid or earned some"


def asked_rows(figures: Figures) -> Iterator[tuple[str, str]]:
    """Yield what became of credit and priorities that were asked for in a log; nothing where nobody did."""
    asked = figures.get("trade_asked")
    if not isinstance(asked, Mapping):
        return
    yield "credit, priorities", f"{asked['done']:,} done as they were asked for in the log, at their times"
    for name, words in _NOT_DONE.items():
        if asked[name]:
            yield "credit, priorities", f"{asked[name]:,} {words}"
    if asked["first_refusal"]:
        yield "credit, priorities", f"the first of these: {asked['first_refusal']}"


def books_table(run: RunRecord) -> str:
    """Return what each domain of a run had, got and gave, those who paid or earned most first; nothing of none."""
    books = _books(run.figures)
    if not books:
        return ""
    shown = books[:DOMAINS_PAGE]
    left = (
        f" {counted(len(books) - len(shown), 'more domain')} in the file of --csv." if len(books) > len(shown) else ""
    )
    head = "".join(f'<th scope="col" class="number">{title}</th>' for title in _COLUMNS.values())
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="number">{_bare(amount_mc)}</td>' for amount_mc in amounts)
        + "</tr>\n"
        for name, amounts in shown
    )
    return (
        f"<details><summary>{escape(run.label)}: credits of {counted(len(books), 'domain')}</summary>\n"
        f'<div class="wide"><table class="numbers"><caption>Who paid or earned most first.{left}</caption>\n'
        f'<thead><tr><th scope="col">domain</th>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div></details>\n'
    )


def _trade_rows(figures: Figures) -> Iterator[tuple[str, str]]:
    yield "points bought", f"for {counted(_whole(figures, 'bought_jobs'), 'job')}"
    yield "too little credit", f"for {counted(_whole(figures, 'unpaid_jobs'), 'job')}"
    if figures["selling_jobs"]:
        yield "points sold", f"of {counted(_whole(figures, 'sold_jobs'), 'job')}"
    if figures["refused_jobs"]:
        yield "points refused", f"for {counted(_whole(figures, 'refused_jobs'), 'job')}"
    for group, title in _GROUPS.items():
        if jobs := _whole(figures, group):
            yield title, f"{jobs:,}"
            yield f"wait, {title}", f"{figures[f'{group}_mean_wait_s']:,.2f} s"
            if group.endswith("jobs"):
                yield f"slowdown, {title}", f"{figures[f'{group}_mean_bounded_slowdown']:,.4f}"
    for name, title in (("paid", "paid"), ("earned", "earned"), ("unclaimed", "unclaimed"), ("held", "left")):
        yield f"credits {title}", f"{figures[f'{name}_credits']:,.3f}"


def _whole(figures: Figures, name: str) -> int:
    return int(str(figures[name]))


def _books(figures: Figures) -> list[tuple[str, Sequence[int]]]:
    """Return the amounts of each domain, in the order of the columns, those who paid or earned most first."""
    columns = [figures.get(name) for name in _COLUMNS]
    if not isinstance(columns[0], Mapping):
        return []
    found = [
        (str(name), [int(column[name]) for column in columns if isinstance(column, Mapping)]) for name in columns[0]
    ]
    return sorted(found, key=lambda book: (-(book[1][3] + book[1][4]), book[0]))


def _is_made(name: str) -> bool:
    """Whether a flow is credit that was made or taken back: nobody paid anybody."""
    return name.endswith((", grant", ", withdrawal", ", demurrage"))


def _bare(amount_mc: int) -> str:
    return f"{amount_mc / 1000:,.3f}"
