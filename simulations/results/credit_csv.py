"""Who paid whom in credit over time, as a file of comma-separated values: a row for each step of each pair."""

from __future__ import annotations

from collections.abc import Sequence

from ..whole_file import csv_text, write_text
from .origin import ORIGIN_COLUMNS, origin_cells
from .run_record import RunRecord

COLUMNS = ("run", "at_s", "payer", "payee", "kind", "paid_mc", *ORIGIN_COLUMNS)
"""The first row; ``paid_mc`` is all that was paid until ``at_s``, in thousandths of a credit."""


def write_credit_csv(path: str, runs: Sequence[RunRecord]) -> None:
    """Write the rows of some runs; none of a run without credit.

    Raises:
        SimulationError: The file cannot be written.
    """
    origins = [origin_cells(run.figures) for run in runs]
    rows = [
        (run.label, at_s, one.payer, one.payee, one.kind, paid_mc, *origin)
        for run, origin in zip(runs, origins, strict=True)
        for one in run.series.credit.series
        for at_s, paid_mc in zip(one.at_s, one.paid_mc, strict=True)
    ]
    write_text("--credit-csv", path, csv_text([COLUMNS, *rows]))
