"""Loans of a workload as they come: offered to the engine and recalled at their times, and what came of them.

While a share is lent, users are owed by what they have then (:func:`effective_shares`), and whoever measures a run is
told at each change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush

import attrs

from meted.core.commands import RecallLoan
from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.events import Event, LoanEnded, LoanMade, LoanStarted
from meted.core.ids import LoanId
from meted.core.record import replaced
from meted.core.state import State

from .procs import PROC_MILLI
from .results.metrics import JsonValue
from .traces.entitlements import WorkloadDomain, leaf_shares
from .traces.loan_moves import LoanMove
from .traces.loans import TimedLoan
from .traces.workload import Workload


@attrs.define
class LoanCounts:
    """What became of the loans of a workload.

    Attributes:
        made: Loans that the engine took.
        refused: Loans that it refused.
        recalled: Loans that their lenders took back.
        first_refusal: Why the first was refused, or None.
    """

    made: int = 0
    refused: int = 0
    recalled: int = 0
    first_refusal: str | None = None


class Lending:
    """Gives the loans of a workload to an engine, each at its time.

    Attributes:
        counts: What became of them so far.
        moves: What was lent and given back so far, in the order of time; times are those of the trace.
    """

    def __init__(self, loans: Sequence[TimedLoan]) -> None:
        """Take loans in the order of their times."""
        self.counts = LoanCounts()
        self.moves: list[LoanMove] = []
        self._loans = loans
        self._next = 0
        self._recalls: list[tuple[int, LoanId]] = []
        self._made: dict[LoanId, LoanMove] = {}

    def next_us(self, engine: Engine) -> int | None:
        """Return when :meth:`act` has something to do next, or None."""
        times = [engine.next_due_us(), self._recalls[0][0] if self._recalls else None]
        if self._next < len(self._loans):
            times.append(self._loans[self._next].offer.at_us)
        return min((time_us for time_us in times if time_us is not None), default=None)

    def act(self, engine: Engine, now_us: int, told: Callable[[Sequence[Event]], None] | None = None) -> bool:
        """End and start what is due, then recall, then offer; the events of the engine are taken.

        Args:
            engine: What decides.
            now_us: The time.
            told: Called with the events.

        Returns:
            Whether something moved.
        """
        engine.run_timers(now_us)
        while self._recalls and self._recalls[0][0] <= now_us:
            _, loan_id = heappop(self._recalls)
            if engine.handle(RecallLoan(now_us, loan_id)):  # nothing if it has ended by now
                self.counts.recalled += 1
        while self._next < len(self._loans) and self._loans[self._next].offer.at_us <= now_us:
            self._offer(engine, self._loans[self._next], now_us)
            self._next += 1
        engine.run_timers(now_us)
        known = len(self.moves)
        events = engine.take()
        if told is not None:
            told(events)
        for event in events:
            if type(event) is LoanStarted:
                self.moves.append(replaced(self._made[event.loan_id], at_us=event.at_us))
            elif type(event) is LoanEnded and (made := self._made.pop(event.loan_id, None)) is not None:
                self.moves.append(replaced(made, at_us=event.at_us, amount=-made.amount))
        return len(self.moves) > known

    def _offer(self, engine: Engine, loan: TimedLoan, now_us: int) -> None:
        offer = loan.offer
        try:
            events = engine.handle(replaced(offer, at_us=now_us))
        except Refused as refusal:
            self.counts.refused += 1
            self.counts.first_refusal = self.counts.first_refusal or str(refusal)
            return
        self.counts.made += 1
        made = events[0]
        assert type(made) is LoanMade
        amount = (offer.resource, offer.amount) if offer.resource == "share" else ("procs", offer.amount // PROC_MILLI)
        self._made[made.loan_id] = LoanMove(now_us, offer.lender, offer.borrower, *amount)
        if loan.recall_us is not None:
            heappush(self._recalls, (loan.recall_us, made.loan_id))


def effective_shares(state: State, numbers: Mapping[str, int]) -> dict[int, int]:
    """Return what part of everything each domain without sub-domains has now, after loans, as whole numbers.

    Args:
        state: Of the engine.
        numbers: What jobs call each domain, by its name.
    """
    domains = state.domains.domains
    return leaf_shares(
        [
            WorkloadDomain(
                numbers[domain.name],
                domain.name,
                domain.effective_share,
                domains[domain.parent].name if domain.parent else "",
            )
            for _, domain in sorted(domains.items())  # a parent is older than its children
        ]
    )


def workload_figures(workload: Workload, lending: Lending) -> dict[str, JsonValue]:
    """Return what figures say of the domains of a workload, its loans, the files read beside it and odd lines."""
    figures: dict[str, JsonValue] = {"shares_given": workload.shares is not None}
    if workload.lines:
        figures["filter_lines"] = {kind: ", ".join(map(str, lines)) for kind, lines in sorted(workload.lines.items())}
    if workload.loans:
        figures["loans"] = attrs.asdict(lending.counts)
    if workload.side_sha256:
        figures["beside_sha256"] = workload.side_sha256
    return figures
