"""How figures came about, as columns that stand in each row of a file of comma-separated values.

Such rows are sorted, cut and put beside those of others, so each says for itself by which rules it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .metrics import JsonValue
from .transform_rows import estimates_words, seed_words

ORIGIN_COLUMNS: Final = (
    *("event_order", "tie_rule", "procs_field", "estimates", "overrun", "filter", "seed", "trace_sha256"),
)
"""The names of the columns."""


def origin_cells(figures: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Return what stands below ``ORIGIN_COLUMNS`` for the figures of a run, as ``--json`` has them."""
    made = {"estimates": estimates_words(figures), "filter": filter_words(figures), "seed": seed_words(figures)}
    return tuple(made[name] if name in made else str(figures[name]) for name in ORIGIN_COLUMNS)


def filter_words(figures: Mapping[str, JsonValue]) -> str:
    """Return what became of the records, as ``records=12 jobs=12``; counts of zero are left out."""
    counts = figures["filter"]
    assert isinstance(counts, Mapping)
    return " ".join(f"{name}={count}" for name, count in counts.items() if count)
