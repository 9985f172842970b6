"""How each user fared, as a file of comma-separated values: a row for each user of each run."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO

from meted.core.record import fields_of

from ..whole_file import write_text
from .run_record import RunRecord, UserRow

COLUMNS = ("run", *UserRow.__annotations__)
"""The first row: the label of the run, then what :class:`~meted.simulations.results.run_record.UserRow` defines."""


def write_users_csv(path: str, runs: Sequence[RunRecord]) -> None:
    """Write the rows of all users of some runs.

    Raises:
        SimulationError: The file cannot be written.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in runs:
        writer.writerows((run.label, *fields_of(row).values()) for row in run.users)
    write_text("--csv", path, text.getvalue())
