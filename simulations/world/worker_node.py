"""A worker as a node: the real one with a simulated executor, and the keeper that outlives it."""

from __future__ import annotations

import trio

from meted.adapters.client.client import Client
from meted.adapters.wire.convert import plain
from meted.adapters.wire.errors import CallError, Code, WireError
from meted.adapters.wire.limits import PROTOCOL
from meted.adapters.wire.params_pool import Hello
from meted.adapters.worker.offer import Offer
from meted.adapters.worker.shell import Worker
from meted.adapters.worker.worker_end import REFUSED
from meted.core.resources import Resources

from .executor import WatchedExecutor
from .network import Network
from .nodes import Node
from .options import Options
from .server_node import SERVER, ServerNode
from .stream import SimulatedStream
from .witness import Witness

HELLO = plain(Hello("simulated", "1", PROTOCOL, PROTOCOL, None))
KEEPER_PAUSE_S = 1.0
FAULT = "fault of the program"


class WorkerNode(Node):
    """A worker."""

    def __init__(
        self, name: str, seed: int, options: Options, network: Network, witness: Witness, server: ServerNode
    ) -> None:
        """Be a worker of a world whose server may be looked into."""
        super().__init__(name, seed, options, network, witness)
        self._server = server
        self._worker: Worker | None = None
        self._known: tuple[int, str] | None = None
        self._dead: list[tuple[int, str]] = []
        self._died = trio.Event()
        capacity = Resources(self.random.choice((2000, 3000, 4000)), 2**30, ())
        self._stagger_us = self.random.choice((0, 0, 0, 300_000))
        self._offer = Offer(capacity, (("host", name),), None, self.random.random() < 0.7)

    async def live(self) -> None:
        """Work until it is told to leave."""
        self._known = None
        executor = WatchedExecutor(
            self.witness, self.seed, self.name, self.life, self._offer.capacity, lambda: self.is_alive
        )
        self._worker = Worker(
            self.dial,
            executor,
            self._offer,
            name=self.name,
            random=self.random,
            stagger_us=self._stagger_us,
            tell=self._heard,
            joined=self._joined,
        )
        end = await self._worker.run()
        if end.exit_code == REFUSED and self.is_alive:
            self.witness.fail(f"The server will not have {self.name}: {end.sentence}")
        self.witness.note(f"{self.name} has left")

    async def dial(self) -> SimulatedStream:
        """Return a connection to the server."""
        return await self.network.connect(self.name, SERVER)

    def retire(self) -> None:
        """Leave when what runs has ended."""
        if self._worker is not None and self.is_alive:
            self.witness.note(f"{self.name} drains itself")
            self._worker.drain()

    def cut(self) -> None:
        """The keeper learns of it, if there is one."""
        if self._known is not None and self.options.keepers:
            self._dead.append(self._known)
            self._died.set()

    async def keeper(self) -> None:
        """Tell the server of every life that has ended before its time."""
        while True:
            await self._died.wait()
            self._died = trio.Event()
            while self._dead:
                await self._bury(*self._dead[0])
                del self._dead[0]

    async def _bury(self, worker_id: int, instance: str) -> None:
        while True:
            try:
                async with Client.over(self.dial, HELLO) as client:
                    await client.call("worker.lost", worker=worker_id, instance=instance, reason="killed")
                self.witness.note(f"keeper of {self.name} said that worker {worker_id} is dead")
                return
            except CallError as error:
                if error.code == Code.REFUSED:
                    return
            except WireError:
                pass
            await trio.sleep(KEEPER_PAUSE_S)

    def _joined(self, worker_id: int, instance: str) -> None:
        # Also where it has just crashed: what it still begins in this instant is of that worker.
        if self.witness.workers.setdefault(worker_id, (self.name, self.life)) != (self.name, self.life):
            self.witness.fail(f"The number {worker_id} was given to two workers.")
        if not self.is_alive:
            return
        self.witness.note(f"{self.name} (life {self.life}) is worker {worker_id}")
        server = self._server.server
        if self._known is not None and server is not None and self._known[0] in server.desk.state.workers.workers:
            self.witness.fail(f"{self.name} became worker {worker_id} while the server still counted on {self._known}.")
        self._known = worker_id, instance

    def _heard(self, sentence: str) -> None:
        self.witness.note(f"{self.name}: {sentence}")
        if FAULT in sentence:
            self.witness.fail(f"{self.name} was told: {sentence}")
