"""The faults: drawn one after another while the safety phase lasts, and all mended at its end."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import trio

from .client_node import ClientNode
from .network import Network
from .nodes import Node
from .options import Options
from .server_node import ServerNode
from .witness import Witness
from .worker_node import WorkerNode

FUSE_STEPS = (1, 150)
"""A node that is to crash takes so many steps more."""

CUT_OFF_S = (0.3, 3.0, 12.0, 75.0)
"""How long a node is cut off: shorter and longer than a server takes a silent worker for being there, and waits."""

FULL_S = 4.0
"""How long a disk is full at most."""


class Faults:
    """All that goes wrong in one world."""

    def __init__(
        self,
        seed: int,
        options: Options,
        network: Network,
        witness: Witness,
        server: ServerNode,
        workers: list[WorkerNode],
        clients: list[ClientNode],
    ) -> None:
        """Let it happen to these nodes."""
        self._random = Random(f"{seed}:faults")
        self._options = options
        self._network = network
        self._witness = witness
        self._server = server
        self._workers = workers
        self._clients = clients
        self._nodes: list[Node] = [server, *workers, *clients]

    async def run(self) -> None:
        """Let things go wrong until the safety phase is over, then mend all."""
        choices = self._choices()
        with trio.move_on_after(self._options.safety_s):
            async with trio.open_nursery() as nursery:
                while True:
                    await trio.sleep(self._random.expovariate(1 / self._options.fault_every_s))
                    if choices:
                        self._random.choice(choices)(nursery)
        self._witness.note("all is mended")
        for node in self._nodes:
            node.disarm()
        self._server.may_crash_early = False
        self._server.disk.is_full = False
        self._network.mend_all()
        for client in self._clients:
            client.is_tidying = True

    def _choices(self) -> list[Callable[[trio.Nursery], None]]:
        random, network = self._random, self._network

        def light(node: Node) -> None:
            node.arm(random.randint(*FUSE_STEPS))

        known: dict[str, Callable[[trio.Nursery], None]] = {
            "server_crashes": lambda _: light(self._server),
            "server_stops": lambda _: self._server.stop(),
            "worker_crashes": lambda _: light(random.choice(self._workers)),
            "worker_retires": lambda _: random.choice(self._workers).retire(),
            "client_crashes": lambda _: light(random.choice(self._clients)),
            "broken_links": lambda _: self._note("reset", network.break_link()),
            "half_dead_links": lambda _: self._note("half dead", network.freeze_link()),
            "partitions": lambda nursery: nursery.start_soon(self._cut_off),
            "disk_full": lambda nursery: nursery.start_soon(self._fill),
        }
        return [act for name, act in known.items() if getattr(self._options, name)]

    def _note(self, what: str, link: str | None) -> None:
        if link is not None:
            self._witness.note(f"{what}: link from {link}")

    async def _cut_off(self) -> None:
        node = self._random.choice(self._nodes)
        seconds = self._random.choice(CUT_OFF_S)
        self._witness.note(f"{node.name} is cut off for {seconds} s")
        self._network.cut_off(node.name)
        await trio.sleep(seconds)
        self._witness.note(f"{node.name} is back")
        self._network.mend(node.name)

    async def _fill(self) -> None:
        seconds = self._random.random() * FULL_S
        self._witness.note(f"the disk is full for {seconds:.1f} s")
        self._server.disk.is_full = True
        await trio.sleep(seconds)
        self._server.disk.is_full = False
