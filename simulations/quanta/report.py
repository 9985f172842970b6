"""The figures of a comparison as a JSON document, and as the lines and the table that people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from meted.adapters.wording import counted

from ..results.transform_rows import NOTHING_DRAWN
from ..running.pace import user_cpu_us
from .allocators import KarmaOptions
from .comparison import Comparison, Contender, Outcome
from .demands import DemandReader
from .karma import Karma
from .misreport import STRATEGIES, Found

TIE_RULE: Final = "the user in the later column"
"""Who gets a slice, or sells one, where two are equal."""

HEADINGS: Final = (
    *("policy", "useful", "utilisation", "least user", "most", "least/most", "Jain"),
    *("least welfare", "mean welfare", "disparity"),
)
"""Of the table; all but the first are numbers."""


def name_of(contender: Contender) -> str:
    """Return what a contender is called where there may be several of one name."""
    return f"{contender.name} {contender.options.alpha_milli / 1000:g}" if _is_karma(contender) else contender.name


def figures_document(outcome: Outcome, users: int, slices: int, found: Found | None) -> dict[str, Any]:
    """Return the figures of one contender, as JSON has them."""
    figures, options = outcome.figures, outcome.contender.options
    made: dict[str, Any] = {"policy": outcome.contender.name}
    if _is_karma(outcome.contender):
        made |= {
            "alpha": options.alpha_milli / 1000,
            "guaranteed_slices": guaranteed(options, users, slices),
            "shared_slices": slices - users * guaranteed(options, users, slices),
            "start_credits": options.start_credits,
            "bankrupt": options.bankrupt,
            "redistribute": options.redistribute,
        }
    made |= {
        "useful_slices": figures.useful,
        "idle_slices": figures.idle,
        "utilisation": float(figures.utilisation),
        "least_useful_slices": figures.least_useful,
        "most_useful_slices": figures.most_useful,
        "min_max_useful": float(figures.min_max_useful),
        "jain_useful": float(figures.jain_useful),
        "least_welfare": float(figures.least_welfare),
        "mean_welfare": figures.mean_welfare,
        "disparity": None if figures.disparity is None else float(figures.disparity),
        "user_useful_slices": list(outcome.useful),
    }
    if outcome.misreports:
        made["misreport_useful_slices"] = outcome.misreports
    if found is not None:
        made["misreport_search"] = {
            "truthful_slices": found.truthful,
            "useful_slices": found.useful,
            "gain": float(found.gain),
            "tried": found.tried,
        }
    return made


def table_row(outcome: Outcome) -> list[str]:
    """Return the cells below ``HEADINGS``."""
    figures = outcome.figures
    return [
        name_of(outcome.contender),
        f"{figures.useful:,}",
        f"{100 * float(figures.utilisation):.2f} %",
        f"{figures.least_useful:,}",
        f"{figures.most_useful:,}",
        _decimals(figures.min_max_useful),
        _decimals(figures.jain_useful),
        _decimals(figures.least_welfare),
        f"{figures.mean_welfare:.4f}",
        "-" if figures.disparity is None else f"{float(figures.disparity):.2f}",
    ]


def misreport_row(outcome: Outcome, strategist: int, found: Found | None) -> list[str]:
    """Return the useful slices of the strategic user: with the truth, with each strategy, and as the search found."""
    truthful = outcome.useful[strategist]
    cells = [name_of(outcome.contender), f"{truthful:,}"]
    cells += (_with_gain(outcome.misreports[name], truthful) for name in STRATEGIES)
    return cells if found is None else [*cells, _with_gain(found.useful, truthful)]


def comparison_document(
    reader: DemandReader, comparison: Comparison, found: Sequence[Found | None], of: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the whole comparison, as JSON has it."""
    users, slices, cpu_us = comparison.users, comparison.slices, user_cpu_us()
    return {
        "trace": reader.name,
        **of,
        "columns": reader.columns,
        "users": users,
        "quanta": comparison.quanta,
        "malformed": reader.malformed_count,
        "slices": slices,
        "fair_share": slices / users,
        "tie_rule": TIE_RULE,
        "user_demand_slices": comparison.demanded,
        "cpu_s": cpu_us / 1_000_000,
        "policies": [
            figures_document(outcome, users, slices, best)
            for outcome, best in zip(comparison.outcomes(), found, strict=True)
        ],
    }


def rule_rows(
    reader: DemandReader, comparison: Comparison, outcomes: Sequence[Outcome], asked: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield how the figures came about."""
    users, slices = comparison.users, comparison.slices
    yield "useful", "slices that a user got and could use; welfare: of all that it demanded"
    yield "disparity", "the median welfare divided by the least"
    yield "ties", TIE_RULE
    for options in (outcome.contender.options for outcome in outcomes if _is_karma(outcome.contender)):
        each = guaranteed(options, users, slices)
        shared = slices - users * each
        yield f"karma {options.alpha_milli / 1000:g}", f"slices guaranteed to each user: {each:,}; shared: {shared:,}"
        yield "credits", _credits(options)
    taken = "" if comparison.users == reader.columns else f", {comparison.users:,} of them taken"
    yield "columns", f"{reader.columns:,}{taken}"
    first = "" if asked["first"] is None else f", the first {asked['first']:,} asked for"
    yield "quanta", f"{reader.quanta:,} read{first}"
    if asked["scale"] != 1:
        yield "scale", f"demands times {asked['scale']:,}"
    if reader.malformed_count:
        yield "left out", counted(reader.malformed_count, "malformed line")
    nobody = comparison.demanded.count(0)
    if nobody:
        yield "not counted", f"{counted(nobody, 'user')} who never demanded anything"
    yield "seed", NOTHING_DRAWN if asked["seed"] is None else f"{asked['seed']} (search of misreports)"
    yield "trace sha256", asked["trace_sha256"]


def guaranteed(options: KarmaOptions, users: int, slices: int) -> int:
    """Return the slices that Karma guarantees each user with these options."""
    return Karma(users, slices, options.alpha_milli).guaranteed


def _credits(options: KarmaOptions) -> str:
    start = "no limit" if options.start_credits is None else f"{options.start_credits:,} each at the start"
    broke = "" if options.start_credits is None else f"; what only the bankrupt want: {options.bankrupt}"
    return start + broke + ("; redistributed" if options.redistribute else "")


def _is_karma(contender: Contender) -> bool:
    return contender.name == Karma.name


def _decimals(ratio: Fraction) -> str:
    return f"{float(ratio):.4f}"


def _with_gain(useful: int, truthful: int) -> str:
    return f"{useful:,} (x{useful / truthful:.3f})" if truthful else f"{useful:,}"
