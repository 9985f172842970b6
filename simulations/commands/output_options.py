"""Where the results of a replay go, as options that its commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import attrs
import click

from ..plot import check_library
from ..results.documents import check_targets, document, write_document
from ..results.metrics import JsonValue
from ..results.run_csv import write_credit_csv, write_users_csv
from ..results.run_record import RunRecord

Command = Callable[..., None]


@attrs.frozen
class Outputs:
    """What was asked for.

    Attributes:
        json: Where the figures go as one JSON document; ``-`` is the standard output, which then has nothing else.
        csv: Where a row for each user goes.
        html: Where the report goes.
        fairness: Whether all measures of fairness were asked for.
        credit: Where a row for each step of each pair of domains that paid each other goes.
    """

    json: str | None
    csv: str | None
    html: str | None
    fairness: bool
    credit: str | None = None

    @property
    def wants_record(self) -> bool:
        """Whether a record of the run is needed."""
        return self.fairness or any(path is not None for path in (self.csv, self.html, self.credit))

    def check(self, source: str, out: str | None = None) -> None:
        """Refuse what would be found out only after the run, or would write over what is read or written.

        Args:
            source: What is read.
            out: Another file that is written, by ``--out``.

        Raises:
            click.UsageError: A folder is not there, or a file would be written over.
            SimulationError: A library is missing.
        """
        named = (
            ("--json", self.json),
            ("--csv", self.csv),
            ("--html", self.html),
            ("--out", out),
            ("--credit-csv", self.credit),
        )
        check_targets(named, source)
        if self.html is not None:
            check_library()

    def write(self, figures: Mapping[str, JsonValue], table: str, record: RunRecord | None) -> None:
        """Write what was asked for; the table goes to the standard output, unless the document does.

        Raises:
            SimulationError: A file cannot be written.
        """
        click.echo(document(figures) if self.json == "-" else table, nl=self.json == "-")
        if self.json not in (None, "-"):
            write_document(str(self.json), figures)
        if record is not None and self.csv is not None:
            write_users_csv(self.csv, [record])
        if record is not None and self.credit is not None:
            write_credit_csv(self.credit, [record])
        if record is not None and self.html is not None:
            from ..results.html_page import write_report  # only here: most runs are told in a table

            write_report(self.html, [record])


_CREDIT = click.option(
    "--credit-csv",
    "credit_path",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write who paid whom in credit over time.",
)


def output_options(
    json: str = "Write the figures as one JSON document; - is the standard output, which then has nothing else.",
    csv: str = "Write a row for each user.",
    html: str = "Write a report with plots as one page that needs no other file.",
    fairness: str = "Measure all of fairness: envy, starvation, sharing, quantiles (as --csv and --html do).",
    credit: bool = False,
) -> Callable[[Command], Command]:
    """Give a command the options ``--json``, ``--csv``, ``--html`` and ``--fairness``, all of them as ``outputs``.

    Args:
        json, csv, html, fairness: What ``--help`` says of each.
        credit: Give it ``--credit-csv`` as well.
    """
    file, dashed = click.Path(dir_okay=False), click.Path(dir_okay=False, allow_dash=True)
    options = (
        click.option("--json", "json_path", type=dashed, metavar="FILE", help=json),
        click.option("--csv", "csv_path", type=file, metavar="FILE", help=csv),
        click.option("--html", "html_path", type=file, metavar="FILE", help=html),
        click.option("--fairness", is_flag=True, help=fairness),
        *((_CREDIT,) if credit else ()),
    )

    def decorated(command: Command) -> Command:
        @wraps(command)
        def called(
            json_path: str | None,
            csv_path: str | None,
            html_path: str | None,
            fairness: bool,
            credit_path: str | None = None,
            **given: Any,
        ) -> None:
            command(outputs=Outputs(json_path, csv_path, html_path, fairness, credit_path), **given)

        found: Command = called
        for option in reversed(options):
            found = option(found)
        return found

    return decorated
