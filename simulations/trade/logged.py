"""The trade of a log in a replay of it: what was asked for then is asked for again.

A domain may have less credit than it had, and a job may have started, as things go otherwise. What the engine refuses
is counted with its reason, and what came too late to bring anything forward is counted by itself. Under another policy,
or with jobs that are left out, all of this is to be expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import attrs

from meted.core.commands import ChangePriority, NiceJob, OpenCredit, PostHold, RepayCredit, VoidHold
from meted.core.credit.fees import rest_us
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.events import CreditHeld, CreditLent, DomainCreated, Event
from meted.core.ids import DomainId, HoldId, JobId
from meted.core.record import replaced

from ..results.metrics import JsonValue
from ..traces.credit_moves import CreditSeen
from ..traces.log_commands import TradeCommand
from ..traces.log_trace import LogTrace
from .books import Books, pay_out

_TOO_LATE = frozenset({Reason.JOB_ENDED, Reason.UNKNOWN_JOB})


@attrs.define
class AskedCounts:
    """What became of what was asked for of credit and priorities in the log.

    Attributes:
        done: It was done.
        unpaid: There was too little credit for it.
        too_late: It was for a job of which all had started, or that had ended; it brought nothing forward.
        left_out: It was for a job that is not replayed.
        refused: It was refused for another reason.
        first_refusal: That reason, of the first; or of the first that was unpaid.
    """

    done: int = 0
    unpaid: int = 0
    too_late: int = 0
    left_out: int = 0
    refused: int = 0
    first_refusal: str | None = None


class LoggedTrade:
    """All that was asked for of credit and priorities, in one replay.

    Attributes:
        counts: What became of it so far.
        has_credit: Whether there is any credit in the replay.
    """

    def __init__(self, trace: LogTrace, is_karma: bool) -> None:
        """Start with no job submitted.

        Args:
            trace: What is replayed.
            is_karma: Whether the pool goes by karma at some time, so that all have accounts.
        """
        self.counts = AskedCounts()
        self.has_credit = is_karma or any(isinstance(one.command, OpenCredit) for one in trace.commands)
        self._replayed = {job.job_id for job in trace.jobs}
        self._jobs: dict[int, JobId] = {}
        self._early: dict[int, list[NiceJob | ChangePriority]] = {}
        self._holds: dict[int, HoldId] = {}
        self._loans: dict[int, int] = {}
        self._names = trace.names
        self._told = trace.told
        self._called: dict[DomainId, str] = {}
        self._books = Books()
        self._first_us = trace.first_us

    def submitted(self, engine: Engine, number: int, job_id: JobId) -> None:
        """A job of that number in the log was submitted; do what was asked for while it was held."""
        self._jobs[number] = job_id
        for command in self._early.pop(number, ()):
            self._prefer(engine, command)

    def do(self, engine: Engine, command: TradeCommand, number: int) -> None:
        """Ask the engine for what was asked for then.

        Args:
            engine: What decides.
            command: It, with the numbers of the log.
            number: That of the hold or the loan of credit which came of it then, or 0.
        """
        match command:
            case NiceJob() | ChangePriority():
                self._prefer(engine, command)
            case PostHold() | VoidHold():
                hold_id = self._holds.get(command.hold_id)
                if hold_id is None:
                    self._refused("The hold that it is about was not made.")
                else:
                    self._ask(engine, replaced(command, hold_id=hold_id))
            case RepayCredit():
                loan_id = self._loans.get(command.loan_id)
                if loan_id is None:
                    self._refused("The loan of credit that it is about was not made.")
                else:
                    self._ask(engine, replaced(command, loan_id=loan_id))
            case _:
                for event in self._ask(engine, command):
                    if isinstance(event, CreditHeld):
                        self._holds[number] = event.hold_id
                    elif isinstance(event, CreditLent):
                        self._loans[number] = event.loan_id

    def read(self, events: Iterable[Event]) -> None:
        """Take what has happened in the engine."""
        if not self.has_credit:
            return
        for event in events:
            if type(event) is DomainCreated:  # they are called by their numbers in the log
                self._called[event.domain_id] = self._names[DomainId(int(event.name))]
        self._books.read(events)

    def close(self, engine: Engine) -> None:
        """After the last end, let what is in escrow be paid out, and take what happens."""
        pay_out(engine)
        self.read(engine.take())

    def seen(self) -> CreditSeen:
        """Return who paid whom over time."""
        return self._books.seen(self._first_us, self._called)

    def figures(self, engine: Engine) -> dict[str, JsonValue]:
        """Return what came of it; nothing where nothing was asked for."""
        counts = attrs.asdict(self.counts)
        found: dict[str, JsonValue] = {"trade_asked": counts} if any(counts.values()) else {}
        return found | (self._books.figures(engine.state, engine.now_us, self._called) if self.has_credit else {})

    def _prefer(self, engine: Engine, command: NiceJob | ChangePriority) -> None:
        """Ask for another priority of a job; points are sold for what is left of it, where that is less than it was."""
        number = command.job_id
        job_id = self._jobs.get(number)
        if number not in self._replayed:
            self.counts.left_out += 1
        elif job_id is None:
            self._early.setdefault(number, []).append(command)
        else:
            job = engine.state.jobs.jobs.get(job_id)
            here = replaced(command, job_id=job_id)
            if job is not None and isinstance(here, NiceJob) and here.points < 0 and here.cost_us is not None:
                left_us = rest_us(engine.state, job)
                if left_us is not None and left_us < here.cost_us:
                    here = replaced(here, cost_us=max(1, left_us))
            is_late = job is not None and not job.pending_count
            self._ask(engine, here, is_late, lambda said: re.sub(rf"(?<=ob ){job_id}\b", str(number), said))

    def _ask(
        self, engine: Engine, command: TradeCommand, is_late: bool = False, told: Callable[[str], str] = str
    ) -> Sequence[Event]:
        """Ask the engine, count what came of it, and return the events.

        Args:
            engine: What decides.
            command: It, with the numbers of the replay.
            is_late: Whether it cannot bring anything forward any more.
            told: Gives a refusal the numbers of the log.
        """
        counts = self.counts
        try:
            events = engine.handle(command)
        except Refused as refusal:
            if refusal.reason in _TOO_LATE:
                counts.too_late += 1
            elif refusal.reason is Reason.NOT_ENOUGH_CREDIT:
                counts.unpaid += 1
                counts.first_refusal = counts.first_refusal or told(self._told(str(refusal)))
            else:
                self._refused(told(self._told(str(refusal))))
            return ()
        if is_late:
            counts.too_late += 1
        else:
            counts.done += 1
        return events

    def _refused(self, why: str) -> None:
        self.counts.refused += 1
        self.counts.first_refusal = self.counts.first_refusal or why
