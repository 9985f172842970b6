"""A worker's contact with its server: dials, introduces it, says what its mind wants said, and dials again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Protocol

import trio

from meted.core.limits import SECOND_US

from ..version import VERSION
from ..wire.errors import SUPERSEDED, CallError, Code, WireError
from ..wire.limits import HEARTBEAT_US, PROTOCOL
from ..wire.messages import Notification
from ..wire.params_pool import Hello
from ..wire.params_workers import WorkerRejoin
from . import stimuli as s
from .brain import Brain
from .link import Link, now_us
from .offer import Offer
from .speech import Speech
from .worker_end import ENDED, REFUSED, UNREACHABLE, WorkerEnd

DIAL_MIN_S = 0.1
DIAL_MAX_S = 5.0
"""The pause before dialling again doubles from the one to the other; each is shortened by up to half at random."""

DIAL_TIMEOUT_S = 10.0
"""How long one attempt to connect, and each answer to the first words, may take."""

BEAT_MIN_S = 0.1
"""Beats are not sent more often than this, whatever the server says."""


class Owner(Protocol):
    """Whose contact it is."""

    brain: Brain

    def feel(self, stimulus: s.Stimulus) -> None:
        """Let the mind know what happened, and do what it says."""

    def listen(self, link: Link, nursery: trio.Nursery) -> Callable[[Notification], None]:
        """Return what is to hear the server's notifications on ``link``; its tasks go into ``nursery``."""

    async def wait_until_idle(self) -> None:
        """Wait until nothing runs."""


class Contact:
    """Keeps in touch with the server for one worker, until :meth:`finish`.

    Args:
        owner: Whose contact it is.
        connect: Makes a connection to the server; raises OSError or WireError if it cannot.
        offer, name, random, instance, token, patience_s, tell, joined: As for :class:`.shell.Worker`.

    Attributes:
        worker_id: By which number the server knows this worker, or None.
        instance: By which word it knows this life of it.
        end: How the worker ended, once it has.
    """

    def __init__(
        self,
        owner: Owner,
        connect: Callable[[], Awaitable[trio.abc.Stream]],
        offer: Offer,
        *,
        name: str,
        random: Random,
        instance: str | None,
        token: str | None,
        patience_s: float | None,
        tell: Callable[[str], None],
        joined: Callable[[int, str], None],
    ) -> None:
        self.worker_id: int | None = None
        self.instance = instance or _word(random)
        self.end: WorkerEnd | None = None
        self._owner = owner
        self._connect = connect
        self._offer = offer
        self._name = name
        self._random = random
        self._token = token
        self._patience_s = patience_s
        self._tell = tell
        self._joined = joined
        self._speech: Speech | None = None
        self._dials = 0
        self._scope = trio.CancelScope()
        self._missing_since_s: float | None = None
        self._has_told = False
        self._heard = ""

    @property
    def is_settled(self) -> bool:
        """Whether the server has taken this worker in, on the connection that there is."""
        return self._speech is not None

    def finish(self, end: WorkerEnd) -> None:
        """Break off contact for good; the first reason counts."""
        if self.end is None:
            self.end = end
            self._scope.cancel()

    def say(self, said: s.Report | s.GiveBack | s.SendStarted | s.AskForNoMore | s.Leave) -> None:
        """Tell the server what the mind wants it to know."""
        if self._speech is not None:
            self._speech.say(said)

    async def keep(self) -> WorkerEnd:
        """Be in contact, or try to, until :meth:`finish` is called; return what it was called with."""
        with self._scope:
            await self._stay_in_contact()
        assert self.end is not None, "nobody stops looking for the server without a reason"
        return self.end

    def _left(self, error: CallError | None, _result: object) -> None:
        self.finish(WorkerEnd(ENDED, "" if error is None else f"The server said: {error.sentence}", error is None))

    def _disowned(self, link: Link) -> None:
        """The server has given this worker up: be a new one, once nothing of the old one is left."""
        self.worker_id = None
        self._speech = None
        self.instance = _word(self._random)
        self._owner.feel(s.Disowned(now_us()))
        link.hang_up("the server counts this worker as lost; it joins anew")

    async def _stay_in_contact(self) -> None:
        pause_s = DIAL_MIN_S
        self._missing_since_s = trio.current_time()
        while True:
            if self.worker_id is None:
                await self._owner.wait_until_idle()
            try:
                with trio.fail_after(DIAL_TIMEOUT_S):
                    stream = await self._connect()
            except (OSError, WireError) as error:
                self._missed(str(error) or type(error).__name__)
            except trio.TooSlowError:
                self._missed(f"it did not answer within {DIAL_TIMEOUT_S:g} s")
            else:
                if await self._converse(stream):
                    pause_s = DIAL_MIN_S
            patience_s = self._patience_left_s()
            await trio.sleep(min(pause_s * (1 - self._random.random() / 2), patience_s))
            pause_s = min(2 * pause_s, DIAL_MAX_S)

    async def _converse(self, stream: trio.abc.Stream) -> bool:
        """Speak with the server until the connection ends; return whether it had taken this worker in."""
        link = Link(stream, HEARTBEAT_US / SECOND_US)
        self._dials += 1
        try:
            with link.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(link.read, self._owner.listen(link, nursery))
                    nursery.start_soon(link.write)
                    nursery.start_soon(link.watch)
                    await self._introduce(link)
        finally:
            self._speech = None
            await link.close()
            if self.end is None:
                self._owner.feel(s.Disconnected(now_us()))
        self._missed(link.lost or "the connection ended")
        return link.worker_id is not None

    async def _introduce(self, link: Link) -> None:
        """Say hello, and join or come back."""
        try:
            with trio.fail_after(DIAL_TIMEOUT_S):
                hello = Hello("meted worker", VERSION, PROTOCOL, PROTOCOL, self._token)
                _take_heartbeat(link, await link.call("hello", hello))
            with trio.fail_after(DIAL_TIMEOUT_S):
                await (self._join(link) if self.worker_id is None else self._rejoin(link, self.worker_id))
        except CallError as error:
            if error.code in (Code.FAILED, Code.BUSY) or error.reason == SUPERSEDED:
                self._has_told = self._has_told and error.sentence == self._heard  # what it says itself is news
                self._heard = error.sentence
                link.hang_up(error.sentence)
            else:
                self.finish(WorkerEnd(REFUSED, error.sentence))
        except trio.TooSlowError:
            link.hang_up(f"the server did not answer within {DIAL_TIMEOUT_S:g} s")

    async def _join(self, link: Link) -> None:
        result = await link.call("worker.join", self._offer.join(self._name, self.instance, self._dials))
        worker_id = result.get("worker") if isinstance(result, dict) else None
        if type(worker_id) is not int:
            link.hang_up("the server gave this worker no number")
            return
        self.worker_id = worker_id
        self._joined(worker_id, self.instance)
        self._settle(link, worker_id)

    async def _rejoin(self, link: Link, worker_id: int) -> None:
        try:
            await link.call(
                "worker.rejoin", WorkerRejoin(worker_id, self.instance, self._owner.brain.held(), self._dials)
            )
        except CallError as error:
            if error.code != Code.REFUSED or error.reason == SUPERSEDED:
                raise
            self._disowned(link)  # whatever it did not like: as a new worker this one starts without a past
        else:
            self._settle(link, worker_id)

    def _settle(self, link: Link, worker_id: int) -> None:
        link.worker_id = worker_id
        self._speech = Speech(link, worker_id, self.instance, self._owner.feel, self._disowned, self._left)
        self._tell(f"Connected to the server as worker {worker_id}.")
        self._missing_since_s = None
        self._has_told = False
        self._heard = ""
        self._owner.feel(s.Connected(now_us()))

    def _missed(self, reason: str) -> None:
        if self.end is not None or (self._owner.brain.is_draining and self._owner.brain.is_idle):
            return
        if self._missing_since_s is None:
            self._missing_since_s = trio.current_time()
        if not self._has_told:
            self._has_told = True
            goes_on = "" if self._owner.brain.is_idle else "What runs goes on; the "
            self._tell(f"No server: {reason.rstrip('.')}. {goes_on or 'The '}worker dials again.")

    def _patience_left_s(self) -> float:
        """Return how long to go on without a server; give up if that time is over and nothing runs."""
        if self._patience_s is None or self._missing_since_s is None or not self._owner.brain.is_idle:
            return float("inf")
        missing_s = trio.current_time() - self._missing_since_s
        if missing_s >= self._patience_s:
            unsaid = " Units that it has not heard of run again elsewhere." if self._owner.brain.leases else ""
            self.finish(WorkerEnd(UNREACHABLE, f"No server for {missing_s:.0f} s; the worker gives up.{unsaid}"))
        return max(0.0, self._patience_s - missing_s)


def _take_heartbeat(link: Link, answer: object) -> None:
    """Beat as often as the server wants, where that is more often than usual."""
    wanted_us = answer.get("heartbeat_us") if isinstance(answer, dict) else None
    if isinstance(wanted_us, int):
        link.heartbeat_s = min(link.heartbeat_s, max(wanted_us / SECOND_US, BEAT_MIN_S))


def _word(random: Random) -> str:
    return f"{random.getrandbits(64):016x}"
