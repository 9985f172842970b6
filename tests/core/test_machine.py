"""The engine under each policy against an obvious model, command by command, with lost batches and late reports."""

from __future__ import annotations

import copy

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meted.core.commands import (
    ArchiveJob,
    CancelJobs,
    ChangeDomain,
    Command,
    DeleteJob,
    DrainWorker,
    FinishUnits,
    LoseWorker,
    MarkWorkerAway,
    RecallUnits,
    RejoinWorker,
    RemoveDomain,
    ReturnUnits,
    StartJobs,
)
from meted.core.engine import Engine
from meted.core.errors import Reason
from meted.core.ids import LeaseId, Span, WorkerId
from meted.core.resources import NOTHING, Resources
from meted.core.spans import indices, runs_of, total

from .helper import MS, SECOND, World, cpus
from .model import PENDING, Model, ModelJob, ModelWorker, Unit

NAMES = ("a", "b", "c")
REQUESTS = (cpus(1), cpus(1), cpus(2), cpus(1, gpu=1), cpus(0, 5), cpus(9))
RETENTION_US = 20 * SECOND
data = st.data()
Held = tuple[tuple[LeaseId, tuple[Span, ...]], ...]


class Machine(RuleBasedStateMachine):
    """One engine and its model."""

    policy = "meted"

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.policy, retention_us=RETENTION_US)
        self.model = Model()
        self.durable = Model()
        self.reports: list[Command] = []
        self.stored: set[tuple[int, int, int]] = set()
        self.steps = 0

    @property
    def now_us(self) -> int:
        """The time."""
        return self.world.now_us

    @initialize()
    def begin(self) -> None:
        """Begin with a domain and a worker, so that something happens soon."""
        self.create_domain("a", 3, None)
        self.join(cpus(2, 10, gpu=1))

    # Domains

    @rule(name=st.sampled_from(NAMES), share=st.integers(1, 5), cap=st.sampled_from([None, None, cpus(2, 10, gpu=1)]))
    def create_domain(self, name: str, share: int, cap: Resources | None) -> None:
        """Create a domain, unless there is one."""
        if name not in self.model.domains:
            self.model.domains[name] = self.world.domain(name, share, cap)
            self.model.shares[name] = share

    @rule(data=data, share=st.integers(1, 50), cap=st.sampled_from([None, cpus(1, 10, gpu=1), cpus(2)]))
    def change_domain(self, data: st.DataObject, share: int, cap: Resources | None) -> None:
        """Change share and cap."""
        if self.model.domains:
            name = data.draw(st.sampled_from(sorted(self.model.domains)))
            self.world.do(ChangeDomain(self.now_us, name, share, cap))
            self.model.shares[name] = share

    @rule(name=st.sampled_from(NAMES))
    def remove_domain(self, name: str) -> None:
        """Remove a domain, which is refused while it has jobs."""
        command = RemoveDomain(self.now_us, name)
        if name not in self.model.domains:
            self.world.refused(command, Reason.UNKNOWN_DOMAIN)
        elif any(job.domain_id == self.model.domains[name] for job in self.model.jobs.values()):
            self.world.refused(command, Reason.DOMAIN_IN_USE)
        else:
            self.world.do(command)
            del self.model.domains[name], self.model.shares[name]

    # Jobs

    @precondition(lambda self: self.model.domains)
    @rule(
        data=data,
        count=st.integers(1, 9),
        request=st.sampled_from(REQUESTS),
        time_request_us=st.sampled_from([None, SECOND, 30 * MS, 10 * MS]),
        priority=st.integers(-1, 1),
        retries=st.integers(0, 2),
        backoff_us=st.sampled_from([0, 2 * SECOND]),
        max_failures=st.sampled_from([None, None, 0, 2]),
        max_losses=st.integers(0, 2),
        hold=st.sampled_from([False, False, False, True]),
    )
    def submit(
        self,
        data: st.DataObject,
        count: int,
        request: Resources,
        time_request_us: int | None,
        priority: int,
        retries: int,
        backoff_us: int,
        max_failures: int | None,
        max_losses: int,
        hold: bool,
    ) -> None:
        """Submit a job."""
        name = data.draw(st.sampled_from(sorted(self.model.domains)))
        job_id = self.world.submit(
            name,
            count,
            request=request,
            time_request_us=time_request_us,
            priority=priority,
            retries=retries,
            backoff_us=backoff_us,
            max_failures=max_failures,
            max_losses=max_losses,
            hold=hold,
        )
        assert job_id not in self.model.jobs
        units = [Unit() for _ in range(count)]
        self.model.jobs[job_id] = ModelJob(
            self.model.domains[name], units, request, hold, retries, backoff_us, max_failures, max_losses
        )

    @precondition(lambda self: self.model.jobs)
    @rule(data=data)
    def start(self, data: st.DataObject) -> None:
        """Release a prepared job."""
        job_id = data.draw(st.sampled_from(sorted(self.model.jobs)))
        command = StartJobs(self.now_us, (job_id,))
        if self.model.jobs[job_id].stopped:
            self.world.refused(command, Reason.JOB_ENDED)
        else:
            assert bool(self.world.do(command)) == self.model.jobs[job_id].held
            self.model.jobs[job_id].held = False

    @precondition(lambda self: self.model.jobs)
    @rule(data=data)
    def cancel(self, data: st.DataObject) -> None:
        """Cancel a few jobs; again is no news."""
        job_ids = tuple(data.draw(st.lists(st.sampled_from(sorted(self.model.jobs)), min_size=1, max_size=2)))
        self.world.do(CancelJobs(self.now_us, job_ids))
        assert self.world.do(CancelJobs(self.now_us, job_ids)) == ()
        for job_id in job_ids:
            job = self.model.jobs[job_id]
            if job.outcome is None and job.stopped is None:
                self.model.stop(job, "cancelled")
                self.model.settle(job_id, self.now_us)

    @precondition(lambda self: self.model.jobs)
    @rule(data=data, deleted=st.booleans())
    def remove_job(self, data: st.DataObject, deleted: bool) -> None:
        """Delete or archive a job, which is refused unless it has ended (and was kept long enough)."""
        job_id = data.draw(st.sampled_from(sorted(self.model.jobs)))
        job = self.model.jobs[job_id]
        at_us = self.now_us
        command = DeleteJob(at_us, job_id) if deleted else ArchiveJob(at_us, job_id, RETENTION_US)
        if job.outcome is None or (not deleted and at_us < job.ended_us + RETENTION_US):
            self.world.refused(command, Reason.JOB_NOT_ENDED)
        else:
            self.world.do(command)
            del self.model.jobs[job_id]

    # Workers

    @precondition(lambda self: len(self.model.workers) < 4)
    @rule(capacity=st.sampled_from([cpus(1), cpus(2), cpus(3, 20, gpu=1)]))
    def join(self, capacity: Resources) -> None:
        """A worker joins."""
        self.model.workers[self.world.worker(capacity)] = ModelWorker(capacity)

    @precondition(lambda self: self.model.workers)
    @rule(data=data, draining=st.booleans())
    def drain(self, data: st.DataObject, draining: bool) -> None:
        """Drain a worker, or take that back."""
        worker_id = self._draw_worker(data)
        self.world.do(DrainWorker(self.now_us, worker_id, draining))
        self.model.workers[worker_id].draining = draining

    @precondition(lambda self: self.model.workers)
    @rule(data=data)
    def away(self, data: st.DataObject) -> None:
        """A worker's connection breaks."""
        worker_id = self._draw_worker(data)
        self.world.do(MarkWorkerAway(self.now_us, worker_id, 10 * SECOND))
        worker = self.model.workers[worker_id]
        if worker.lost_at_us is None:
            worker.lost_at_us = self.now_us + 10 * SECOND

    @precondition(lambda self: self.model.workers)
    @rule(data=data)
    def rejoin(self, data: st.DataObject) -> None:
        """A worker comes back with some of what it held."""
        worker_id = self._draw_worker(data)
        held = self._draw_held(data, worker_id)
        self.world.do(RejoinWorker(self.now_us, worker_id, held))
        self.model.workers[worker_id].lost_at_us = None
        kept = {lease_id: set(indices(spans)) for lease_id, spans in held}
        for lease_id in self.model.held_by(worker_id):
            gone = set(self.model.leases[lease_id].units) - kept.get(lease_id, set())
            self.model.give_back(lease_id, gone, (), self.now_us)

    @precondition(lambda self: len(self.model.workers) > 1)
    @rule(data=data, known=st.booleans())
    def lose(self, data: st.DataObject, known: bool) -> None:
        """A worker is lost; it may be known what it had started."""
        worker_id = self._draw_worker(data)
        started = self._draw_held(data, worker_id) if known else None
        self.world.do(LoseWorker(self.now_us, worker_id, "gone", started))
        self.model.lose(worker_id, None if started is None else dict(started), self.now_us)

    # Leases

    @rule(decisions_max=st.sampled_from([256, 256, 256, 1, 3]))
    def run_pass(self, decisions_max: int) -> None:
        """Let the policy choose; an index made anew chooses the same."""
        twin = Engine(self.world.engine.policy, self.world.state, retention_us=RETENTION_US)
        twin.run_pass(self.now_us, decisions_max)
        seq = len(self.world.log)
        self.world.run_pass(decisions_max=decisions_max)
        assert tuple(self.world.log[seq:]) == twin.take(), "an index made anew decides otherwise"
        self.model.all_leased(self.world.log[seq:])
        if not self.world.engine.more:
            self.check_work_conservation()

    def check_work_conservation(self) -> None:
        """After a whole pass nothing waits that a policy should have placed (P7)."""

    @precondition(lambda self: self.model.leases)
    @rule(data=data, took_us=st.sampled_from([0, 1, 10 * MS, 2 * SECOND]))
    def finish(self, data: st.DataObject, took_us: int) -> None:
        """A worker reports units, of which some may have failed or been reported before."""
        lease_id = data.draw(st.sampled_from(sorted(self.model.leases)))
        lease = self.model.leases[lease_id]
        done = self._draw_units(data, lease.units) or runs_of(lease.units)
        members = list(indices(done))
        bad = sorted(data.draw(st.sets(st.sampled_from(members)))) if data.draw(st.booleans()) else []
        exits = tuple((index, 1) for index in bad)
        results = tuple((index, b"%d" % index) for index in members)
        command = FinishUnits(self.now_us, lease.worker_id, lease_id, done, (took_us,) * total(done), exits, results)
        self.reports.append(command)
        self._send(command)

    @precondition(lambda self: self.model.leases)
    @rule(data=data, recall=st.booleans())
    def give_back(self, data: st.DataObject, recall: bool) -> None:
        """A worker gives units back, because it was asked or not."""
        lease_id = data.draw(st.sampled_from(sorted(self.model.leases)))
        lease = self.model.leases[lease_id]
        if recall:
            self.world.do(RecallUnits(self.now_us, lease_id))
        command = ReturnUnits(self.now_us, lease.worker_id, lease_id, self._draw_units(data, lease.units))
        self.reports.append(command)
        self._send(command)

    @precondition(lambda self: self.reports)
    @rule(data=data)
    def report_again(self, data: st.DataObject) -> None:
        """A report comes twice, or late: after the lease ended, or was lost with its worker."""
        self._send(data.draw(st.sampled_from(self.reports[-8:])))

    def _send(self, command: Command) -> None:
        match command:
            case FinishUnits():
                bad = {index for index, _ in command.exits}
                news = self.model.finish(command.lease_id, indices(command.done), bad, self.now_us)
            case ReturnUnits():
                news = self.model.give_back(command.lease_id, indices(command.spans), (), self.now_us)
            case _:
                raise AssertionError(command)
        assert bool(self.world.do(command)) == news

    # Time and the log

    @rule(by_us=st.sampled_from([1, 100 * MS, SECOND, 5 * SECOND, 30 * SECOND]))
    def tick(self, by_us: int) -> None:
        """Time passes, and what is due is done."""
        self.world.tick(by_us)
        self.world.run_timers()
        for worker_id, worker in sorted(self.model.workers.items()):
            if worker.lost_at_us is not None and worker.lost_at_us <= self.now_us:
                self.model.lose(worker_id, None, self.now_us)
        for job_id, job in list(self.model.jobs.items()):
            if job.outcome is not None and job.ended_us + RETENTION_US <= self.now_us:
                del self.model.jobs[job_id]

    @rule()
    def commit(self) -> None:
        """The batch is durable."""
        before = len(self.world.batches)
        self.world.commit()
        assert self.world.engine.committed is self.world.state
        fresh = self.world.batches[before:]
        stored = [(row.job_id, row.index, row.attempt) for sealed in fresh for row in sealed.results]
        assert sorted(stored) == sorted(self.model.results)
        assert not self.stored.intersection(stored), "a result was accepted twice"
        self.stored.update(stored)
        self.model.results.clear()
        self.durable = copy.deepcopy(self.model)

    @rule()
    def abandon(self) -> None:
        """The append fails, and whatever was not durable has not happened."""
        self.world.abandon()
        self.model = copy.deepcopy(self.durable)
        self.reports = [report for report in self.reports if self._is_known(report)]

    def _is_known(self, report: Command) -> bool:
        assert isinstance(report, FinishUnits | ReturnUnits)
        if report.lease_id in self.model.leases:
            return self.model.leases[report.lease_id].worker_id == report.worker_id and self._covers(report)
        return report.lease_id < self.world.state.jobs.next_lease_id

    def _covers(self, report: FinishUnits | ReturnUnits) -> bool:
        spans = report.done if isinstance(report, FinishUnits) else report.spans
        return set(indices(spans)) <= set(self.model.leases[report.lease_id].units)

    # Drawing

    def _draw_worker(self, data: st.DataObject) -> WorkerId:
        return data.draw(st.sampled_from(sorted(self.model.workers)))

    def _draw_units(self, data: st.DataObject, units: range) -> tuple[Span, ...]:
        return runs_of(sorted(data.draw(st.sets(st.sampled_from(units)))))

    def _draw_held(self, data: st.DataObject, worker_id: WorkerId) -> Held:
        held = data.draw(st.sets(st.sampled_from(mine))) if (mine := self.model.held_by(worker_id)) else set()
        return tuple((lease_id, self._draw_units(data, self.model.leases[lease_id].units)) for lease_id in sorted(held))

    @invariant()
    def agree(self) -> None:
        """State and model agree on every unit; every few steps everything is counted again."""
        self.model.compare(self.world.state)
        self.steps += 1
        if self.steps % 4 == 0:
            self.world.check()

    def teardown(self) -> None:
        """Check all invariants at the end."""
        self.world.__exit__(None, None, None)


class MetedMachine(Machine):
    """The default policy, which leaves no room unused."""

    def check_work_conservation(self) -> None:
        """Nothing waits that would fit a worker now, but for caps and the worker kept free."""
        state = self.world.state
        for job_id, mine in self.model.jobs.items():
            due = any(unit.status == PENDING and unit.not_before_us <= self.now_us for unit in mine.units)
            if not due or mine.held or self._is_capped(mine):
                continue
            for worker_id, worker in state.workers.workers.items():
                if worker.is_leasable and worker.reserved_for is None:
                    room = worker.capacity.minus(self.model.load(worker_id))
                    assert not mine.request.fits(room), f"job {job_id} would fit worker {worker_id}"

    def _is_capped(self, mine: ModelJob) -> bool:
        cap = self.world.state.domains.domains[mine.domain_id].cap
        if cap is None:
            return False
        load = NOTHING
        for lease in self.model.leases.values():
            if self.model.jobs[lease.job_id].domain_id == mine.domain_id:
                load = load.plus(self.model.jobs[lease.job_id].request)
        return not mine.request.plus(load).fits(cap)


class EasyMachine(Machine):
    """EASY backfilling."""

    policy = "easy"


class FcfsMachine(Machine):
    """First come, first served."""

    policy = "fcfs"


SETTINGS = settings(settings.get_profile("ci"), max_examples=60, stateful_step_count=50)
TestMeted = MetedMachine.TestCase
TestEasy = EasyMachine.TestCase
TestFcfs = FcfsMachine.TestCase
TestMeted.settings = TestEasy.settings = TestFcfs.settings = SETTINGS
