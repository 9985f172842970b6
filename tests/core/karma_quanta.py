"""The live engine made to work by quanta, so that it can be held to Karma's Algorithm 1."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from meted.core.commands import CancelJobs, CreateDomain, FinishUnits, JoinWorker, SetCreditRules, SetRules, SubmitJob
from meted.core.credit.fees import HOUR_SIZE
from meted.core.credit.karma import account_of_domain, grant_due, per_share
from meted.core.engine import Engine
from meted.core.events import DomainCreated, UnitsLeased
from meted.core.ids import DomainId
from meted.core.policy.meted import Meted
from meted.core.resources import Resources
from meted.core.state import State

from .helper import SECOND

QUANTUM_US = SECOND
PRICE_MC = 1000 * HOUR_SIZE // (1000 * QUANTUM_US)
"""By this price a slot for a quantum costs one credit."""


class Quanta:
    """An engine of which each unit takes one quantum, and whose users give up at its end what they did not get.

    Ties go to the lowest id of a domain live, and to the last column by the quantum: so columns get falling ids.
    """

    def __init__(self, users: int, slots: int, alpha_milli: int, start: int, shares: Sequence[int] = ()) -> None:
        self.engine = Engine(Meted(), retention_us=0)
        self.now_us = 0
        self.ids = [DomainId(0)] * users
        start_mc = 1000 * start
        handle = self.engine.handle
        handle(SetCreditRules(0, price_mc=PRICE_MC))
        handle(SetRules(0, alpha_milli, pool="karma", start_mc=start_mc))
        handle(JoinWorker(0, "w", Resources(1000 * slots)))
        for user in reversed(range(users)):
            created = handle(CreateDomain(0, f"d{user}", shares[user] if shares else 1))[0]
            assert type(created) is DomainCreated
            self.ids[user] = created.domain_id
        self.user_of = {domain_id: user for user, domain_id in enumerate(self.ids)}

    def allocate(self, demands: Sequence[int]) -> list[int]:
        """Let one quantum pass and return the slots that each user has had."""
        engine, got = self.engine, [0] * len(demands)
        for user, demand in enumerate(demands):
            if demand:
                engine.handle(SubmitJob(self.now_us, f"d{user}", count=demand, time_request_us=QUANTUM_US))
        while engine.run_pass(self.now_us):
            pass
        for event in engine.take():
            if type(event) is UnitsLeased:
                user = self.user_of[engine.state.jobs.jobs[event.job_id].terms.domain_id]
                got[user] += event.count
        self.now_us += QUANTUM_US
        for lease_id, lease in sorted(engine.state.jobs.leases.items()):
            done = ((lease.first, lease.count),)
            engine.handle(FinishUnits(self.now_us, lease.worker_id, lease_id, done, (QUANTUM_US,) * lease.count))
        left = tuple(job_id for job_id, job in sorted(engine.state.jobs.jobs.items()) if job.outcome is None)
        if left:
            engine.handle(CancelJobs(self.now_us, left))
        engine.run_timers(self.now_us)
        engine.take()
        return got

    def restart(self, state: State) -> None:
        """Go on from a state, as after a restart: with an index and timers made anew."""
        self.engine = Engine(Meted(), state, retention_us=0)

    def branch(self) -> Quanta:
        """Return another that goes on from here, while this one stays where it is."""
        other = copy(self)
        other.restart(self.engine.state)
        return other

    def credits_mc(self) -> list[int]:
        """Return what each user has now, in thousandths, with what has accrued."""
        state, found = self.engine.state, []
        for domain_id in self.ids:
            account = account_of_domain(state, domain_id)
            assert account is not None
            share = state.domains.domains[domain_id].effective_share
            granted_mc, _ = grant_due(state.ledger.karma.standings[domain_id], share, per_share(state, self.now_us))
            found.append(account.free_mc + granted_mc)
        return found
