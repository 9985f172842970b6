"""What is different from seed to seed: how large the world is, and which faults are on (swarm testing).

A world in which everything goes wrong all the time tests little but that. So each seed turns most faults off, after
Groce, Zhang, Eide, Chen and Regehr, "Swarm Testing" (ISSTA 2012).
"""

from __future__ import annotations

from random import Random
from typing import Any

import attrs

from meted.core.record import record

EPOCH_US = 1_750_000_000_000_000
"""What time it is when a world begins, by the clock on the wall."""

FAULTS = (
    "server_crashes",
    "server_stops",
    "crashes_in_recovery",
    "worker_crashes",
    "worker_retires",
    "keepers",
    "client_crashes",
    "broken_links",
    "partitions",
    "half_dead_links",
    "silent_crashes",
    "slow_links",
    "torn_writes",
    "disk_full",
    "slow_disk",
    "clock_jumps",
    "failing_units",
    "drains",
    "archiving",
    "snapshots",
    "lending",
    "trading",
    "ruling",
    "nesting",
    "recording",
)
"""The options that are on or off."""

WISHES = ("lending", "trading", "ruling", "nesting", "recording")
"""Those that are no faults, but what clients want beside their jobs; most worlds have none of them."""

WISHES_CALLS = 8
"""With each of these a client makes so many calls more."""


@record
class Options:
    """One world.

    Attributes:
        policy: Who is next.
        workers, clients, calls: How many workers, clients, and calls that each client makes without further wishes.
        safety_s: Seconds in which faults happen.
        fault_every_s: Mean seconds from one fault to the next.
        server_crashes: The server dies between any two steps of its tasks.
        server_stops: It is stopped in good order and started again.
        crashes_in_recovery: It may die again within its first steps.
        worker_crashes: Workers die, and their units with them.
        worker_retires: Workers drain themselves, leave, and others come in their place.
        keepers: A dead worker's keeper tells the server.
        client_crashes: Clients die, and go on from their notes.
        broken_links: Connections are reset.
        partitions: A node is cut off for a while, maybe for longer than the server waits for it.
        half_dead_links: One direction of a connection carries nothing more, and nobody is told.
        silent_crashes: Who talks to a node that dies is not told.
        slow_links: Up to two seconds from one end to the other.
        torn_writes: Bytes arrive in other pieces than they were sent in, and what is in flight at a crash is cut.
        disk_full: The server's disk has no space for a while.
        slow_disk: A sync takes up to 300 ms.
        clock_jumps: The wall clock of a new life of the server is off by up to two seconds.
        failing_units: One try in five fails.
        drains: Clients drain workers and take it back.
        archiving: Jobs leave the state 15 s after their end instead of a week.
        snapshots: The server takes one every 40 events or so, also while others come and go.
        lending: Clients lend shares and guarantees, for a while or not, recall them, and replace whole lists of loans.
        trading: Clients grant, send, hold and lend credit, change its rules, and buy and sell points for jobs.
        ruling: Clients change the rules of fairness.
        nesting: Clients make domains in domains and remove them.
        recording: Clients deliver records of domains, which close and open again, and have domains be as they want.
    """

    policy: str
    workers: int
    clients: int
    calls: int
    safety_s: int
    fault_every_s: int
    server_crashes: bool
    server_stops: bool
    crashes_in_recovery: bool
    worker_crashes: bool
    worker_retires: bool
    keepers: bool
    client_crashes: bool
    broken_links: bool
    partitions: bool
    half_dead_links: bool
    silent_crashes: bool
    slow_links: bool
    torn_writes: bool
    disk_full: bool
    slow_disk: bool
    clock_jumps: bool
    failing_units: bool
    drains: bool
    archiving: bool
    snapshots: bool
    lending: bool
    trading: bool
    ruling: bool
    nesting: bool
    recording: bool

    def without(self, faults: tuple[str, ...]) -> Options:
        """Return the same world with some faults turned off: to find out which of them a failure needs."""
        return self._turned(faults, False)

    def having(self, *faults: str) -> Options:
        """Return the same world with some faults turned on."""
        return self._turned(faults, True)

    def _turned(self, faults: tuple[str, ...], on: bool) -> Options:
        turned: dict[str, Any] = dict.fromkeys(faults, on)
        return attrs.evolve(self, **turned)

    @property
    def loses_no_worker(self) -> bool:
        """Whether nothing that is on may keep a worker away for as long as the server waits for it."""
        may_lose = ("worker_crashes", "worker_retires", "partitions", "half_dead_links", "silent_crashes")
        return not any(getattr(self, name) for name in (*may_lose, "slow_links", "disk_full"))

    @property
    def has_wishes(self) -> bool:
        """Whether clients want anything beside their jobs."""
        return any(getattr(self, name) for name in WISHES)

    @property
    def calls_each(self) -> int:
        """How many calls each client makes."""
        return self.calls + WISHES_CALLS * sum(bool(getattr(self, name)) for name in WISHES)

    def __str__(self) -> str:
        """All that is on, in one line."""
        sizes = f"{self.policy} workers={self.workers} clients={self.clients} calls={self.calls}"
        times = f"safety_s={self.safety_s} fault_every_s={self.fault_every_s}"
        faults = ",".join(name for name in FAULTS if getattr(self, name)) or "none"
        return f"{sizes} {times} faults={faults}"


def draw(seed: int) -> Options:
    """Return the options of a seed."""
    random = Random(f"{seed}:options")
    likely = random.choice((0.15, 0.3, 0.5))
    wishes = Random(f"{seed}:wishes")
    wished = 0.6 if wishes.random() < 0.3 else 0.0
    return Options(
        policy=random.choice(("meted", "meted", "meted", "fcfs", "easy")),
        workers=random.randint(1, 4),
        clients=random.randint(1, 3),
        calls=random.randint(4, 14),
        safety_s=random.choice((10, 20, 40, 80)),
        fault_every_s=random.choice((1, 3, 8)),
        **{name: random.random() < likely for name in FAULTS if name not in WISHES},
        **{name: wishes.random() < wished for name in WISHES},
    )
