"""The server as a node: the real one, over a simulated disk and network, with checks at every restart."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import trio

from meted.adapters.live_policies import live_policy
from meted.adapters.recovery import read_state
from meted.adapters.server.app import Server
from meted.adapters.server.secret_store import MemorySecrets
from meted.adapters.server.session import Peer
from meted.adapters.server.snapshots import SNAPSHOT_EVENTS
from meted.core.engine import Engine
from meted.core.invariants import InvariantError, check_engine
from meted.core.limits import RETENTION_US
from meted.core.reducers import fold
from meted.core.schema import decode_events
from meted.core.state import State

from .network import Network
from .nodes import RECOVERY_STEPS, Node
from .options import EPOCH_US, Options
from .storage import Disk, SimulatedLog
from .witness import Witness

SERVER = "server"

SNAPSHOT_EVENTS_FEW = 40
"""After so many events a server of a world with snapshots takes one."""

SHORT_RETENTION_US = 15_000_000


class ServerNode(Node):
    """The server.

    Attributes:
        disk: What outlives it.
        server: The present life of it, or None.
    """

    def __init__(self, seed: int, options: Options, network: Network, witness: Witness) -> None:
        """Be the server of a world."""
        super().__init__(SERVER, seed, options, network, witness)
        self.disk = Disk(Random(f"{seed}:disk"), options)
        self.server: Server | None = None
        self.may_crash_early = options.crashes_in_recovery
        self._log: SimulatedLog | None = None
        self._committed = State()
        secret = Random(f"{seed}:secrets")
        self._secrets = MemorySecrets(lambda: f"{secret.getrandbits(128):032x}")

    async def live(self) -> None:
        """Recover the log, check what it says, and serve until the end."""
        self._log = log = SimulatedLog(self.disk)
        policy = live_policy(self.options.policy)
        found = read_state(log, policy)
        self._check_recovered(log, found.state)
        retention_us = SHORT_RETENTION_US if self.options.archiving else RETENTION_US
        engine = Engine(policy, found.state, found.chain, retention_us=retention_us, memory=found.memory)
        self.check_engine(engine)
        self.witness.note(f"server life {self.life} begins at seq {found.state.seq}")
        self.server = server = Server(
            log,
            engine,
            found.snapshot_seq,
            clock=self._clock(),
            secrets=self._secrets,
            instance=f"{self.random.getrandbits(64):016x}",
            runner=log.run,
            snapshot_events=SNAPSHOT_EVENTS_FEW if self.options.snapshots else SNAPSHOT_EVENTS,
        )
        if self.may_crash_early and self.random.random() < 0.5:
            self.arm(self.random.randint(1, RECOVERY_STEPS))
        await server.run([self.network.listen(SERVER)], lambda _: Peer("simulated", "", True))
        if self.is_alive:
            self.witness.note(f"server life {self.life} ended in good order")
            self._remember()

    def stop(self) -> None:
        """End this life in good order."""
        if self.server is not None and self.is_alive:
            self.witness.note("server is stopped")
            self.server.stop()

    def cut(self) -> None:
        """The disk forgets what was not synced."""
        self._remember()
        if self._log is not None:
            self._log.cut()

    def check_engine(self, engine: Engine) -> None:
        """Check all that holds of an engine between two commands."""
        try:
            check_engine(engine)
        except InvariantError as error:
            self.witness.fail(f"An invariant does not hold: {error}")

    def _remember(self) -> None:
        if self.server is not None:
            self._committed = self.server.desk.state
        self.server = None

    def _clock(self) -> Callable[[], int]:
        jump_us = self.random.randint(-2_000_000, 2_000_000) if self.options.clock_jumps else 0
        return lambda: EPOCH_US + jump_us + round(trio.current_time() * 1_000_000)

    def _check_recovered(self, log: SimulatedLog, found: State) -> None:
        """What was published is in the log, and the log alone says it."""
        state = State()
        if found.seq < self._committed.seq:
            self.witness.fail(f"The log ends at {found.seq}, but {self._committed.seq} was published.")
        if self._committed.seq == 0 and self._committed != state:
            self.witness.fail("A state without events is not empty.")
        for batch in log.read():
            state = fold(state, decode_events(batch.body))
            if state.seq == self._committed.seq and state != self._committed:
                self.witness.fail(f"The fold of the log up to {state.seq} is not the state that was published.")
        if state != found:
            self.witness.fail("The fold of the log is not the state that was read from the snapshot and the tail.")
