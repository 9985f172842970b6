"""Whether a log's leases are what the policy decides: every recorded pass is made again, and its decisions compared.

The log says what happened and what was decided. What happened (jobs, workers, reports, time) is taken from it, batch by
batch. Where a batch holds a pass, the policy is asked for its proposals on the state just before, at the recorded time;
each is judged by the core, and the events that follow must be the recorded ones, to the last field: job, units, worker,
place in the order, charge, virtual times, and what is set aside to pay for it. So if no pass differs, an engine that is
given the same inputs in the same batches decides the whole log as it stands, by induction over the batches.

A server makes a pass at the end of each batch, also where it decides nothing; that is checked as well. A program with
an embedded pool makes one only when it asks for work, and its batch begins with it. Which of the two wrote a log is
seen from the log: in that of a server decisions follow what caused them in the same batch.

An index is a projection of the state and of the policy's memory, which both are folds of the events, but for one thing:
``meted`` remembers the largest run that was a domain's next since it was served (``peaks`` in
:mod:`meted.core.policy.clock`), so that deadlines never fall. What it remembers hangs on when it was asked, and the log
does not tell all of that:

* A restart forgets it, and so does a failed append. So an index is also built anew at each sign of a restart, and where
  none of the others decides as recorded, for this very pass. Passes that are equal only by one of these are counted by
  themselves.
* A program with an embedded pool may ask for work, or why work waits, without anything being decided or logged. So for
  such logs one index is asked after every batch and another only for the recorded passes; either may be right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from meted.adapters.live_policies import live_policy_text
from meted.adapters.log import Log
from meted.core.decide import decide
from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.events import Event, LoanMade, UnitsLeased, WorkerLost
from meted.core.limits import PASS_DECISIONS_MAX
from meted.core.policy.base import Index, Policy, Proposal
from meted.core.policy.memory import Memory, index_of, memory_of
from meted.core.reducers import evolve
from meted.core.schema import decode_events
from meted.core.state import State

from .dispatch_report import DispatchReport, difference_of
from .recorded_pass import decision_at, first_decision, is_of_a_server, may_be_a_restart

DIFFERENCES_SHOWN_MAX: Final = 20
"""Passes that are told with what was recorded and what is decided; others that differ are counted."""


def check_dispatch(log: Log, policy: Policy, progress: Callable[[int, int], None] | None = None) -> DispatchReport:
    """Make every recorded pass of a log again and compare.

    Args:
        log: Open for reading.
        policy: Under which the log was recorded, as far as is known.
        progress: Told after each batch how many events of how many were read.

    Raises:
        LogError, SchemaError: It cannot be read.
    """
    check = _Check(policy, is_of_a_server(log))
    last_seq = log.head.seq
    for batch in log.read():
        check.take(decode_events(batch.body))
        if progress is not None:
            progress(batch.last_seq, last_seq)
    return check.report


class _Reader:
    """An index that is asked again, and the pass that it makes now.

    Attributes:
        index: The index.
        right: Whether all that it has decided in this pass is as recorded.
        curious: Whether it is also asked where the log has no pass.
        is_new: Whether it was built at what may be a restart, and nothing has shown yet that it was one.
    """

    def __init__(self, index: Index, *, curious: bool = False, is_new: bool = False) -> None:
        self.index = index
        self.right = True
        self.curious = curious
        self.is_new = is_new
        self._proposals: Iterator[Proposal] = iter(())

    def begin(self, at_us: int) -> None:
        """Begin a pass."""
        self._proposals = self.index.proposals(at_us)
        self.right = True

    def ask(self, state: State, at_us: int) -> tuple[Event, ...]:
        """Return what is decided next; nothing at the end, and where the core refuses it, as the pass is over then."""
        proposal = next(self._proposals, None)
        if proposal is None:
            return ()
        try:
            return decide(state, proposal, at_us)
        except Refused:
            return ()


class _Check:
    """Follows a log with indices that differ in what they remember."""

    def __init__(self, policy: Policy, served: bool) -> None:
        self.report = DispatchReport(live_policy_text(policy) or policy.name, served=served)
        self._policy = policy
        self._state = State()
        self._readers: list[_Reader] = []
        self._readers = self._new_readers(is_new=False)

    def take(self, events: Sequence[Event]) -> None:
        """Take the events of the next batch."""
        report = self.report
        report.batches += 1
        report.events += len(events)
        for event in events:
            report.lost_workers += type(event) is WorkerLost
            report.loans += type(event) is LoanMade
        if may_be_a_restart(self._state, events):
            self._readers = [reader for reader in self._readers if not reader.is_new] + self._new_readers(is_new=True)
        first, seq = first_decision(events), self._state.seq + 1
        for event in events[:first]:
            self._follow(event)
        made = 0
        if report.served or first < len(events):
            made = self._make_again(events[first:], events[first if first < len(events) else -1].at_us, seq)
        for event in events[first + made :]:
            self._follow(event)
        for reader in self._readers:
            if reader.curious:
                reader.begin(events[-1].at_us)
                reader.ask(self._state, events[-1].at_us)

    def _new_readers(self, *, is_new: bool) -> list[_Reader]:
        kinds, memory = (False,) if self.report.served else (False, True), self._memory()
        indices = (index_of(self._policy, self._state, memory) for _ in kinds)
        return [_Reader(index, curious=curious, is_new=is_new) for index, curious in zip(indices, kinds, strict=True)]

    def _memory(self) -> Memory | None:
        """Return what the policy remembers after the events so far, which is the same for all readers."""
        return memory_of(self._readers[0].index) if self._readers else None

    def _make_again(self, events: Sequence[Event], at_us: int, seq: int) -> int:
        """Make a pass again with which some events of a batch begin, and return how many of them are its own."""
        report, before, memory = self.report, self._state, self._memory()
        report.passes += 1
        for reader in self._readers:
            reader.begin(at_us)
        decisions = end = 0
        while decision := self._expected(events, end, at_us):
            decisions += 1
            end += len(decision)
            for event in decision:
                self._count(event)
                self._follow(event)
        recorded = events[:end]
        if decisions < PASS_DECISIONS_MAX:
            for reader in self._readers:
                reader.right = reader.right and not reader.ask(self._state, at_us)
        right = [reader for reader in self._readers if reader.right]
        if not right:
            self._decide_anew(recorded, decisions, Engine(self._policy, before, memory=memory), at_us, seq)
        elif all(reader.is_new for reader in right):
            report.anew += 1
            self._readers = [reader for reader in self._readers if reader.is_new]
            for reader in self._readers:
                reader.is_new = False  # it was a restart
        else:
            report.equal += 1
        return end

    def _expected(self, events: Sequence[Event], at: int, at_us: int) -> Sequence[Event]:
        """Return the decision that is recorded at a place, and note who decides otherwise.

        Where somebody decides as recorded, that says how far it goes; what it owes may have been paid with it.
        """
        found = decision_at(events, at)
        if not found:
            return ()
        decided = [(reader, reader.ask(self._state, at_us)) for reader in self._readers if reader.right]
        for reader, made in decided:
            reader.right = bool(made) and tuple(events[at : at + len(made)]) == made and len(made) >= len(found)
        return next((made for reader, made in decided if reader.right), found)

    def _count(self, event: Event) -> None:
        if type(event) is UnitsLeased:
            self.report.leases += 1
            self.report.units += event.count
            self.report.prefetched += event.behind != 0

    def _decide_anew(self, recorded: Sequence[Event], decisions: int, engine: Engine, at_us: int, seq: int) -> None:
        """Make a pass by an index built for it, and tell the difference if it is none of the recorded either."""
        engine.run_pass(at_us, max(decisions, PASS_DECISIONS_MAX))  # it may have been more than it is today
        decided = engine.take()
        if decided == tuple(recorded):
            self.report.anew += 1
            self._readers = self._new_readers(is_new=False)
            return
        self.report.different += 1
        if len(self.report.differences) < DIFFERENCES_SHOWN_MAX:
            self.report.differences.append(difference_of(recorded, decided, seq, at_us))

    def _follow(self, event: Event) -> None:
        self._state = evolve(self._state, event)
        for reader in self._readers:
            reader.index.update(event, self._state)
