"""Loans over time: who lends what to whom, from when to when.

A table with the columns ``at``, ``lender``, ``borrower``, ``resource``, ``amount``, ``until``, ``notice`` and
``recall``, of which the last three may be absent or empty. Times count from the start of the log (``90``, ``2h``,
``7d``); lender and borrower are names of domains; the resource is ``share``, or ``procs`` of a guarantee. A loan ends
at ``until``, or when its lender recalls it at ``recall`` and the ``notice`` is over.

The same may stand in the ``;`` lines of a trace, one ``MetedLoan:`` with these columns for each loan.

A loan is offered to the engine at its time, and the engine decides. What it refuses is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Final

from meted.adapters.cli.times import duration_us
from meted.core.commands import OfferLoan
from meted.core.limits import SHARE_MAX
from meted.core.record import record

from ..errors import TraceError
from ..procs import PROC_MILLI, PROCS_MAX
from .side_files import Row

COLUMNS: Final = ("at", "lender", "borrower", "resource", "amount", "until", "notice", "recall")

REQUIRED: Final = 5

HEADER_KEY: Final = "MetedLoan"

LOANS_MAX: Final = 100_000
"""Loans of one workload."""

_MOST: Final = {"share": SHARE_MAX, "procs": PROCS_MAX}


@record
class TimedLoan:
    """One loan: what is offered, at ``offer.at_us``, and when its lender takes it back, or None."""

    offer: OfferLoan
    recall_us: int | None = None


def timed_loans(rows: Sequence[Row], names: Collection[str], load: Fraction = Fraction(1)) -> tuple[TimedLoan, ...]:
    """Return the loans that rows of a table say, in the order of their times.

    Args:
        rows: The rows.
        names: The names of all domains.
        load: The times when loans are made, end and are recalled are divided by this, as those of the jobs are.

    Raises:
        TraceError: A row makes no sense.
    """
    if len(rows) > LOANS_MAX:
        raise TraceError(f"there are {len(rows):,} loans, and at most {LOANS_MAX:,} are taken; give fewer.")
    loans = [_loan(row, names, load) for row in rows]
    return tuple(sorted(loans, key=lambda loan: loan.offer.at_us))


def _loan(row: Row, names: Collection[str], load: Fraction) -> TimedLoan:
    for column in ("lender", "borrower"):
        if row.text(column) not in names:
            raise row.refusal(f"there is no domain {row.text(column)!r} ({column}); give it jobs or a share")
    resource = row.text("resource")
    if resource not in _MOST:
        raise row.refusal(f"the resource is {resource!r}, and has to be share or procs")
    amount = row.number("amount", 1, _MOST[resource])
    at_us = _time_us(row, "at", load)
    if at_us is None:
        raise row.refusal("it does not say when; give at")
    notice_us = _time_us(row, "notice", Fraction(1)) or 0
    core_resource, core_amount = ("cpu", amount * PROC_MILLI) if resource == "procs" else (resource, amount)
    offer = OfferLoan(
        at_us,
        row.text("lender"),
        row.text("borrower"),
        core_resource,
        core_amount,
        expiry_us=_time_us(row, "until", load),
        notice_us=notice_us,
    )
    recall_us = _time_us(row, "recall", load)
    for name, ends_us in (("until", offer.expiry_us), ("recall", recall_us)):
        if ends_us is not None and ends_us <= at_us:
            raise row.refusal(f"{name} is not after at")
    return TimedLoan(offer, recall_us)


def _time_us(row: Row, column: str, load: Fraction) -> int | None:
    text = row.text(column)
    if not text:
        return None
    try:
        return int(duration_us(text) / load)
    except ValueError as error:
        raise row.refusal(f"{column}: {str(error).removesuffix('.')}") from None
