"""Who would be served before a domain in the pool has its turn: the two tiers among those beside it, run by run.

Nothing else happens meanwhile: nobody comes, all takes what is estimated, room is for whoever is next, and usage does
not fade. What a guarantee covers is left out: it goes first as room comes, whatever anybody pays.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from ..domains.state import Domain
from ..estimates import estimate_us, run_units, width_milli
from ..falling import clock_within, entitled_charge, reach
from ..ids import DomainId
from ..record import replaced
from ..service import clock_charge
from ..state import FairnessAccount, Job, State
from ..usage import amount_at, epoch_of, expressed, step_of
from .pool_orders import POOL_KEYS
from .ranks import NEVER

RACE_RUNS_MAX = 1_000
"""Runs of others that are looked at before the turn of a domain; where there are more, it is *at least* so many."""

Entry = tuple[Job, int]
"""A job that waits, and how many of its units may start."""


class Runner:
    """A domain that competes, with the jobs it would run: one after the other, or the next where that comes before it.

    Attributes:
        domain_id: Its id.
        tag: S.
    """

    def __init__(self, state: State, domain_id: DomainId, entries: list[Entry]) -> None:
        self.domain_id = domain_id
        self._state = state
        self._domain: Domain = state.domains.domains[domain_id]
        self._step = step_of(state.at_us, state.rules.half_life_us)
        account = state.jobs.accounts[domain_id]
        epoch = epoch_of(self._step)
        usage = expressed(account.usage, account.epoch, epoch)
        self._account: FairnessAccount = replaced(account, usage=usage, epoch=epoch)
        self._entries = entries[::-1]
        self.tag = account.tag

    @property
    def next(self) -> Job | None:
        """The job that it would run now, or None if all that it had have run."""
        return self._entries[-1][0] if self._entries else None

    @property
    def is_sold(self) -> bool:
        """Whether points of what it would run now were sold, so that it is owed nothing."""
        job = self.next
        return job is not None and job.points < 0 and job.terms.domain_id == self.domain_id

    def deadline(self) -> int:
        """Return D with its next run."""
        return self.tag + self._charge(self._run()[1])

    def pool_key(self, least: int) -> int | None:
        """Return its place in the pool; what would be no earlier than ``least`` is passed over, as far as more is left.

        None if nothing is left.
        """
        if not self._entries:
            return None
        key = self._key()
        while key >= least and len(self._entries) > 1:
            self._entries.pop()
            key = self._key()
        return key

    def run(self, is_owed: bool) -> tuple[Job, int, int]:
        """Be served by what it is owed, or from the pool: of which job, how many units, and their size together."""
        job, left = self._entries[-1]
        count, size = self._run()
        self._entries[-1] = job, left - count
        if left == count:
            self._entries.pop()
        if is_owed:
            self.tag += self._charge(size)
        if not is_owed or self._state.rules.usage == "all":
            used = amount_at(size, job.own_priority, self._step)
            self._account = replaced(self._account, usage=self._account.usage + used)
        return job, count, size

    def _run(self) -> tuple[int, int]:
        """Return how many units the next run has, and their size together."""
        job, left = self._entries[-1]
        unit_us = estimate_us(self._state.jobs, job)
        count = run_units(unit_us, left)
        return count, width_milli(job.terms.request, self._state.workers.capacity) * unit_us * count

    def _charge(self, size: int) -> int:
        return entitled_charge(size, self._domain.effective_share, self._state.rules.alpha_milli)

    def _key(self) -> int:
        share = self._domain.effective_share
        return POOL_KEYS[self._state.rules.pool](
            self._state, self.domain_id, self._account, share, self._entries[-1][0]
        )


class Race:
    """The runs of the domains beside one, and of itself, in their order, until that one has its turn in the pool."""

    def __init__(self, state: State, mine: Runner, others: list[Runner]) -> None:
        self._state = state
        self._mine = mine
        key = mine.pool_key(-NEVER)
        assert key is not None, "it waits"
        self._turn = key, mine.domain_id
        parent_id = state.domains.domains[mine.domain_id].parent
        self._phi = state.domains.phi(parent_id)
        self._clock = clock_within(state.jobs, parent_id)
        self._by_id = {it.domain_id: it for it in (mine, *others)}
        self._eligible: list[tuple[int, int, DomainId]] = []
        self._tags = [(it.tag, it.domain_id) for it in self._by_id.values() if not it.is_sold]
        heapify(self._tags)
        self._pool: list[tuple[int, DomainId]] = []
        self._keys: dict[DomainId, int | None] = {}
        for it in others:
            self._enter(it)

    def runs(self) -> list[tuple[Job, int, bool]]:
        """Return what comes before, run by run: of which job, how many units, and whether its domain is owed them.

        ``RACE_RUNS_MAX`` runs at most.
        """
        found: list[tuple[Job, int, bool]] = []
        while len(found) < RACE_RUNS_MAX:
            who, is_owed = self._next()
            if who is self._mine:
                break
            job, count, size = who.run(is_owed)
            self._clock += clock_charge(size, self._phi)
            found.append((job, count, is_owed))
            self._enter(who)
            if is_owed and who.next is not None and not who.is_sold:
                heappush(self._tags, (who.tag, who.domain_id))
        return found

    def _next(self) -> tuple[Runner, bool]:
        """Return who is next, and whether by what it is owed."""
        reached = reach(self._clock, self._state.rules)
        while self._tags and self._tags[0][0] <= reached:
            _, domain_id = heappop(self._tags)
            it = self._by_id[domain_id]
            if it.next is not None:
                heappush(self._eligible, (it.deadline(), it.tag, domain_id))
        while self._eligible:
            it = self._by_id[heappop(self._eligible)[2]]
            if it.next is not None:
                return it, True
        while self._pool and self._pool[0] < self._turn:
            key, domain_id = heappop(self._pool)
            if self._keys[domain_id] == key:
                return self._by_id[domain_id], False
        return self._mine, False

    def _enter(self, it: Runner) -> None:
        """Put a domain where it belongs in the pool now; what it had there before counts no more."""
        key = self._keys[it.domain_id] = it.pool_key(self._turn[0])
        if key is not None:
            heappush(self._pool, (key, it.domain_id))
