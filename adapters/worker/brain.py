"""The worker's mind: a state machine that is told what happened and says what is to be done. It does nothing itself.

:meth:`Brain.handle` takes one stimulus and returns instructions, in order; :attr:`Brain.wake_at_us` says when it wants
to be woken if nothing else happens. So all of its behaviour can be tried without a server, a clock or a process, and
:func:`.brain_check.check` can be asked after every step whether it still makes sense.

What it sees to: nothing runs beyond the worker's capacity; every unit that was given is reported or given back, and
never both; what is said of a lease is said until the server has answered; and whatever the server does not count as
this worker's any more is killed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from attrs import evolve as replaced

from meted.core.ids import Span
from meted.core.limits import HELD_LEASES_MAX
from meted.core.resources import Resources, format_amount

from ..executors.contract import EXIT_NOT_STARTED, UnitEnd, UnitKey
from ..wire.limits import OUTPUT_KEPT_BYTES
from . import stimuli as s
from .held import HeldLease
from .ramp import Ramp
from .reporter import Reporter
from .spare import SpareRoom
from .waiting import WaitingLeases

KEPT_BYTES_MAX = 256 * 2**20
"""With so many bytes of results that the server has not taken, no more units are started."""


class Brain:
    """What a worker knows and wants.

    Args:
        capacity: What its units may use together.
        stagger_us: Time between the starts of units that run beside one another (:mod:`.ramp`).
    """

    def __init__(self, capacity: Resources, stagger_us: int = 0) -> None:
        self.capacity = capacity
        self.room = capacity
        self.leases: dict[int, HeldLease] = {}
        self.waiting = WaitingLeases()
        self.ghosts: dict[UnitKey, Resources] = {}
        """Units of leases that are no longer ours: killed, but not ended yet, so that they still take room."""
        self.paused: dict[int, HeldLease] = {}
        """Leases that hold room, and whose next unit waits for its turn or until results have been taken."""
        self.kept_bytes = 0
        self.is_draining = False
        self.is_quitting = False
        self._now_us = 0
        self._arrivals = 0
        self._ramp = Ramp(stagger_us)
        self._reporter = Reporter(self.leases)
        self._spare = SpareRoom(capacity)
        self._has_left = False
        self._out: list[s.Instruction] = []

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs here, not even something that is being killed."""
        return self.room == self.capacity

    @property
    def is_connected(self) -> bool:
        """Whether the server can be told things."""
        return self._reporter.is_connected

    @property
    def calls(self) -> dict[tuple[int, bool], int]:
        """What the server has not answered yet: (lease, whether a report) -> bytes of results."""
        return self._reporter.calls

    @property
    def wake_at_us(self) -> int | None:
        """When to say :class:`.stimuli.TimerFired`, unless something else happens before; None for never."""
        said_us = self._reporter.wake_at_us
        waits_us = self.waiting.due_us if self.is_connected else None
        turn_us = self._ramp.next_us if self.paused and self.kept_bytes < KEPT_BYTES_MAX else None
        spare_us = None if self.waiting or self.is_draining else self._spare.due_us
        return min((due for due in (said_us, waits_us, turn_us, spare_us) if due is not None), default=None)

    def held(self) -> tuple[tuple[int, tuple[Span, ...]], ...]:
        """Return what to claim when connecting again: of each lease the units that the server has not answered for."""
        return tuple((lease_id, (lease.held,)) for lease_id, lease in self.leases.items() if lease.held[1])

    def may_write(self, job_id: int, index: int) -> bool:
        """Whether a unit of a job is here and has not ended, so that it may still write something."""
        return any(
            lease.given.job_id == job_id and lease.ended <= index < max(lease.next, lease.stop)
            for lease in self.leases.values()
            if not lease.is_struck
        )

    def is_news(self, key: UnitKey) -> bool:
        """Whether it is news that this unit runs: it is said of every unit, and news for one of a lease."""
        lease = self.leases.get(key[0])
        return lease is not None and not lease.has_started

    def handle(self, stimulus: s.Stimulus) -> list[s.Instruction]:
        """Take in what happened and return what is to be done, in this order."""
        self._now_us = max(self._now_us, stimulus.now_us)
        match stimulus:
            case s.LeasesCame(leases=given):
                for one in given:
                    self._came(one)
                self._ask_for_no_more()  # once more: somebody has told the server that this worker stays
            case s.UnitStarted(key=key):
                self._unit_started(key)
            case s.UnitEnded(key=key, end=end):
                self._unit_ended(key, end)
            case s.AskedBack(lease_ids=lease_ids):
                self._start_no_more(lease_ids, stopped=False)
            case s.Stopped(lease_ids=lease_ids):
                self._start_no_more(lease_ids, stopped=True)
            case s.Drain():
                self._drain()
            case s.Quit(grace_us=grace_us):
                self._quit(grace_us)
            case s.TimerFired():
                pass
            case _:
                self._hear(stimulus)
        self._start_what_fits()
        self._give_back_what_waits()
        self._share_what_is_left()
        self._out.extend(self._reporter.say(self._now_us))
        self._leave_if_done()
        instructions, self._out = self._out, []
        return instructions

    def _hear(self, stimulus: s.Kept | s.Connected | s.Disconnected | s.Disowned | s.Answer) -> None:
        """Take in what concerns the server's view of this worker."""
        match stimulus:
            case s.Kept(lease_ids=lease_ids):
                kept = set(lease_ids)
                for lease_id in [lease_id for lease_id in self.leases if lease_id not in kept]:
                    self._drop(lease_id)
            case s.Connected():
                self._has_left = False
                self._reporter.connect(self._now_us)
                self._ask_for_no_more()
            case s.Disconnected():
                self._reporter.disconnect()
            case s.Disowned():
                self._reporter.disconnect()
                for lease_id in list(self.leases):
                    self._drop(lease_id)
            case s.Reported(lease_id=lease_id):
                self._answered(lease_id, True)
            case s.GaveBack(lease_id=lease_id):
                self._answered(lease_id, False)
            case s.Failed(lease_id=lease_id, was_report=was_report):
                self._failed(lease_id, was_report)
            case s.Refused(lease_id=lease_id):
                self._drop(lease_id)
            case _:
                assert_never(stimulus)

    # ------------------------------------------------------------------------------------------- leases come and go

    def _came(self, given: s.LeaseGiven) -> None:
        if given.lease_id in self.leases:
            return
        lease = HeldLease.of(given, self._arrivals, self._now_us)
        self._arrivals += 1
        full = len(self.leases) >= HELD_LEASES_MAX
        self.leases[given.lease_id] = lease
        if self.is_draining or full:
            lease.stop = lease.next
        elif not given.request.fits(self.capacity):
            self._refuse(lease)
        else:
            self.waiting.add(lease)
        self._reporter.plan(lease, self._now_us)

    def _refuse(self, lease: HeldLease) -> None:
        """Let units fail that could never run here: given back, they would come again for ever."""
        lacking = ", ".join(
            f"{format_amount(name, lease.given.request.amount(name))} where it has "
            f"{format_amount(name, self.capacity.amount(name))}"
            for name in lease.given.request.short_of(self.capacity)
        )
        end = UnitEnd(EXIT_NOT_STARTED, 0, result=f"The unit asks this worker for {lacking}.".encode())
        lease.ends.extend([end] * lease.given.count)
        self.kept_bytes += len(end.result or b"") * lease.given.count
        lease.ended = lease.next = lease.stop

    def _drop(self, lease_id: int) -> None:
        """Forget a lease that is not ours any more; a unit of it that runs is killed and takes room until it ends."""
        lease = self.leases.get(lease_id)
        if lease is None:
            return
        if lease.is_running:
            self.ghosts[lease.running] = lease.given.request
            lease.is_placed = False
            self._out.append(s.KillUnit(lease.running))
        self.kept_bytes -= sum(len(end.result or b"") for end in lease.ends)
        self._forget(lease)

    def _forget(self, lease: HeldLease) -> None:
        self._free(lease)
        del self.leases[lease.given.lease_id]
        self._reporter.forget(lease.given.lease_id)

    def _free(self, lease: HeldLease) -> None:
        """A lease starts nothing more: it neither waits for room nor holds it."""
        self.waiting.discard(lease)
        self.paused.pop(lease.given.lease_id, None)
        if lease.is_placed:
            lease.is_placed = False
            self.room = self.room.plus(lease.given.request)
            if lease.next > lease.given.first:
                self._ramp.ended(self._now_us)

    # ------------------------------------------------------------------------------------------------ units run

    def _start_what_fits(self) -> None:
        while self.paused and self.kept_bytes < KEPT_BYTES_MAX:
            lease_id, lease = next(iter(self.paused.items()))
            if lease.next == lease.given.first and not self._ramp.try_start(self._now_us):
                break
            del self.paused[lease_id]
            self._start(lease)
        while self.waiting and self.kept_bytes < KEPT_BYTES_MAX:
            fitting = self.waiting.take(self.room)
            if fitting is None:
                return
            fitting.place(self._now_us)
            self.room = self.room.minus(fitting.given.request)
            if self.paused or not self._ramp.try_start(self._now_us):
                self.paused[fitting.given.lease_id] = fitting
            else:
                self._start(fitting)

    def _give_back_what_waits(self) -> None:
        """Let another worker have what was given ahead, and whose place did not become free as soon as expected."""
        due_us = self.waiting.due_us
        if due_us is not None and due_us <= self._now_us and self.is_connected:
            self._start_no_more(self.waiting.too_old(self._now_us), stopped=False)

    def _share_what_is_left(self) -> None:
        """Let the server have half of the longest lease for room that stays empty; see :mod:`.spare`."""
        if self.waiting or self.is_draining:
            return
        self._spare.see(self.room, self.leases.values(), self._now_us)
        if self._spare.due_us is None or self._now_us < self._spare.due_us:
            return
        lease = self._spare.look(self.leases.values(), self._now_us)
        if lease is not None and self.is_connected:
            lease.stop = lease.next + (lease.stop - lease.next) // 2
            self._reporter.plan(lease, self._now_us)

    def _start(self, lease: HeldLease) -> None:
        self._out.append(s.StartUnit(lease.given, lease.next))
        lease.next += 1

    def _unit_started(self, key: UnitKey) -> None:
        if self.is_news(key):
            self.leases[key[0]].has_started = True
            self._reporter.started(key[0])

    def _unit_ended(self, key: UnitKey, end: UnitEnd) -> None:
        ghost = self.ghosts.pop(key, None)
        if ghost is not None:
            self.room = self.room.plus(ghost)
            return
        lease = self.leases[key[0]]
        if end.exit_code and self.is_quitting and not lease.is_stopped:
            lease.is_struck = True
        else:
            if end.result is not None and len(end.result) > OUTPUT_KEPT_BYTES:
                end = replaced(end, result=end.result[-OUTPUT_KEPT_BYTES:])
            lease.ends.append(end)
            lease.ended += 1
            self.kept_bytes += len(end.result or b"")
        if lease.next == lease.stop:
            self._free(lease)
        elif self.kept_bytes < KEPT_BYTES_MAX:
            self._start(lease)
        else:
            self.paused[key[0]] = lease
        self._reporter.plan(lease, self._now_us)

    def _start_no_more(self, lease_ids: Iterable[int], *, stopped: bool) -> None:
        for lease_id in lease_ids:
            lease = self.leases.get(lease_id)
            if lease is None:
                continue
            lease.stop = min(lease.stop, lease.next)
            lease.is_stopped = lease.is_stopped or stopped
            if not lease.is_running:
                self._free(lease)
            elif stopped:
                self._out.append(s.KillUnit(lease.running))
            self._reporter.plan(lease, self._now_us)

    def _drain(self) -> None:
        self.is_draining = True
        self._ask_for_no_more()
        self._start_no_more(list(self.leases), stopped=False)

    def _ask_for_no_more(self) -> None:
        if self.is_draining and self.is_connected:
            self._out.append(s.AskForNoMore())

    def _quit(self, grace_us: int) -> None:
        self.is_quitting = True
        self._drain()
        running = [lease.running for lease in self.leases.values() if lease.is_running]
        self._out.extend(s.KillUnit(key, grace_us) for key in (*self.ghosts, *running))

    # --------------------------------------------------------------------------------------- the server is told

    def _answered(self, lease_id: int, was_report: bool) -> None:
        lease = self.leases.get(lease_id)
        if not self._reporter.answered(lease_id, was_report) or lease is None:
            return
        if was_report:
            self.kept_bytes -= lease.report_taken()
        else:
            lease.tail_taken()
        if lease.acked == lease.end:
            self._forget(lease)
        else:
            self._reporter.plan(lease, self._now_us)

    def _failed(self, lease_id: int, was_report: bool) -> None:
        lease = self.leases.get(lease_id)
        if self._reporter.answered(lease_id, was_report) and lease is not None:
            lease.say_again(self._now_us, was_report)
            self._reporter.plan(lease, self._now_us)

    def _leave_if_done(self) -> None:
        if not self.is_draining or self._has_left or not self._reporter.is_connected or not self.is_idle:
            return
        left = self.leases.values()
        if all(lease.is_settled for lease in left):
            self._has_left = True
            self._out.append(s.Leave(tuple((lease.given.lease_id, ((lease.ended, 1),)) for lease in left)))
