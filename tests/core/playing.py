"""A pool that plays jobs through an engine: what was leased runs for as long as its units really take."""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random

from meted.core.commands import CancelJobs, DrainWorker, LoseWorker, MarkWorkerAway, RejoinWorker
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.policy.base import Policy
from meted.core.resources import Resources
from meted.core.state import Lease

from .helper import MS, SECOND, World, cpus


class Play:
    """Workers, jobs and their real run times.

    Attributes:
        starts: When the first unit of a job was leased, and to whom.
        finishes: When the last unit that came back of a job did so.
    """

    def __init__(self, policy: str | Policy, *workers: Resources | int) -> None:
        self.world = World(policy)
        self.workers = [self.world.worker(capacity) for capacity in workers]
        self.took_us: dict[JobId, int] = {}
        self.ends: list[tuple[int, LeaseId]] = []
        self.starts: dict[JobId, tuple[int, WorkerId]] = {}
        self.finishes: dict[JobId, int] = {}

    def submit(
        self,
        request: Resources | int,
        took_us: int,
        estimate_us: int | None = None,
        domain: str = "d",
        count: int = 1,
        user: str = "",
    ) -> JobId:
        """Submit a job of which every unit takes ``took_us``, and is estimated right unless said otherwise."""
        amount = cpus(request) if isinstance(request, int) else request
        estimated_us = took_us if estimate_us is None else estimate_us
        job_id = self.world.submit(domain, count, user=user, request=amount, time_request_us=estimated_us)
        self.took_us[job_id] = took_us
        return job_id

    def run_pass(self) -> list[Lease]:
        """Let the policy choose until it has nothing more, start what it chose, and return that."""
        made = self.world.run_pass()
        while self.world.engine.more:
            made += self.world.run_pass()
        for lease in made:
            self.starts.setdefault(lease.job_id, (self.world.now_us, lease.worker_id))
            heappush(self.ends, (self.world.now_us + lease.count * self.took_us[lease.job_id], lease.lease_id))
        return made

    def domain_of(self, lease: Lease) -> str:
        """Return the name of the domain of a lease."""
        state = self.world.state
        return state.domains.domains[state.jobs.jobs[lease.job_id].terms.domain_id].name

    def advance(self, until_us: int | None = None) -> bool:
        """Go on to the next end, or to ``until_us`` if that comes first; false if nothing is left to do."""
        if not self.ends and until_us is None:
            return False
        next_us = self.ends[0][0] if self.ends else until_us
        assert next_us is not None
        self.world.now_us = next_us if until_us is None else min(next_us, until_us)
        while self.ends and self.ends[0][0] <= self.world.now_us:
            _, lease_id = heappop(self.ends)
            job_id = self.world.state.jobs.leases[lease_id].job_id
            self.world.finish(lease_id, run_us=self.took_us[job_id])
            self.finishes[job_id] = self.world.now_us
        return True

    def run_to(self, until_us: int) -> None:
        """Run until a time, with a pass at every end."""
        while self.world.now_us < until_us:
            self.run_pass()
            self.advance(until_us)

    def run_out(self) -> None:
        """Run until nothing runs any more."""
        self.run_pass()
        while self.advance():
            self.run_pass()


def wander(world: World, dice: Random, steps: int) -> None:
    """Let a world do things at random: something of everything, committed in batches."""
    for name, share in (("a", 3), ("b", 1)):
        world.domain(name, share)
    for prefetch in (False, True, True):
        world.worker(cpus(dice.randint(1, 4), 10, gpu=1), prefetch=prefetch)
    for _ in range(steps):
        _step(world, dice)
        if dice.random() < 0.3:
            world.commit()
    world.commit()


def _step(world: World, dice: Random) -> None:
    what = dice.random()
    leases, jobs, workers = world.leases(), sorted(world.state.jobs.jobs), sorted(world.state.workers.workers)
    world.tick(dice.choice((0, 1, MS, SECOND)))
    if what < 0.2:
        world.submit(
            dice.choice("ab"),
            dice.choice((1, 3, 100)),
            request=dice.choice((cpus(1), cpus(2), cpus(0, 5), cpus(1, gpu=1))),
            time_request_us=dice.choice((None, MS, 40 * MS, SECOND)),
            retries=dice.randint(0, 2),
            backoff_us=dice.choice((0, SECOND)),
            max_failures=dice.choice((None, 1)),
            hold=dice.random() < 0.1,
            after=_parents(world, dice),
            begin_us=dice.choice((None, None, world.now_us + SECOND)),
            tags=(("n", str(dice.randint(0, 3))),),
        )
    elif what < 0.45:
        world.run_pass()
    elif what < 0.75 and leases:
        lease = dice.choice(leases)
        spans = world.out(lease.lease_id)
        first, count = dice.choice(spans)
        done = spans if dice.random() < 0.5 else ((first, dice.randint(1, count)),)
        exits = ((done[0][0], 1),) if dice.random() < 0.3 else ()
        world.do(world.report(lease.lease_id, done, dice.choice((0, MS, 3 * SECOND)), exits))
    elif what < 0.82 and leases:
        world.give_back(dice.choice(leases).lease_id)
    elif what < 0.87 and jobs:
        world.do(CancelJobs(world.now_us, (dice.choice(jobs),)))
    elif workers:
        _step_of_worker(world, dice, dice.choice(workers))


def _parents(world: World, dice: Random) -> tuple[JobId, ...]:
    fit = [job_id for job_id, job in sorted(world.state.jobs.jobs.items()) if job.stopped is None and not job.failed]
    return tuple(dice.sample(fit, min(len(fit), dice.choice((0, 0, 1, 2)))))


def _step_of_worker(world: World, dice: Random, worker_id: WorkerId) -> None:
    what = dice.random()
    if what < 0.3:
        world.do(DrainWorker(world.now_us, worker_id, dice.random() < 0.3))
    elif what < 0.5:
        world.do(MarkWorkerAway(world.now_us, worker_id))
    elif what < 0.8:
        mine = [lease.lease_id for lease in world.leases() if lease.worker_id == worker_id]
        world.do(RejoinWorker(world.now_us, worker_id, tuple((lease_id, world.out(lease_id)) for lease_id in mine[1:])))
    else:
        world.do(LoseWorker(world.now_us, worker_id, "gone"))
        world.worker(cpus(2, 10, gpu=1))
