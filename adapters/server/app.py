"""The server: takes connections, and hands each request to whoever answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import trio

from meted.core.engine import Engine
from meted.core.errors import Refused

from ..log import Log, LogDamaged
from ..wire import limits
from ..wire.convert import params_of
from ..wire.errors import CallError, Code
from ..wire.messages import Notification, Request
from ..wire.methods import METHODS, WORKER_NOTIFICATIONS
from .aftermath import Aftermath
from .commit_loop import CommitLoop, Published
from .credit_methods import CreditMethods
from .credit_refusals import CreditRefusals
from .desk import Commit, Desk, Handler, Later, Now, Outcome
from .domain_methods import DomainMethods
from .faults import note_fault
from .follow_methods import FollowMethods
from .hello_method import HelloMethod
from .job_methods import JobMethods
from .kept_calls import KeptCalls
from .loan_methods import LoanMethods
from .output_method import OutputMethod
from .read_methods import ReadMethods
from .read_only import ReadOnlyLoop
from .runner import Runner, in_thread
from .secret_store import SecretStore
from .session import Peer, Session, part_from
from .snapshots import SNAPSHOT_EVENTS
from .worker_methods import WorkerMethods

CONNECTIONS_MAX = 4_000
"""Connections at a time; another one is closed at once."""

STRANGERS_MAX = 200
"""Connections at a time that have not shown the token yet, so that they keep nobody out who may come in."""

ADMISSION_S = 10.0
"""A peer that has to show a token does so within this time, or is cut off."""

PARTING_S = 0.2
"""A server that stops gives its last answers so long to be sent."""

JANITOR_S = 1.0
"""How often connections are looked at for silence."""


class Server:
    """A pool that others can connect to.

    Attributes:
        desk: Its parts.
    """

    def __init__(
        self,
        log: Log,
        engine: Engine,
        snapshot_seq: int,
        *,
        clock: Callable[[], int],
        secrets: SecretStore,
        instance: str,
        damage: LogDamaged | None = None,
        reading: Log | None = None,
        token: str | None = None,
        runner: Runner = in_thread,
        snapshot_events: int = SNAPSHOT_EVENTS,
        parted: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve the pool in ``log``.

        Args:
            log: Open for writing; whoever opened it closes it.
            engine: Recovered from it.
            snapshot_seq: Position of the last snapshot.
            clock: Gives the time of day, microseconds.
            secrets: Where environment values are kept that may not be in the log.
            instance: Names this life of the server.
            damage: Why the log goes no further than the engine although there is more of it; the pool is read-only
                then, and nothing is written. None where all is well.
            reading: The same log opened once more, for reading; None reads from ``log``, which is right only where
                ``runner`` runs one thing at a time.
            token: What peers must show that the kernel does not vouch for; None admits none of them.
            runner: How the disk is waited for.
            snapshot_events: Take a snapshot after so many events.
            parted: Told of each connection that has ended.
        """
        calls = KeptCalls()
        if damage is None:
            loop = CommitLoop(log, engine, clock, self._published, snapshot_seq, runner, snapshot_events, calls.keep)
        else:
            loop = ReadOnlyLoop(log, engine, clock, damage)
        reading = log if reading is None else reading
        self.desk = Desk(reading, engine, loop, calls, clock, secrets, runner, instance, self.stop)
        self._aftermath = Aftermath(self.desk)
        loop.abandoned = self._aftermath.give_grace
        self._refusals = CreditRefusals(log, loop)
        self._sessions: set[Session] = set()
        self._parted = parted
        self._workers = WorkerMethods(self.desk)
        reads = ReadMethods(self.desk)
        self._handlers: dict[str, Handler] = {
            "shutdown": self._shutdown,
            **HelloMethod(self.desk, token).table(),
            **reads.table(),
            **JobMethods(self.desk).table(),
            **DomainMethods(self.desk).table(),
            **LoanMethods(self.desk).table(),
            **CreditMethods(self.desk, self._refusals).table(),
            **FollowMethods(self.desk, reads).table(),
            **OutputMethod(self.desk).table(),
            **self._workers.table(),
        }
        assert self._handlers.keys() == METHODS.keys(), "every method of the table is answered, and no other"
        self._stopping = trio.Event()
        self._committed = trio.Event()

    @property
    def read_only(self) -> str | None:
        """Why nothing can be changed, one sentence, or None where it can."""
        return self.desk.loop.read_only

    async def run(
        self,
        listeners: Sequence[trio.abc.Listener[trio.abc.Stream]] = (),
        peer_of: Callable[[trio.abc.Stream], Peer] = lambda _: Peer("a peer", "", False),
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until :meth:`stop`; then say so to the workers, answer what waits, keep a snapshot and return.

        Args:
            listeners: Where connections come from.
            peer_of: Says who is at the other end of a new one.
            task_status: Told when the server is ready.
        """
        if self.read_only is None:
            self._aftermath.begin()
        async with trio.open_nursery() as outer:
            outer.start_soon(self._commit)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.desk.tables.run)
                nursery.start_soon(self._look_for_silence)
                nursery.start_soon(self._refusals.run)
                for listener in listeners:
                    serve = partial(self._accept, peer_of)
                    nursery.start_soon(partial(trio.serve_listeners, serve, [listener], handler_nursery=nursery))
                task_status.started()
                await self._stopping.wait()
                for session in self._sessions:
                    session.notify("closing", {"sentence": "The server stops; try again later."})
                self.desk.loop.close()
                await self._committed.wait()  # so that what waits for the disk is answered
                await self._refusals.write(is_last=True)
                await trio.sleep(PARTING_S)
                nursery.cancel_scope.cancel()

    def stop(self) -> None:
        """End in good order."""
        self._stopping.set()

    async def serve(self, stream: trio.abc.Stream, peer: Peer) -> None:
        """Serve one connection until it ends."""
        strangers = 0 if peer.is_trusted else sum(not session.is_admitted for session in self._sessions)
        if len(self._sessions) >= CONNECTIONS_MAX or strangers >= STRANGERS_MAX:
            await part_from(stream, "The server has all the connections that it takes; try again later.")
            return
        session = Session(stream, peer, self)
        self._sessions.add(session)
        try:
            await session.run()
        except Exception as error:  # whatever one connection stumbles over, the others are served
            note_fault(error)

    def request(self, session: Session, request: Request) -> None:
        """See to it that a request is answered."""
        try:
            outcome = self._outcome(session, request)
        except CallError as error:
            session.answer(request.msgid, error)
            return
        except Refused as refusal:
            session.answer(request.msgid, CallError(Code.REFUSED, refusal.reason.value, refusal.sentence))
            return
        except Exception as error:  # one bad request never stops the rest
            session.answer(request.msgid, note_fault(error))
            return
        match outcome:
            case Commit():
                self.desk.loop.call(outcome.decide, partial(session.answer, request.msgid))
            case Now():
                session.answer(request.msgid, outcome.result)
            case Later():
                session.answer_later(request.msgid, outcome.work)

    def notice(self, session: Session, notification: Notification) -> None:
        """Take note of what a worker says without asking."""
        method = WORKER_NOTIFICATIONS.get(notification.method)
        if method is None or session.worker_id is None:
            return
        try:
            params = params_of(method, notification)
        except CallError:
            return  # there is nobody to be told
        if notification.method == "worker.started":
            self._workers.started(session, params)

    def ended(self, session: Session) -> None:
        """A connection is gone; if it was a worker's, the worker is out of touch."""
        self._sessions.discard(session)
        self._parted()
        self.desk.tables.detach(session)
        for worker_id in sorted(self.desk.crew.leave(session)):
            self._aftermath.mark_away(worker_id)

    def _outcome(self, session: Session, request: Request) -> Outcome:
        method = METHODS.get(request.method)
        if method is None:
            known = ", ".join(sorted(METHODS))
            raise CallError(
                Code.UNKNOWN_METHOD, "unknown_method", f"There is no method {request.method!r}; there are {known}."
            )
        if not session.is_admitted and request.method != "hello":
            raise CallError(Code.DENIED, "no_token", "Say hello with the pool's token first (docs/wire.md).")
        outcome = self._handlers[request.method](session, params_of(method, request))
        if isinstance(outcome, Commit) and self._stopping.is_set():
            raise CallError(Code.FAILED, "stopping", "The server stops, so nothing was done; try again later.")
        return outcome

    def _shutdown(self, _: Session, __: object) -> Outcome:
        self.stop()
        return Now({})

    async def _accept(self, peer_of: Callable[[trio.abc.Stream], Peer], stream: trio.abc.Stream) -> None:
        try:
            peer = peer_of(stream)
        except OSError:  # it has gone already
            await trio.aclose_forcefully(stream)
        else:
            await self.serve(stream, peer)

    async def _commit(self) -> None:
        await self.desk.loop.run()
        self._committed.set()

    def _published(self, published: Published) -> None:
        self._aftermath.published(published)

    async def _look_for_silence(self) -> None:
        """Cut off workers that say nothing, and peers that do not show their token."""
        while True:
            await trio.sleep(JANITOR_S)
            now_s = trio.current_time()
            for session in list(self._sessions):
                if session.worker_id is not None and now_s - session.heard_s > limits.SILENCE_US / 1e6:
                    session.close("The worker was silent for too long; connect again and rejoin.")
                elif not session.is_admitted and now_s - session.since_s > ADMISSION_S:
                    session.close("Nothing has shown the pool's token in time; connect again and say hello with it.")
