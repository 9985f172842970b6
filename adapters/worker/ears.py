"""What a worker hears from its server: each notification becomes a stimulus of the mind, or is answered here."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

import trio

from meted.core.limits import SECOND_US
from meted.core.resources import Resources
from meted.core.spec import Spec

from ..executors.contract import Executor, NotFeatured, Output
from ..wire.convert import params_of
from ..wire.errors import CallError
from ..wire.limits import WAIT_MAX_US
from ..wire.messages import Notification
from ..wire.methods import SERVER_NOTIFICATIONS
from ..wire.params_pool import Closing
from ..wire.params_to_workers import AskBack, Forget, GivenLease, Keep, Read, Run, Stop
from ..wire.params_workers import WorkerOutput
from . import stimuli as s
from .brain import Brain
from .link import Link, now_us
from .specs import Specs

FOLLOW_S = 0.1
"""Output that somebody waits for is looked for so often."""

READS_MAX = 64
"""Reads of output that wait at once; those beyond are answered at once with what there is."""

READ_BYTES_MAX = 2**16
"""Bytes of one answer to a read."""


class Listener(Protocol):
    """Who is told what was heard."""

    brain: Brain

    def feel(self, stimulus: s.Stimulus) -> None:
        """Let the mind know what happened, and do what it says."""


class Ears:
    """Hears for one worker, on one connection after another."""

    def __init__(self, listener: Listener, executor: Executor) -> None:
        """Tell ``listener``; read output from ``executor``, and delete it there."""
        self._listener = listener
        self._executor = executor
        self._specs = Specs()
        self._reads = 0

    def hear(self, notification: Notification, link: Link, nursery: trio.Nursery) -> None:
        """Take in one notification that came over ``link``; whatever it starts runs in ``nursery``.

        What a newer server says and this version does not know is passed over; what makes no sense ends the connection.
        """
        method = SERVER_NOTIFICATIONS.get(notification.method)
        if method is None:
            return
        try:
            params = params_of(method, notification)
        except CallError as error:
            link.hang_up(f"the server said something that makes no sense: {error.sentence}")
            return
        feel = self._listener.feel
        match params:
            case Run():
                self._run(params, link)
            case AskBack(leases=leases):
                feel(s.AskedBack(now_us(), leases))
            case Stop(leases=leases):
                feel(s.Stopped(now_us(), leases))
            case Keep(leases=leases):
                feel(s.Kept(now_us(), leases))
            case Read():
                nursery.start_soon(self._read, params, link)
            case Forget(jobs=jobs):
                self._forget(jobs)
            case Closing(sentence=sentence):
                link.hang_up(sentence.rstrip("."))
            case _:
                pass  # the tables are for clients

    def _run(self, params: Run, link: Link) -> None:
        try:
            for digest, body in params.specs:
                self._specs.put(digest, body)
        except ValueError as error:
            link.hang_up(str(error))
            return
        given: list[s.LeaseGiven] = []
        for lease in params.leases:
            spec = self._specs.get(lease.spec)
            if spec is None:
                # Kept no longer, although the server takes it for told. It tells everything anew on a new connection,
                # and gives elsewhere, or again, what this worker does not claim there.
                link.hang_up("a spec has to be told again")
                break
            given.append(_given(lease, spec))
        self._listener.feel(s.LeasesCame(now_us(), tuple(given)))

    def _forget(self, jobs: tuple[int, ...]) -> None:
        for job_id in jobs:
            with suppress(NotFeatured, OSError):
                self._executor.forget(job_id)

    async def _read(self, wanted: Read, link: Link) -> None:
        """Answer a read; where there is nothing yet, wait for something as long as the server wants to."""
        deadline_s = trio.current_time() + min(max(wanted.wait_us, 0), WAIT_MAX_US) / SECOND_US
        self._reads += 1
        try:
            while True:
                # In this order: what is written after it was asked whether anything may be is not missed.
                may_write = self._listener.brain.may_write(wanted.job, wanted.index)
                found = self._output(wanted)
                now_s = trio.current_time()
                waits = found is not None and not found.data and may_write and self._reads <= READS_MAX
                if not waits or now_s >= deadline_s:
                    break
                await trio.sleep(min(FOLLOW_S, deadline_s - now_s))
        finally:
            self._reads -= 1
        if found is None:
            answer = WorkerOutput(wanted.request, b"", max(wanted.offset, 0), not may_write, False)
        else:
            ended = not may_write and found.next_offset >= found.size
            answer = WorkerOutput(wanted.request, found.data, found.next_offset, ended, True)
        link.request("worker.output", answer)

    def _output(self, wanted: Read) -> Output | None:
        limit = max(0, min(wanted.limit, READ_BYTES_MAX))
        attempt = wanted.attempt or None
        try:
            return self._executor.read(wanted.job, wanted.index, attempt, wanted.stream, wanted.offset, limit)
        except (NotFeatured, OSError, ValueError):
            return None


def _given(lease: GivenLease, spec: Spec) -> s.LeaseGiven:
    return s.LeaseGiven(
        lease.lease,
        lease.job,
        lease.first,
        lease.count,
        lease.attempt,
        Resources.of(lease.cpu_milli, lease.mem_bytes, lease.generic),
        spec,
        lease.time_limit_us,
        tuple(sorted(lease.env.items())),
        lease.units,
        lease.name,
        lease.domain,
    )
