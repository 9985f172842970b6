"""What was lent from whom to whom while a log was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meted.core.events import Event, LoanEnded, LoanMade, LoanStarted
from meted.core.ids import DomainId, LoanId
from meted.core.record import record


@record
class LoanMove:
    """An amount of a resource moved: from lender to borrower, or back where it is below zero.

    Attributes:
        at_us: When, in microseconds from the first submit; before it is below zero.
        lender, borrower: The names of the domains.
        resource: ``share``, or what the lender is guaranteed.
        amount: How much.
    """

    at_us: int
    lender: str
    borrower: str
    resource: str
    amount: int


class LoanReader:
    """Follows the loans in the events of a log."""

    def __init__(self) -> None:
        """Start with none."""
        self._made: dict[LoanId, LoanMade] = {}
        self._started: set[LoanId] = set()
        self._moves: list[tuple[LoanMade, int, int]] = []

    def take(self, event: Event) -> None:
        """Take the next event; all but loans are passed over."""
        match event:
            case LoanMade():
                self._made[event.loan_id] = event
            case LoanStarted() if event.loan_id in self._made:
                self._started.add(event.loan_id)
                self._move(event.loan_id, event.at_us, 1)
            case LoanEnded():
                if event.loan_id in self._started:
                    self._started.remove(event.loan_id)
                    self._move(event.loan_id, event.at_us, -1)
                self._made.pop(event.loan_id, None)
            case _:
                pass

    def moves(self, first_us: int, names: Mapping[DomainId, str]) -> Sequence[LoanMove]:
        """Return what moved, in the order of time.

        Args:
            first_us: When the first job was submitted.
            names: What to call the domains.
        """
        return [
            LoanMove(at_us - first_us, names[made.lender], names[made.borrower], made.resource, sign * made.amount)
            for made, at_us, sign in self._moves
        ]

    def _move(self, loan_id: LoanId, at_us: int, sign: int) -> None:
        self._moves.append((self._made[loan_id], at_us, sign))
