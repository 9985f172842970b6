"""Runs as files of comma-separated values: how each user fared, and who paid whom in credit over time."""

from __future__ import annotations

from collections.abc import Sequence

from meted.core.record import fields_of

from ..whole_file import csv_text, write_text
from .origin import ORIGIN_COLUMNS, origin_cells
from .run_record import RunRecord, UserRow

USERS_COLUMNS = ("run", *UserRow.__annotations__, *ORIGIN_COLUMNS)
"""The first row of a file of users: the label of the run, what :class:`~meted.simulations.results.run_record.UserRow`
defines, and how that came about.
"""

CREDIT_COLUMNS = ("run", "at_s", "payer", "payee", "kind", "paid_mc", *ORIGIN_COLUMNS)
"""The first row of a file of payments; ``paid_mc`` is all that was paid until ``at_s``, in thousandths of a credit."""


def write_users_csv(path: str, runs: Sequence[RunRecord]) -> None:
    """Write a row for each user of each of some runs.

    Raises:
        SimulationError: The file cannot be written.
    """
    origins = [origin_cells(run.figures) for run in runs]
    rows = [
        (run.label, *fields_of(row).values(), *origin)
        for run, origin in zip(runs, origins, strict=True)
        for row in run.users
    ]
    write_text("--csv", path, csv_text([USERS_COLUMNS, *rows]))


def write_credit_csv(path: str, runs: Sequence[RunRecord]) -> None:
    """Write a row for each step of each pair of domains of some runs; none of a run without credit.

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
    write_text("--credit-csv", path, csv_text([CREDIT_COLUMNS, *rows]))
