"""Nodes: what lives, dies between any two steps of its tasks, and lives again."""

from __future__ import annotations

from contextvars import ContextVar
from random import Random

import trio

from .network import Network
from .options import Options
from .witness import Witness

DOWN_S = (0.05, 5.0)
"""How long a node is away after a crash."""

RECOVERY_STEPS = 60
"""A crash in recovery comes within so many steps."""

_NODE: ContextVar[Node | None] = ContextVar("_NODE", default=None)
"""The node that a task belongs to; a task inherits it from the one that starts it."""


class Node:
    """Something that can crash. Its tasks inherit whose they are from the task that starts them.

    Attributes:
        name: By which others reach it.
        life: The how-manieth life it lives.
        is_alive: Whether what it does still counts.
    """

    def __init__(self, name: str, seed: int, options: Options, network: Network, witness: Witness) -> None:
        """Be part of a world."""
        self.name = name
        self.life = 0
        self.is_alive = False
        self.seed = seed
        self.options = options
        self.network = network
        self.witness = witness
        self.random = Random(f"{seed}:{name}")
        self._fuse: int | None = None
        self._scope = trio.CancelScope()

    async def keep(self) -> None:
        """Live one life after another, for ever."""
        _NODE.set(self)
        while True:
            self.life += 1
            self.is_alive = True
            self.network.revive(self.name)
            try:
                with trio.CancelScope() as self._scope:
                    await self.live()
            except Exception as error:
                if self.is_alive:  # what a dead node complains of is no matter
                    text = f"{self.name} fell over it: {_innermost(error)!r}"
                    self.witness.fail(text)
                    raise
            if self.is_alive:
                self.is_alive = False
                self.network.crash(self.name)
            self._fuse = None
            await trio.sleep(self.random.uniform(*DOWN_S))

    async def live(self) -> None:
        """Live one life; return when it ended in good order."""
        raise NotImplementedError

    def cut(self) -> None:
        """Let nothing that it does reach the outside any more."""

    def arm(self, steps: int) -> None:
        """Let it crash before the so-manieth step of its tasks from now."""
        if self.is_alive and self._fuse is None:
            self._fuse = steps

    def disarm(self) -> None:
        """Let it live."""
        self._fuse = None

    def step(self) -> None:
        """One of its tasks is about to take a step."""
        if self._fuse is not None:
            self._fuse -= 1
            if self._fuse <= 0:
                self.crash()

    def crash(self) -> None:
        """Die before its time."""
        if not self.is_alive:
            return
        self.witness.note(f"{self.name} crashes (life {self.life})")
        self.witness.lives.add((self.name, self.life))
        self.fall()

    def fall(self) -> None:
        """Stop counting: disk and network first, the tasks then."""
        self.is_alive = False
        self._fuse = None
        self.cut()
        self.network.crash(self.name)
        self._scope.cancel()


class Steps(trio.abc.Instrument):
    """Sees every step of every task, and lets nodes crash before one.

    Attributes:
        count: Steps so far.
    """

    def __init__(self) -> None:
        """Begin at none."""
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count, and see whether the node of the task is to crash now."""
        self.count += 1
        node = task.context.get(_NODE)
        if node is not None:
            node.step()


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
