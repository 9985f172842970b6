"""A world: the real server, workers and clients over a simulated network and disk, under one seed.

First things go wrong (safety: nothing that must not happen happens), then all is mended, and all work ends (liveness).
"""

from __future__ import annotations

from random import Random

import trio
import trio.testing

from meted.adapters.collector_pause import collector_paused
from meted.adapters.recovery import read_state
from meted.core.record import record
from meted.core.state import State

from .checks import check_history
from .client_node import ClientNode
from .deadlines import awaited
from .executor import SECRETS
from .faults import Faults
from .history import History
from .network import Network
from .nodes import Node, Steps
from .options import Options, draw
from .schedule import one_schedule
from .server_node import ServerNode
from .storage import SimulatedLog
from .witness import Witness, WorldFailure
from .worker_node import WorkerNode

LIVENESS_S = 600.0
"""All work ends within so long after everything was mended."""

LOOK_S = 2.0
"""The engine's invariants are looked at so often."""

SETTLE_S = 0.5
"""Whether the work has ended is asked so often."""


@record
class Outcome:
    """How a world went.

    Attributes:
        seed, options: What it was.
        events: In the log.
        sha256: Chain value of the log's last batch: it vouches for every byte of all batches.
        steps: Steps that tasks took.
        duration_s: How long it lasted, by its own clock.
        jobs, executions, crashes: How much there was of it.
        failures: What was wrong, one sentence each; empty if nothing was.
        notes: What happened, as far as it was kept.
    """

    seed: int
    options: Options
    events: int
    sha256: str
    steps: int
    duration_s: float
    jobs: int
    executions: int
    crashes: int
    failures: tuple[str, ...]
    notes: tuple[str, ...]


def run_world(seed: int, options: Options | None = None) -> Outcome:
    """Let a world begin, live and end, and return how it went; the same for the same arguments, in every process."""
    world = World(seed, draw(seed) if options is None else options)
    clock = trio.testing.MockClock(autojump_threshold=0)
    with one_schedule(seed), collector_paused():
        try:
            trio.run(world.run, clock=clock, instruments=[world.steps])
        except* WorldFailure:
            pass  # the witness knows
        except* Exception as group:
            if world.witness is None or not world.witness.failures:
                raise
            world.witness.notes.append(f"raised: {group!r}")
    return world.outcome()


class World:
    """All nodes, and what lies between them.

    Attributes:
        steps: Counts the steps of all tasks.
        witness: What was seen, once it has begun.
    """

    def __init__(self, seed: int, options: Options) -> None:
        """Make a world in which nothing has happened yet."""
        self.steps = Steps()
        self.witness: Witness | None = None
        self._seed = seed
        self._options = options
        self._history: History | None = None
        self._sha256 = ""
        self._duration_s = 0.0

    async def run(self) -> None:
        """Let it happen.

        Raises:
            WorldFailure: Something was wrong; the witness knows what.
        """
        seed, options = self._seed, self._options
        self.witness = witness = Witness()
        network = Network(Random(f"{seed}:network"), options)
        server = ServerNode(seed, options, network, witness)
        workers = [
            WorkerNode(f"worker{number}", seed, options, network, witness, server) for number in range(options.workers)
        ]
        clients = [ClientNode(f"client{number}", seed, options, network, witness) for number in range(options.clients)]
        nodes: list[Node] = [server, *workers, *clients]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_failure, witness)
            for node in nodes:
                nursery.start_soon(node.keep)
            for worker in workers:
                nursery.start_soon(worker.keeper)
            nursery.start_soon(_look, server)
            await Faults(seed, options, network, witness, server, workers, clients).run()
            committed = await _end_of_work(server, clients, witness)
            self._duration_s = trio.current_time()
            server.fall()
            nursery.cancel_scope.cancel()
        witness.calls += [call for client in clients for call in client.notes.calls]
        self._judge(witness, server, committed)

    def outcome(self) -> Outcome:
        """Return how it went."""
        assert self.witness is not None, "it has begun"
        history = self._history
        return Outcome(
            self._seed,
            self._options,
            0 if history is None else len(history.events),
            self._sha256,
            self.steps.count,
            self._duration_s,
            0 if history is None else history.state.jobs.next_job_id - 1,
            len(self.witness.executions),
            len(self.witness.lives),
            tuple(self.witness.failures),
            tuple(self.witness.notes),
        )

    def _judge(self, witness: Witness, server: ServerNode, committed: State) -> None:
        log = SimulatedLog(server.disk)
        self._history = history = History(log, witness.samples)
        self._sha256 = log.head.chain.hex()
        witness.failures += check_history(history, log, witness, self._options)
        if history.state != committed:
            witness.failures.append("The fold of the log is not the state that the server had at the end.")
        if read_state(log).state != committed:
            witness.failures.append("Snapshot and tail are not the state that the server had at the end.")
        if any(value.encode() in server.disk.content for value in SECRETS.values()):
            witness.failures.append("A secret environment value is in the log.")


async def _stop_on_failure(witness: Witness) -> None:
    await witness.failed.wait()
    raise WorldFailure(witness.failures[0])


async def _look(server: ServerNode) -> None:
    while True:
        await trio.sleep(LOOK_S)
        if server.server is not None:
            server.check_engine(server.server.desk.engine)


async def _end_of_work(server: ServerNode, clients: list[ClientNode], witness: Witness) -> State:
    """Wait until all work has ended and all mirrors show it; return the state then."""
    missing = "The server does not come up."
    deadline_s = trio.current_time() + LIVENESS_S
    while trio.current_time() < deadline_s:
        await trio.sleep(SETTLE_S)
        if server.server is not None:
            missing = _missing(server, clients)
            if not missing:
                return server.server.desk.state
    witness.fail(f"Work does not end within {LIVENESS_S:g} s after all was mended: {missing}")
    raise WorldFailure(missing)


def _missing(server: ServerNode, clients: list[ClientNode]) -> str:
    """Say what is still to be waited for, or nothing."""
    assert server.server is not None
    desk = server.server.desk
    state = desk.state
    for client in clients:
        if not client.is_tidy.is_set():
            return f"{client.name} is not ready: {[call for call in client.notes.calls if call.is_open]}."
    for job_id, job in sorted(state.jobs.jobs.items()):
        if job.outcome is None:
            return f"job {job_id} has not ended: {desk.reader.explain(job_id)} {job}."
    soon = awaited(state)
    if soon:
        return soon
    if state.jobs.leases or desk.engine.state is not state:
        return f"there are leases still: {sorted(state.jobs.leases)}."
    for client in clients:
        if not client.is_alive or client.mirrors.keys() != {"jobs", "workers"}:
            return f"{client.name} follows nothing."
        shown, expected = client.mirrors["jobs"].rows, desk.tables.job_rows(sorted(state.jobs.jobs), state)
        if {row["job"]: row for row in expected} != shown:
            return f"the jobs that {client.name} sees are {shown}, and not {expected}."
        workers = desk.tables.worker_rows(state.workers.workers, state)
        if {row["worker"]: row for row in workers} != client.mirrors["workers"].rows:
            return f"the workers that {client.name} sees are {client.mirrors['workers'].rows}, and not {workers}."
    return ""
