"""The engine: the loop's pure half. Server, embedded use, simulator and what-if all call this one (design law 10).

A shell drives it: :meth:`Engine.handle` for each command that waits, :meth:`Engine.run_pass` at most once a batch,
:meth:`Engine.seal` to get the batch, then its append and sync; after that :meth:`Engine.publish` for the effects, or
:meth:`Engine.abandon` if the append failed. So the state that others see is always one that is durable.
"""

from __future__ import annotations

from collections import Counter, deque

from .batch import GENESIS, Batch, seal
from .codec import encode_events
from .commands import Command, FinishUnits
from .decide import decide
from .decide.jobs import left_at_once
from .effects import Effect
from .errors import Reason, Refused
from .events import Event, JobArchived, UnitsFinished
from .ids import JobId, LeaseId, WorkerId
from .limits import PASS_DECISIONS_MAX, RETENTION_US, TIME_MAX_US, TIMERS_DUE_MAX
from .policy.base import Index, Policy
from .policy.memory import Memory, index_of, memory_of
from .react import reactions
from .record import record
from .reducers import FEES, evolve, evolve_paid
from .spans import indices
from .state import Lease, State
from .timers import Timers


@record
class UnitResult:
    """The result of one unit, to be stored in the transaction that logs its finish."""

    job_id: JobId
    index: int
    attempt: int
    body: bytes


@record
class UnitsReport:
    """Where the record of units that ended is to be found: in the batch that logs it, under their job.

    Attributes:
        job_id, worker_id, lease_id, attempt: Of the lease that the report is of.
        first, count: The units lie in this range.
    """

    job_id: JobId
    worker_id: WorkerId
    lease_id: LeaseId
    attempt: int
    first: int
    count: int


@record
class Sealed:
    """A batch that is decided and not yet durable.

    Attributes:
        batch: What to append.
        results: Rows to store with it.
        forget: Jobs whose results are to be deleted with it.
        events: The events in the batch.
        state: The state after it.
        reports: Rows to store with it, one for each report of units that ended.
        memory: What the policy remembers after it, or None.
    """

    batch: Batch
    results: tuple[UnitResult, ...]
    forget: tuple[JobId, ...]
    events: tuple[Event, ...]
    state: State
    reports: tuple[UnitsReport, ...]
    memory: Memory | None = None


class Engine:
    """Decides commands, folds their events, and keeps the policy's index beside the state.

    Time never runs back, though a wall clock may: every command, pass and look at the timers counts as of the latest
    time that an accepted command, a pass or a look at the timers ever had, where its own is earlier. The state's time
    alone would not do: it stands still while nothing happens, but a pass that makes no event also wakes what was
    backing off. Events carry the time that counted, so a replay needs no clock, and what was woken is not remembered
    over a restart.

    Ended jobs are archived by the timers once ``retention_us`` have passed; if that is None, as they end.

    Attributes:
        now_us: That time, microseconds; at first that of the state.
        state: The tentative state: after everything decided so far.
        committed: The state after everything published.
        committed_memory: What the policy remembers there beside the state, or None (:mod:`.policy.memory`).
        index: The policy's index of :attr:`state`; for reading.
        more: Whether the last pass stopped at its limit with work left.
        refusals: How often each reason was given, to whoever sent a command and to the policy.
    """

    def __init__(
        self,
        policy: Policy,
        state: State | None = None,
        chain: bytes = GENESIS,
        *,
        retention_us: int | None = RETENTION_US,
        memory: Memory | None = None,
    ) -> None:
        self.policy = policy
        self.state = self.committed = State() if state is None else state
        self.now_us = self.state.at_us
        self.more = False
        self.refusals: Counter[Reason] = Counter()
        self._retention_us = retention_us
        self._chain = self._committed_chain = chain
        self._sealed: deque[Sealed] = deque()
        self._events: list[Event] = []
        self._results: list[UnitResult] = []
        self._reports: list[tuple[Lease, Event]] = []
        self.index: Index = index_of(policy, self.state, memory)
        self.committed_memory = self.memory
        self._timers = Timers(self.state, retention_us)

    @property
    def memory(self) -> Memory | None:
        """What the policy remembers after everything decided so far, or None."""
        return memory_of(self.index)

    @property
    def chain(self) -> bytes:
        """The chain value after the last sealed batch."""
        return self._chain

    def handle(self, command: Command) -> tuple[Event, ...]:
        """Decide ``command`` on the tentative state and fold what follows.

        Raises:
            Refused: If it is refused; the state is as it was.
        """
        try:
            events = decide(self.state, command, self.now_us)
        except Refused as refusal:
            self.refusals[refusal.reason] += 1
            raise
        if self._retention_us is None:
            events = left_at_once(events)
        if command.at_us > self.now_us:
            self.now_us = command.at_us
        if type(command) is FinishUnits and events:
            lease = self.state.jobs.leases[command.lease_id]
            self._reports.append((lease, events[0]))
            # What ended before and was run again may have left a result, which is none of this attempt.
            if command.results or (lease.attempt > 1 and lease.is_run_again):
                self._keep_results(command, lease, events[0])
        self._apply(events)
        return events

    def run_pass(self, at_us: int, decisions_max: int = PASS_DECISIONS_MAX) -> int:
        """Let the policy propose, decide each proposal, and return how many there were.

        After ``decisions_max`` of them the pass gives way and :attr:`more` is true. A proposal that is refused is a
        fault of the policy or of its index: it is counted, the index is built anew, and the pass is over.
        """
        made = 0
        self.more = False
        for proposal in self.index.proposals(self._advance(at_us)):
            try:
                events = decide(self.state, proposal, self.now_us)
            except Refused as refusal:
                self.refusals[refusal.reason] += 1
                self.index = index_of(self.policy, self.state, self.memory)
                break
            self._apply(events)
            made += 1
            if made >= decisions_max:
                self.more = True
                break
        return made

    def run_timers(self, at_us: int) -> int:
        """Do what has fallen due by ``at_us`` and return how much that was: see :mod:`.timers`.

        After ``TIMERS_DUE_MAX`` of it the rest is left for the next call, and is due at once.
        """
        done, now_us = 0, self._advance(at_us)
        while done < TIMERS_DUE_MAX and (command := self._timers.pop(self.state, now_us)) is not None:
            self.handle(command)
            done += 1
        return done

    def next_due_us(self) -> int | None:
        """Return when :meth:`run_timers` has something to do next, or None."""
        return self._timers.next_us()

    def next_wake_us(self) -> int | None:
        """Return when :meth:`run_timers` or :meth:`run_pass` next has something to do by time alone, or None."""
        due_us = (self._timers.next_us(), self.index.next_wake_us())
        return min((due for due in due_us if due is not None), default=None)

    def seal(self) -> Sealed | None:
        """Return what was decided since the last time as one batch, or None if that is nothing."""
        if not self._events:
            return None
        last_seq = self.state.seq
        first_seq = last_seq - len(self._events) + 1
        batch = seal(self._chain, first_seq, last_seq, self.state.at_us, encode_events(self._events))
        forget = tuple([event.job_id for event in self._events if type(event) is JobArchived and event.deleted])
        reports = tuple([_report(lease, finished) for lease, finished in self._reports])
        results, events = tuple(self._results), tuple(self._events)
        sealed = Sealed(batch, results, forget, events, self.state, reports, self.memory)
        self._chain = batch.chain
        self._events.clear()
        self._results.clear()
        self._reports.clear()
        self._sealed.append(sealed)
        return sealed

    def publish(self, sealed: Sealed) -> tuple[Effect, ...]:
        """Take note that a batch is durable, and return what the outside world must now do.

        Batches are published in the order in which they were sealed.
        """
        assert self._sealed[0] is sealed, "batches are published in the order in which they were sealed"
        self._sealed.popleft()
        self.committed, self.committed_memory = sealed.state, sealed.memory
        self._committed_chain = sealed.batch.chain
        return reactions(sealed.state, sealed.events)

    def take(self) -> tuple[Event, ...]:
        """Return what was decided since the last time and count it as published, where there is no log to keep it.

        For simulations: nothing is encoded or hashed, and :attr:`chain` stays as it is. An engine whose batches are
        sealed must not be asked for this.
        """
        assert not self._sealed, "events that are sealed already cannot be taken"
        events = tuple(self._events)
        self._events.clear()
        self._results.clear()
        self._reports.clear()
        self.committed, self.committed_memory = self.state, self.memory
        return events

    def abandon(self) -> None:
        """Forget everything that is not published, after a failed append."""
        self.state = self.committed
        self._chain = self._committed_chain
        self._sealed.clear()
        self._events.clear()
        self._results.clear()
        self._reports.clear()
        self.index = index_of(self.policy, self.state, self.committed_memory)
        self._timers = Timers(self.state, self._retention_us)

    def _advance(self, at_us: int) -> int:
        """Return what time it is, as somebody says that it is ``at_us``."""
        if at_us > self.now_us:
            self.now_us = at_us if at_us < TIME_MAX_US else TIME_MAX_US
        return self.now_us

    def _apply(self, events: tuple[Event, ...]) -> None:
        state, update, timed = self.state, self.index.update, self._timers.follows
        is_paid = len(events) == 2 and type(events[1]) in FEES
        if is_paid:
            state = evolve_paid(state, *events)
        for event in events:
            if not is_paid:
                state = evolve(state, event)
            update(event, state)
            if type(event) in timed:
                self._timers.update(event, state)
        self.state = state
        self._events += events

    def _keep_results(self, command: FinishUnits, lease: Lease, finished: Event) -> None:
        assert type(finished) is UnitsFinished
        accepted = set(indices(finished.done))
        accepted.difference_update(indices((run.first, run.count) for run in finished.requeued))
        for index, body in command.results:
            if index in accepted:
                self._results.append(UnitResult(lease.job_id, index, lease.attempt, body))
                accepted.remove(index)
        if lease.is_run_again:
            self._results.extend(UnitResult(lease.job_id, index, lease.attempt, b"") for index in sorted(accepted))


def _report(lease: Lease, finished: Event) -> UnitsReport:
    assert type(finished) is UnitsFinished
    first = finished.done[0][0]
    last_first, last_count = finished.done[-1]
    return UnitsReport(
        lease.job_id, lease.worker_id, lease.lease_id, lease.attempt, first, last_first + last_count - first
    )
