"""The engine under each policy against an obvious model, command by command, with lost batches and late reports."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meted.core.commands import (
    ArchiveJob,
    CancelJobs,
    ChangeDomain,
    ChangePriority,
    Command,
    CreateDomain,
    DeleteJob,
    DrainWorker,
    FinishUnits,
    KeepCalls,
    LoanTerms,
    LoseWorker,
    MarkWorkerAway,
    OfferLoan,
    RecallLoan,
    RecallUnits,
    RejoinWorker,
    RemoveDomain,
    RerunUnits,
    ReturnUnits,
    SetLoans,
    SetRules,
    StartJobs,
    SubmitJob,
)
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.events import DomainCreated
from meted.core.ids import DomainId, JobId, LeaseId, Span, WorkerId
from meted.core.policy.clock import ClockIndex
from meted.core.policy.registry import POLICIES
from meted.core.resources import NOTHING, Resources
from meted.core.spans import indices, runs_of, total

from .helper import MS, SECOND, World, cpus, examples
from .model import CANCELLED, FAILED, PENDING, SUCCEEDED, Model, ModelJob, ModelWorker, Unit
from .telling import check_told, is_capped

PARENTS = {"a": "", "b": "", "c": "", "d": "", "d1": "d", "d2": "d", "d2x": "d2", "a1": "a"}
NAMES = tuple(PARENTS)
GUARANTEES = (NOTHING, NOTHING, cpus(1), cpus(2, 5))
SHARES = (1, 2, 3, 5, 50)
REQUESTS = (cpus(1), cpus(1), cpus(2), cpus(1, gpu=1), cpus(0, 5), cpus(9))
RETENTION_US = 20 * SECOND
T = TypeVar("T")
Held = tuple[tuple[LeaseId, tuple[Span, ...]], ...]


STEPS = {
    "run_pass": 9,
    "finish": 8,
    "submit": 5,
    "give_back": 3,
    "report_again": 2,
    "tick": 3,
    "commit": 3,
    "abandon": 1,
    "create_domain": 2,
    "change_domain": 1,
    "offer_loan": 2,
    "recall_loan": 1,
    "set_loans": 1,
    "change_priority": 2,
    "set_rules": 1,
    "remove_domain": 1,
    "start": 1,
    "cancel": 1,
    "rerun": 2,
    "remove_job": 1,
    "join": 2,
    "drain": 1,
    "away": 1,
    "rejoin": 2,
    "lose": 1,
    "keep_calls": 1,
}
"""What may happen next, and how often. (With a rule each, hypothesis leaves most of them out of most runs.)"""

NEEDS_NO_WORKER = STEPS.keys() - {"drain", "away", "rejoin", "lose"}
DRAWN = [name for name, weight in STEPS.items() for _ in range(weight)]


class Machine(RuleBasedStateMachine):
    """One engine and its model."""

    policy = "meted"

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.policy, retention_us=RETENTION_US)
        self.model = Model()
        self.durable = Model()
        self.reports: list[Command] = []
        self.stored: set[tuple[int, int]] = set()
        self.rerun_jobs: set[JobId] = set()

    @property
    def now_us(self) -> int:
        """The time."""
        return self.world.now_us

    @initialize()
    def begin(self) -> None:
        """Begin with a domain and workers, so that something happens soon."""
        for name, share in (("a", 3), ("b", 1), ("d", 2), ("d1", 1), ("d2", 2)):
            self._create(name, share, None, NOTHING)
        for capacity, prefetch in ((cpus(2, 10, gpu=1), True), (cpus(1), False)):
            worker_id = self.world.worker(capacity, prefetch=prefetch)
            self.model.workers[worker_id] = ModelWorker(capacity, prefetch)
        self.commit()

    @rule(step=st.sampled_from(DRAWN), data=st.data())
    def step(self, step: str, data: st.DataObject) -> None:
        """One thing happens."""
        self.data = data
        if self.model.workers or step in NEEDS_NO_WORKER:
            getattr(self, step)()

    def pick(self, among: Sequence[T]) -> T:
        """Draw one of some values."""
        return self.data.draw(st.sampled_from(among))

    # Domains

    def create_domain(self) -> None:
        """Create a domain, unless there is one."""
        name = self.pick(NAMES)
        if name in self.model.domains:
            return
        parent, command = PARENTS[name], CreateDomain(self.now_us, name, 1, parent=PARENTS[name])
        if parent and parent not in self.model.domains:
            self.world.refused(command, Reason.UNKNOWN_DOMAIN)
        elif parent and any(job.outcome is None for job in self._jobs_of(parent)):
            self.world.refused(command, Reason.DOMAIN_IN_USE)
        else:
            self._create(name, self.pick(SHARES), self.pick([None, cpus(2, 10, gpu=1)]), self.pick(GUARANTEES))

    def _create(self, name: str, share: int, cap: Resources | None, guarantee: Resources) -> None:
        created, *_ = self.world.do(CreateDomain(self.now_us, name, share, cap, PARENTS[name], guarantee))
        assert isinstance(created, DomainCreated)
        self.model.create_domain(name, created.domain_id, share, PARENTS[name])

    def _jobs_of(self, name: str) -> list[ModelJob]:
        return [job for job in self.model.jobs.values() if job.domain_id == self.model.domains[name]]

    def _has_children(self, domain_id: DomainId) -> bool:
        names = {mine: name for name, mine in self.model.domains.items()}
        return names[domain_id] in self.model.parents.values()

    def change_domain(self) -> None:
        """Change share and cap."""
        if self.model.domains:
            name = self.pick(sorted(self.model.domains))
            self.model.shares[name] = share = self.pick(SHARES)
            cap = self.pick([None, cpus(1, 10, gpu=1), cpus(2)])
            self.world.do(ChangeDomain(self.now_us, name, share, cap, self.pick(GUARANTEES)))

    def offer_loan(self) -> None:
        """Lend something; what may be lent is a matter of other tests."""
        lender, borrower = self.pick(NAMES), self.pick(NAMES)
        later = self.pick([None, None, self.now_us + 2 * SECOND])
        ends = self.pick([None, self.now_us + 7 * SECOND])
        resource, amount = self.pick([("share", 1), ("share", 2), ("cpu", 1000)])
        notice_us = self.pick([0, SECOND])
        self._try(OfferLoan(self.now_us, lender, borrower, resource, amount, later, ends, notice_us))

    def set_loans(self) -> None:
        """Lend these instead."""
        terms = (LoanTerms(self.pick(NAMES), "share", 1), LoanTerms(self.pick(NAMES), "cpu", 1000, notice_us=SECOND))
        self._try(SetLoans(self.now_us, self.pick(NAMES), terms))

    def recall_loan(self) -> None:
        """Take a loan back."""
        loans = sorted(self.world.state.domains.loans)
        if loans:
            self._try(RecallLoan(self.now_us, self.pick(loans)))

    def _try(self, command: Command) -> None:
        try:
            self.world.do(command)
        except Refused as refusal:
            assert refusal.sentence.endswith(".")

    def set_rules(self) -> None:
        """Other parameters of fairness."""
        self.world.do(
            SetRules(
                self.now_us,
                self.pick([1, 500, 750, 1000]),
                self.pick([SECOND, 86_400 * SECOND]),
                self.pick([None, SECOND, 86_400 * SECOND]),
                self.pick(["decay", "fifo", "karma"]),
                self.pick(["all", "pool"]),
                self.pick([0, 5, 10**9]),
            )
        )

    def remove_domain(self) -> None:
        """Remove a domain, which is refused while it has jobs."""
        name = self.pick(NAMES)
        command = RemoveDomain(self.now_us, name)
        if name not in self.model.domains:
            self.world.refused(command, Reason.UNKNOWN_DOMAIN)
        elif self._jobs_of(name) or self._has_children(self.model.domains[name]) or self._has_loans(name):
            self.world.refused(command, Reason.DOMAIN_IN_USE)
        else:
            self.world.do(command)
            self.model.remove_domain(name)

    def _has_loans(self, name: str) -> bool:
        domain = self.world.find_domain(name)
        return bool(domain.lends or domain.borrows)

    # Jobs

    def submit(self) -> None:
        """Submit a job."""
        if not self.model.domains:
            return
        name, count = self.pick(sorted(self.model.domains)), self.pick(range(1, 10))
        if self._has_children(self.model.domains[name]):
            self.world.refused(SubmitJob(self.now_us, name), Reason.DOMAIN_HAS_CHILDREN)
            return
        after = self._draw_parents()
        job = ModelJob(
            self.model.domains[name],
            [Unit() for _ in range(count)],
            self.pick(REQUESTS),
            self.pick([False, False, False, True]),
            self.pick(range(3)),
            self.pick([0, 2 * SECOND]),
            self.pick([None, None, 0, 2]),
            self.pick(range(3)),
        )
        job_id = self.world.submit(
            name,
            count,
            user=self.pick(["", "", "u", "v"]),
            request=job.request,
            time_request_us=self.pick([None, SECOND, 30 * MS, 10 * MS]),
            priority=self.pick([0, 0, 1, -1, 20]),
            retries=job.retries,
            backoff_us=job.backoff_us,
            max_failures=job.max_failures,
            max_losses=job.max_losses,
            hold=job.prepared,
            after=after,
        )
        assert job_id not in self.model.jobs
        job.parents = {parent for parent in after if self.model.jobs[parent].outcome is None}
        self.model.jobs[job_id] = job

    def _draw_parents(self) -> tuple[JobId, ...]:
        """Draw jobs to run after; one that will not succeed is refused."""
        if not self.model.jobs or self.pick([True, True, False]):
            return ()
        drawn = self.data.draw(st.sets(st.sampled_from(sorted(self.model.jobs)), max_size=3))
        jobs = self.model.jobs
        bad = {job_id for job_id in drawn if jobs[job_id].stopped or jobs[job_id].outcome in (FAILED, CANCELLED)}
        if bad:
            self.world.refused(SubmitJob(self.now_us, "a", after=tuple(sorted(drawn))))
        return tuple(sorted(drawn - bad))

    def start(self) -> None:
        """Release a prepared job."""
        if not self.model.jobs:
            return
        job_id = self.pick(sorted(self.model.jobs))
        command = StartJobs(self.now_us, (job_id,))
        if self.model.jobs[job_id].stopped:
            self.world.refused(command, Reason.JOB_ENDED)
        else:
            assert bool(self.world.do(command)) == self.model.jobs[job_id].prepared
            self.model.jobs[job_id].prepared = False

    def cancel(self) -> None:
        """Cancel a few jobs; again is no news."""
        if not self.model.jobs:
            return
        job_ids = tuple(self.data.draw(st.lists(st.sampled_from(sorted(self.model.jobs)), min_size=1, max_size=2)))
        self.world.do(CancelJobs(self.now_us, job_ids))
        assert self.world.do(CancelJobs(self.now_us, job_ids)) == ()
        fresh = [job_id for job_id in dict.fromkeys(job_ids) if not self._has_ended(job_id)]
        for job_id in fresh:
            self.model.stop(self.model.jobs[job_id], "cancelled")
        for job_id in fresh:
            self.model.settle(job_id, self.now_us)

    def _has_ended(self, job_id: JobId) -> bool:
        job = self.model.jobs[job_id]
        return job.outcome is not None or job.stopped is not None

    def rerun(self) -> None:
        """Run units of an ended job again, which is refused where there are none."""
        if not self.model.jobs:
            return
        job_id = self.pick(sorted(self.model.jobs))
        job, failed, cancelled = self.model.jobs[job_id], self.pick([True, True, False]), self.pick([True, False])
        command = RerunUnits(self.now_us, job_id, failed, cancelled)
        statuses = {FAILED} if failed else set()
        statuses |= {CANCELLED} if cancelled else set()
        if job.outcome is None:
            self.world.refused(command, Reason.JOB_NOT_ENDED)
        elif not any(unit.status in statuses for unit in job.units) or (not failed and self.model.failed_too_much(job)):
            self.world.refused(command, Reason.NO_UNITS)
        elif not self._parents_succeeded(job_id):
            self.world.refused(command)
        elif self._has_children(job.domain_id):
            self.world.refused(command, Reason.DOMAIN_HAS_CHILDREN)
        else:
            self.world.do(command)
            self.model.rerun(job_id, statuses)
            self.rerun_jobs.add(job_id)

    def _parents_succeeded(self, job_id: JobId) -> bool:
        """Whether they have, as far as it is known of those that are gone: units of the job were leased once."""
        parents = [self.model.jobs.get(parent) for parent in self.world.job(job_id).terms.after]
        attempts = self.model.jobs[job_id].attempts
        return all(attempts if parent is None else parent.outcome == SUCCEEDED for parent in parents)

    def change_priority(self) -> None:
        """Another priority, which is refused once the job has ended."""
        if not self.model.jobs:
            return
        job_id = self.pick(sorted(self.model.jobs))
        command = ChangePriority(self.now_us, job_id, self.pick([0, 1, -3, 20]))
        if self._has_ended(job_id):
            self.world.refused(command, Reason.JOB_ENDED)
        else:
            self.world.do(command)

    def remove_job(self) -> None:
        """Delete or archive a job, which is refused unless it has ended (and was kept long enough)."""
        if not self.model.jobs:
            return
        job_id, deleted = self.pick(sorted(self.model.jobs)), self.pick([True, False])
        job = self.model.jobs[job_id]
        command = DeleteJob(self.now_us, job_id) if deleted else ArchiveJob(self.now_us, job_id, RETENTION_US)
        if job.outcome is None or (not deleted and self.now_us < job.ended_us + RETENTION_US):
            self.world.refused(command, Reason.JOB_NOT_ENDED)
        else:
            self.world.do(command)
            del self.model.jobs[job_id]

    # Workers

    def join(self) -> None:
        """A worker joins."""
        if len(self.model.workers) < 4:
            capacity = self.pick([cpus(1), cpus(2), cpus(3, 20, gpu=1)])
            until_us = self.pick([None, None, None, self.now_us + 10 * SECOND])
            prefetch = self.pick([False, True])
            worker_id = self.world.worker(capacity, until_us, prefetch=prefetch)
            self.model.workers[worker_id] = ModelWorker(capacity, prefetch)

    def drain(self) -> None:
        """Drain a worker, or take that back."""
        worker_id, draining = self.pick(sorted(self.model.workers)), self.pick([False, False, True])
        self.world.do(DrainWorker(self.now_us, worker_id, draining))
        self.model.workers[worker_id].draining = draining

    def away(self) -> None:
        """A worker's connection breaks."""
        worker_id = self.pick(sorted(self.model.workers))
        self.world.do(MarkWorkerAway(self.now_us, worker_id, 10 * SECOND))
        worker = self.model.workers[worker_id]
        if worker.lost_at_us is None:
            worker.lost_at_us = self.now_us + 10 * SECOND

    def rejoin(self) -> None:
        """A worker comes back with some of what it held."""
        worker_id = self.pick(sorted(self.model.workers))
        held = self._draw_held(worker_id)
        self.world.do(RejoinWorker(self.now_us, worker_id, held))
        self.model.workers[worker_id].lost_at_us = None
        kept = {lease_id: set(indices(spans)) for lease_id, spans in held}
        for lease_id in self.model.held_by(worker_id):
            gone = set(self.model.leases[lease_id].units) - kept.get(lease_id, set())
            self.model.give_back(lease_id, gone, (), self.now_us)

    def lose(self) -> None:
        """A worker is lost; it may be known what it had started."""
        if len(self.model.workers) < 2:
            return
        worker_id = self.pick(sorted(self.model.workers))
        started = self._draw_held(worker_id) if self.pick([True, False]) else None
        self.world.do(LoseWorker(self.now_us, worker_id, "gone", started))
        self.model.lose(worker_id, None if started is None else dict(started), self.now_us)

    # Leases

    def run_pass(self) -> None:
        """Let the policy choose; an index made anew chooses the same."""
        decisions_max = self.pick([256, 256, 256, 1, 3])
        memory = self.world.engine.memory
        twin = Engine(self.world.engine.policy, self.world.state, retention_us=RETENTION_US, memory=memory)
        if isinstance(twin.index, ClockIndex) and isinstance(self.world.engine.index, ClockIndex):
            twin.index.recall(self.world.engine.index)
        twin.run_pass(self.now_us, decisions_max)
        seq = len(self.world.log)
        self.world.run_pass(decisions_max=decisions_max)
        assert tuple(self.world.log[seq:]) == twin.take(), "an index made anew decides otherwise"
        self.model.all_leased(self.world.log[seq:])
        if not self.world.engine.more:
            self.check_work_conservation()

    def check_work_conservation(self) -> None:
        """After a whole pass nothing waits that a policy should have placed (P7)."""

    def finish(self) -> None:
        """A worker reports units, of which some may have failed or been reported before."""
        if not self.model.leases:
            return
        lease_id = self.pick(sorted(self.model.leases))
        lease = self.model.leases[lease_id]
        done = self._draw_units(lease.units)
        members = list(indices(done))
        bad = [index for index in members if self.pick([False, False, False, True])]
        exits = tuple((index, 1) for index in bad)
        results = tuple((index, b"%d" % index) for index in members)
        times = (self.pick([SECOND, 10 * MS, 1, 0, 3 * SECOND]),) * total(done)
        self._report(FinishUnits(self.now_us, lease.worker_id, lease_id, done, times, exits, results))

    def give_back(self) -> None:
        """A worker gives units back, because it was asked or not."""
        if not self.model.leases:
            return
        lease_id = self.pick(sorted(self.model.leases))
        lease = self.model.leases[lease_id]
        if self.pick([True, False]):
            self.world.do(RecallUnits(self.now_us, lease_id))
        self._report(ReturnUnits(self.now_us, lease.worker_id, lease_id, self._draw_units(lease.units)))

    def report_again(self) -> None:
        """A report comes twice, or late: after the lease ended, or was lost with its worker."""
        if self.reports:
            self._send(self.pick(self.reports[-8:]))

    def _report(self, command: Command) -> None:
        self.reports.append(command)
        self._send(command)

    def _send(self, command: Command) -> None:
        at_us = max(command.at_us, self.world.engine.now_us)  # time never runs back
        match command:
            case FinishUnits():
                bad = {index for index, _ in command.exits}
                news = self.model.finish(command.lease_id, indices(command.done), bad, at_us)
            case ReturnUnits():
                news = self.model.give_back(command.lease_id, indices(command.spans), (), at_us)
            case _:
                raise AssertionError(command)
        assert bool(self.world.do(command)) == news

    # Calls

    def keep_calls(self) -> None:
        """The answers of calls are kept; for a key that is known already nothing happens."""
        calls = tuple((bytes([self.pick(range(4))]) * 16, b"%d %d" % (self.now_us, number)) for number in range(2))
        kept = bool(self.world.do(KeepCalls(self.now_us, calls)))
        assert kept == any(key not in self.model.answers for key, _ in calls)
        for key, answer in calls:
            self.model.answers.setdefault(key, answer)

    # Time and the log

    def tick(self) -> None:
        """Time passes, and what is due is done."""
        self.world.tick(self.pick([SECOND, 100 * MS, 1, 5 * SECOND, 30 * SECOND]))
        self.world.run_timers()
        for worker_id, worker in sorted(self.model.workers.items()):
            if worker.lost_at_us is not None and worker.lost_at_us <= self.now_us:
                self.model.lose(worker_id, None, self.now_us)
        for job_id, job in list(self.model.jobs.items()):
            if job.outcome is not None and job.ended_us + RETENTION_US <= self.now_us:
                del self.model.jobs[job_id]

    def commit(self) -> None:
        """The batch is durable."""
        before = len(self.world.batches)
        self.world.commit()
        assert self.world.engine.committed is self.world.state
        fresh = self.world.batches[before:]
        stored = [(row.job_id, row.index) for sealed in fresh for row in sealed.results]
        assert sorted(stored) == sorted(self.model.results)
        again = {row for row in self.stored.intersection(stored) if row[0] not in self.rerun_jobs}
        assert not again, "a result was accepted twice"
        self.stored.update(stored)
        self.model.results.clear()
        self.durable = copy.deepcopy(self.model)

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

    def _draw_units(self, units: range) -> tuple[Span, ...]:
        """Draw all of some units, or some of them."""
        if self.pick([True, False]):
            return runs_of(units)
        return runs_of(sorted(self.data.draw(st.sets(st.sampled_from(units)))))

    def _draw_held(self, worker_id: WorkerId) -> Held:
        mine = self.model.held_by(worker_id)
        if mine and not self.pick([True, True, False]):
            mine = sorted(self.data.draw(st.sets(st.sampled_from(mine))))
        return tuple((lease_id, self._draw_units(self.model.leases[lease_id].units)) for lease_id in mine)

    @invariant()
    def agree(self) -> None:
        """State and model agree on every unit and on why it waits, and all invariants hold."""
        self.model.compare(self.world.state)
        check_told(self.world, self.model)
        self.world.check()

    def teardown(self) -> None:
        """Check all invariants at the end."""
        self.world.__exit__(None, None, None)


class MetedMachine(Machine):
    """The default policy, which leaves no room unused."""

    def check_work_conservation(self) -> None:
        """Nothing waits that would fit a worker now, but for caps and the worker kept free."""
        state = self.world.state
        if any(worker.until_us is not None for worker in state.workers.workers.values()):
            return  # which is a matter of time as well
        for job_id, mine in self.model.jobs.items():
            due = any(unit.status == PENDING and unit.not_before_us <= self.now_us for unit in mine.units)
            if not due or mine.held or is_capped(self.world, self.model, mine):
                continue
            for worker_id, worker in state.workers.workers.items():
                if worker.is_leasable and worker.reserved_for is None:
                    room = worker.capacity.minus(self.model.load(worker_id))
                    assert not mine.request.fits(room), f"job {job_id} would fit worker {worker_id}"


SETTINGS = examples(100, stateful_step_count=50)
FEWER = examples(30, stateful_step_count=50)
MOST_TRIED = ("meted", "easy", "fcfs")


def _case(policy: str) -> object:
    """Return the test of one policy; each that has a name has one."""
    base = MetedMachine if policy == "meted" else Machine
    machine: type[Machine] = type(f"{base.__name__}[{policy}]", (base,), {"policy": policy})
    case = machine.TestCase
    case.settings = SETTINGS if policy in MOST_TRIED else FEWER
    return case


for name in POLICIES:
    globals()["Test" + name.title().replace("-", "").replace("+", "Plus")] = _case(name)
