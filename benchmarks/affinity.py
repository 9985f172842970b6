"""Not speed: how often workers change from one job to another, by the preference for what they have loaded and without.

Array jobs of six domains come at random to workers of one slot and of eight, at loads from half busy to more than there
is. Units of a job take about as long. What has ended is seen by the pass at once, or once in so many seconds together
with all else: as where units end in step, or are reported many at a time. A *switch* is a lease of a job that the
worker neither holds nor was given last, as ``meted workers`` counts it; a worker's first lease is none.
"""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from math import ceil
from random import Random
from statistics import mean

from harness import Row, arguments, show

from meted.core.commands import CreateDomain, FinishUnits, JoinWorker, SubmitJob
from meted.core.engine import Engine
from meted.core.events import UnitsLeased
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.limits import SECOND_US
from meted.core.policy.base import Index
from meted.core.policy.meted import Meted, MetedIndex
from meted.core.policy.room import Room
from meted.core.resources import Resources
from meted.core.state import State

DOMAINS = 6
UNITS_MEAN = 40
UNIT_S = 60


def _stay(room: Room, *_: object) -> Room:
    return room


class FirstFit(Meted):
    """The default policy without the preference."""

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        index = MetedIndex(state)
        index.capacity.find_loaded = _stay  # type: ignore[method-assign, assignment]
        return index


class Pool:
    """Workers, what they hold, and how often they changed over."""

    def __init__(self, policy: Meted, workers: int, slots: int) -> None:
        self.engine = Engine(policy, retention_us=0)
        self.leases = self.switches = 0
        self._held: Counter[tuple[WorkerId, JobId]] = Counter()
        self._last: dict[WorkerId, JobId] = {}
        self._ends: list[tuple[int, LeaseId, UnitsLeased, int]] = []
        self._took_us: dict[JobId, int] = {}
        self._wide: dict[JobId, int] = {}
        self.wide_waits_us: list[int] = []
        for number in range(DOMAINS):
            self.engine.handle(CreateDomain(0, f"d{number}", share=1 + number % 3))
        for number in range(workers):
            self.engine.handle(JoinWorker(0, f"w{number}", Resources(slots * 1000)))
        self.engine.take()

    def submit(self, at_us: int, domain: str, user: str, units: int, unit_us: int, cpus: int) -> None:
        """Have a job come."""
        request = Resources(cpus * 1000)
        events = self.engine.handle(
            SubmitJob(at_us, domain, count=units, user=user, request=request, time_request_us=unit_us)
        )
        job_id: JobId = events[-1].job_id  # type: ignore[union-attr]
        self._took_us[job_id] = unit_us
        if cpus > 1:
            self._wide[job_id] = at_us

    def next_us(self) -> int | None:
        """Return when the next unit ends, or None."""
        return self._ends[0][0] if self._ends else None

    def step(self, at_us: int, dice: Random) -> None:
        """See what has ended by a time, and give out what can be."""
        while self._ends and self._ends[0][0] <= at_us:
            _, lease_id, event, took_us = heappop(self._ends)
            self._held[event.worker_id, event.job_id] -= 1
            done = ((event.first, event.count),)
            self.engine.handle(FinishUnits(at_us, event.worker_id, lease_id, done, (took_us,)))
        self.engine.run_timers(at_us)
        while self.engine.run_pass(at_us):
            pass
        for made in self.engine.take():
            if isinstance(made, UnitsLeased):
                self._note(made, dice)

    def _note(self, event: UnitsLeased, dice: Random) -> None:
        pair = event.worker_id, event.job_id
        self.leases += 1
        self.switches += not self._held[pair] and self._last.get(event.worker_id, event.job_id) != event.job_id
        self._held[pair] += 1
        self._last[event.worker_id] = event.job_id
        if event.job_id in self._wide:
            self.wide_waits_us.append(event.at_us - self._wide.pop(event.job_id))
        took_us = int(self._took_us[event.job_id] * dice.uniform(0.8, 1.2))
        heappush(self._ends, (event.at_us + took_us, event.lease_id, event, took_us))


def played(policy: Meted, workers: int, slots: int, load: float, every_s: int, hours: int, wide: float) -> Pool:
    """Play a day of jobs; the same ones for every policy."""
    dice, lengths = Random(workers * 1000 + slots), Random(7)
    pool = Pool(policy, workers, slots)
    gap_s = UNITS_MEAN * UNIT_S / (workers * slots * load)
    next_job_us, every_us = 0, max(every_s * SECOND_US, 1)
    look_us: int | None = None
    while next_job_us < hours * 3600 * SECOND_US:
        times_us = [time_us for time_us in (pool.next_us(), look_us) if time_us is not None]
        next_look_us = ceil(min(times_us) / every_us) * every_us if times_us else None
        if next_look_us is not None and next_look_us < next_job_us:
            pool.step(next_look_us, lengths)
            look_us = None
            continue
        domain = dice.randrange(DOMAINS)
        units, unit_us = ceil(dice.expovariate(1 / UNITS_MEAN)), ceil(dice.lognormvariate(0, 0.5) * UNIT_S * SECOND_US)
        cpus = 1
        if dice.random() < wide:
            units, cpus = 1, slots
        pool.submit(next_job_us, f"d{domain}", f"u{dice.randrange(3)}", units, unit_us, cpus)
        look_us = next_job_us
        next_job_us += ceil(dice.expovariate(1 / gap_s) * SECOND_US)
    return pool


def main() -> None:
    """Run what is asked for and print it."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--hours", type=int, default=6)
    options = parser.parse_args()
    rows: list[Row] = []
    for workers, slots, wide in ((40, 1, 0.0), (10, 8, 0.0), (40, 8, 0.0), (10, 8, 0.05)):
        for load in (0.8, 0.95, 1.2):
            for every_s in (0, 10):
                before, after = (
                    played(policy, workers, slots, load, every_s, options.hours, wide)
                    for policy in (FirstFit(), Meted())
                )
                rows.append(
                    {
                        "workers": f"{workers} x {slots}" + (", wide" if wide else ""),
                        "load": load,
                        "every_s": every_s,
                        "leases": before.leases,
                        "first_fit": f"{before.switches / before.leases:.1%}",
                        "loaded": f"{after.switches / after.leases:.1%}",
                        "fewer": f"{1 - after.switches / after.leases / (before.switches / before.leases):.0%}",
                        "wide_wait_s": " / ".join(f"{mean(it.wide_waits_us) / 1e6:.0f}" for it in (before, after))
                        if wide
                        else "",
                    }
                )
    show("affinity", rows, options.json)


if __name__ == "__main__":
    main()
