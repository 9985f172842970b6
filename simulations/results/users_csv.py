"""How each user fared, as a file of comma-separated values: a row for each user of each run."""

from __future__ import annotations

from collections.abc import Sequence

from meted.core.record import fields_of

from ..whole_file import csv_text, write_text
from .origin import ORIGIN_COLUMNS, origin_cells
from .run_record import RunRecord, UserRow

COLUMNS = ("run", *UserRow.__annotations__, *ORIGIN_COLUMNS)
"""The first row: the label of the run, what :class:`~meted.simulations.results.run_record.UserRow` defines, and how
that came about.
"""


def write_users_csv(path: str, runs: Sequence[RunRecord]) -> None:
    """Write the rows of all users of some runs.

    Raises:
        SimulationError: The file cannot be written.
    """
    origins = [origin_cells(run.figures) for run in runs]
    rows = [
        (run.label, *fields_of(row).values(), *origin)
        for run, origin in zip(runs, origins, strict=True)
        for row in run.users
    ]
    write_text("--csv", path, csv_text([COLUMNS, *rows]))
