"""A worker as it lives: it does what its mind says, and tells the mind what happens.

All that is decided is decided in :mod:`.brain`; here it is carried out. Units run in tasks of their own, which know
nothing of the connection (:mod:`.contact`): it may break and be made again meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

import trio

from meted.core.limits import SECOND_US
from meted.core.record import replaced

from ..executors.contract import EXIT_NOT_STARTED, KILL_GRACE_US, Executor, NotFeatured, UnitEnd, UnitKey, UnitToRun
from ..executors.ends import killed_unstarted
from ..executors.lacking import label_lacking, unheld_limits
from ..wire.messages import Notification
from . import stimuli as s
from .brain import Brain
from .contact import Contact
from .ears import Ears
from .link import Link, first_of, now_us
from .offer import Offer
from .worker_end import ENDED, WorkerEnd

LEAVE_S = 3.0
"""How long a worker that was told to quit tries to say its last words when all its units are dead."""


class Worker:
    """One worker. :meth:`run` it once; :meth:`drain` and :meth:`quit` may be called meanwhile.

    Args:
        connect: Makes a connection to the server; raises OSError or WireError if it cannot.
        executor: Runs the units; it is opened and closed here.
        offer: What this worker has; what its executor lacks is added to its labels.
        name: What people call it.
        random: Where the jitter of the dialling, and new instance words, come from.
        instance: The word by which the server knows this life of the worker; None makes one.
        token: The secret of the pool, or None.
        patience_s: Give up after so long without a server while nothing runs; None never gives up.
        stagger_us: Time between the starts of units that run beside one another (:mod:`.ramp`).
        tell: Is told, in sentences for people, of a connection that is made, lost, or made again.
        joined: Is told the worker's number and instance word whenever it has joined.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[trio.abc.Stream]],
        executor: Executor,
        offer: Offer,
        *,
        name: str,
        random: Random,
        instance: str | None = None,
        token: str | None = None,
        patience_s: float | None = None,
        stagger_us: int = 0,
        tell: Callable[[str], None] = lambda _: None,
        joined: Callable[[int, str], None] = lambda _worker, _instance: None,
    ) -> None:
        self.brain = Brain(offer.capacity, stagger_us)
        self._labels = label_lacking(offer.labels, executor.features)
        self.contact = Contact(
            self,
            connect,
            replaced(offer, labels=self._labels),
            name=name,
            random=random,
            instance=instance,
            token=token,
            patience_s=patience_s,
            tell=tell,
            joined=joined,
        )
        self._executor = executor
        self._tell = tell
        self._ears = Ears(self, executor)
        self._unstarted: dict[UnitKey, bool] = {}
        """Units whose task has not come to its turn, which the executor knows nothing of -> whether it was killed."""
        self._is_free = False
        """Whether the task that is speaking to the mind has nothing to run, and takes the next unit itself."""
        self._taken: UnitToRun | None = None
        """What it has taken."""
        self._nursery: trio.Nursery | None = None
        self._changed = trio.Event()
        self._sleeps_until_us: int | None = None
        self._idle = trio.Event()

    async def run(self) -> WorkerEnd:
        """Work until it is told to leave, the server will not have it, or patience ends.

        Raises:
            OSError: What the executor needs is not to be had.
            trio.Cancelled: It was cancelled; whatever ran was killed.
        """
        self._executor.open()
        try:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._keep_time)
                end = await self.contact.keep()
                self._nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise first_of(group) from None
        finally:
            self._executor.close()
        return end

    def drain(self) -> None:
        """Start nothing more, give back what has not started, and leave when the rest has ended."""
        self.feel(s.Drain(now_us()))

    def quit(self, grace_us: int = KILL_GRACE_US) -> None:
        """Leave now: give back what has not started, and kill what runs, with a grace."""
        self.feel(s.Quit(now_us(), grace_us))
        if self._nursery is not None:
            self._nursery.start_soon(self._leave_in_any_case, grace_us / SECOND_US)

    def feel(self, stimulus: s.Stimulus) -> None:
        """Let the mind know what happened, and do what it says."""
        for instruction in self.brain.handle(stimulus):
            self._do(instruction)
        if self.brain.is_idle:
            self._idle.set()
            if self.brain.is_draining and not self.brain.leases and not self.contact.is_settled:
                self.contact.finish(WorkerEnd(ENDED))  # there is nobody to take leave of, and nothing to say
        wake_us = self.brain.wake_at_us
        if wake_us is not None and (self._sleeps_until_us is None or wake_us < self._sleeps_until_us):
            self._changed.set()

    def listen(self, link: Link, nursery: trio.Nursery) -> Callable[[Notification], None]:
        """Return what is to hear the server's notifications on ``link``; its tasks go into ``nursery``."""
        return lambda notification: self._ears.hear(notification, link, nursery)

    async def wait_until_idle(self) -> None:
        """Wait until nothing runs."""
        while not self.brain.is_idle:
            if self._idle.is_set():
                self._idle = trio.Event()
            await self._idle.wait()

    def _do(self, instruction: s.Instruction) -> None:
        match instruction:
            case s.StartUnit(lease=lease, index=index):
                assert self._nursery is not None, "units come while the worker runs"
                unit = _unit(lease, index)
                self._unstarted[unit.key] = False
                if self._is_free:
                    self._is_free, self._taken = False, unit
                else:
                    self._nursery.start_soon(self._run_units, unit)
            case s.KillUnit(key=key, grace_us=grace_us):
                self._kill(key, KILL_GRACE_US if grace_us is None else grace_us)
            case _:
                self.contact.say(instruction)

    def _kill(self, key: UnitKey, grace_us: int) -> None:
        if key in self._unstarted:
            self._unstarted[key] = True
            return
        try:
            self._executor.kill(key, grace_us)
        except NotFeatured as error:
            self._tell(f"Unit {key[1]} of lease {key[0]} should end and goes on: {error.sentence}.")

    async def _run_units(self, first: UnitToRun) -> None:
        """Run a unit, and then, in the same task, what starts when it has ended: mostly the next one of its lease."""
        unit: UnitToRun | None = first
        while unit is not None:
            if self._unstarted.pop(unit.key, False):
                end = killed_unstarted()
                await trio.lowlevel.checkpoint()
            else:
                end = await self._run_unit(unit)
            self._is_free, self._taken = True, None
            self.feel(s.UnitEnded(now_us(), unit.key, end))
            self._is_free, unit = False, self._taken

    async def _run_unit(self, unit: UnitToRun) -> UnitEnd:
        def started() -> None:
            if self.brain.is_news(unit.key):
                self.feel(s.UnitStarted(now_us(), unit.key))

        began_us = now_us()
        try:
            unheld = unheld_limits(unit.spec, self._executor.features, self._labels)
            if unheld is not None:
                await trio.lowlevel.checkpoint()
                return unheld
            return await self._executor.run(unit, started)
        except Exception as error:  # one bad unit is no reason to stop all others (row N34)
            reason = f"The worker could not run the unit ({type(error).__name__}): {error}"
            return UnitEnd(EXIT_NOT_STARTED, now_us() - began_us, result=reason.encode("utf-8", "backslashreplace"))

    async def _keep_time(self) -> None:
        while True:
            self._sleeps_until_us = wake_us = self.brain.wake_at_us
            with trio.move_on_at(float("inf") if wake_us is None else wake_us / SECOND_US):
                await self._changed.wait()
            self._changed = trio.Event()
            self._sleeps_until_us = 0  # nobody needs to wake what is awake
            self.feel(s.TimerFired(now_us()))

    async def _leave_in_any_case(self, grace_s: float) -> None:
        with trio.move_on_after(grace_s):
            await self.wait_until_idle()
        await trio.sleep(LEAVE_S)
        self.contact.finish(WorkerEnd(ENDED, "The server has not heard of it; it will find out by itself."))


def _unit(lease: s.LeaseGiven, index: int) -> UnitToRun:
    return UnitToRun(
        lease.job_id,
        index,
        lease.attempt,
        lease.lease_id,
        lease.spec,
        lease.job_count,
        lease.name,
        lease.domain,
        dict(lease.secrets),
        lease.request,
        lease.time_limit_us,
    )
