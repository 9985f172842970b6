"""Whose turn it is: the tree of domains that wait is walked from the top, by what the clock has ranked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from ..domains.state import TOP
from ..ids import DomainId, JobId
from ..limits import LASTING_EXAMINED_MAX, TIME_MAX_US
from ..record import record, replaced
from ..state import Job
from .ahead import among_domains, at_home
from .clock import ClockIndex
from .heads import Heads
from .leaves import Leaf
from .lines import Head, Line, PendingShape
from .paid import paid_ahead
from .queues import queued_job, tag_key
from .ranks import BY_GUARANTEE, Key, Order, Place

CouldServe = Callable[[PendingShape], bool]
"""Whether something of a shape could be served: whoever cannot is not waited for."""


@record
class Choice:
    """Who is next: a domain that has jobs, by which order, and by which at the top."""

    domain_id: DomainId
    order: Order
    top: Order


class TurnIndex(ClockIndex):
    """Says who is next among the domains that wait, and who is ahead of whom."""

    def _next(self, could_serve: CouldServe) -> Choice | None:
        """Return who is next; only shapes that could be served count."""
        shapes = [shape for shape, ranks in self._at_top.items() if ranks.keys and could_serve(shape)]
        heads: Heads | None = None
        while True:
            top = self._first(TOP, shapes) if heads is None else heads.first(TOP)
            if top is None:
                return None
            found, parent_id = self._first_inside(top, shapes, heads)
            if not self._was_too_early(parent_id, found, could_serve):
                return Choice(found[3], found, top)
            if heads is None:  # nearly always the first is not too early, and needs none of this
                heads = Heads(self._groups, set(shapes), self.reach)
                continue
            leaf = self._leaves[found[3]]
            for who in leaf.above:
                parent_id = self.state.domains.domains[who].parent
                heads.look_again(parent_id, (line.shape for line in leaf.ranked_lines()))

    def _first(self, parent_id: DomainId, shapes: Iterable[PendingShape]) -> Order | None:
        """Return the first of the domains inside one with any of these shapes."""
        clock = self.reach(parent_id)
        best: Order | None = None
        for shape in shapes:
            ranks = shape.ranks.get(parent_id)
            first = ranks.first(clock) if ranks is not None else None
            if first is not None and (best is None or first < best):
                best = first
        return best

    def _first_inside(
        self, order: Order, shapes: Iterable[PendingShape], heads: Heads | None = None
    ) -> tuple[Order, DomainId]:
        """Return who is next of those that have jobs: that of ``order``, or somebody in it; and what it is in."""
        parent_id = TOP
        while order[3] in self._groups and order[3] not in self._leaves:
            parent_id = order[3]
            inner = self._first(parent_id, shapes) if heads is None else heads.first(parent_id)
            assert inner is not None, f"domain {parent_id} is ranked and has nothing"
            order = inner
        return order, parent_id

    def _was_too_early(self, parent_id: DomainId, order: Order, could_serve: CouldServe) -> bool:
        """Put off a domain that would serve another job, with a later deadline; return whether it was."""
        leaf = self._leaves[order[3]]
        if len(leaf.lines) == 1 or order[0] == BY_GUARANTEE:
            return False
        clock = self.reach(parent_id)
        for line in leaf.in_order():
            later = line.ranks.keys.get(leaf.domain_id)
            if later is None or not could_serve(line.shape) or self.is_capped(leaf.domain_id, line.shape.request):
                continue
            if line.ranks.order_of(leaf.domain_id, clock) <= order:
                return False
            self._put_off(leaf, order, later, clock)
            return True
        return False

    def _put_off(self, leaf: Leaf, order: Order, later: Key, clock: int) -> None:
        """Rank a domain's lines that are as early as ``order`` no earlier than ``later``, for this pass.

        Of a job whose points were sold the tag is that of one who is never owed anything: it has to wait for the pool,
        and the others then wait with it.
        """
        self._aside.add(leaf.domain_id)
        moved: list[PendingShape] = []
        for line in leaf.ranked_lines():
            key = line.ranks.keys.get(leaf.domain_id)
            if key is not None and line.ranks.order_of(leaf.domain_id, clock) <= order:
                tag = max(key.tag, later.tag)
                put = replaced(key, tag=tag, deadline=later.deadline, pool_key=later.pool_key, covered=later.covered)
                line.ranks.set(leaf.domain_id, put)
                moved.append(line.shape)
        for who in leaf.above:
            self._rank_group(who, moved)

    def _set_aside(self, domain_id: DomainId) -> None:
        """Pass over a domain for the rest of this pass."""
        leaf = self._leaves[domain_id]
        self._aside.add(domain_id)
        for line in leaf.ranked_lines():
            line.ranks.drop(domain_id)
        for who in leaf.above:
            self._rank_group(who, [line.shape for line in leaf.ranked_lines()])

    def ahead_of(self, job_id: JobId) -> str:
        """Return sentences on who is ahead of a job and why, on who paid for that, and on what a point would bring.

        What a cap keeps back, or no worker could ever hold for as long as it asks for, is passed over, and so is not
        ahead of anything. Whom the last pass set aside is where it was before.
        """
        self.begin_pass()
        self._refresh_keys()
        job = self.state.jobs.jobs[job_id]
        leaf = self._leaves.get(job.terms.domain_id)
        if leaf is not None:
            leaf.find_heads(self.state.jobs.accounts[leaf.domain_id])
        line = leaf.lines.get(job.terms.request) if leaf is not None else None
        if leaf is None or line is None:
            return "It is not in the queue."
        servable = (self._first_servable(leaf.domain_id, it) for it in leaf.lines.values())
        first = min((head for head in servable if head is not None), default=line.head)
        is_first, somebody_paid = queued_job(first[1]) == job_id, bool(self.state.ledger.of_job)
        mine, places, behind = self._level(leaf) if is_first or somebody_paid else (leaf.domain_id, [], [])
        paid = paid_ahead(self.state, job, places, behind, self._ready) if somebody_paid else ""
        if is_first:
            return among_domains(self.state, job, mine, places, paid)
        return at_home(self.state, job, queued_job(first[1]), paid)

    def _ready(self, job: Job) -> int:
        """Return how many units of a job wait for nothing but their turn and room."""
        leaf = self._leaves.get(job.terms.domain_id)
        if leaf is None or not leaf.has(job) or not self.capacity.could_hold(job.terms.request, 0):
            return 0
        due = (run.count for run in job.requeued if run.not_before_us <= self.now_us)
        return job.terms.count - job.next_index + sum(due)

    def _first_servable(self, domain_id: DomainId, line: Line) -> Head | None:
        """Return the first of a domain's line that could be served at all, or None."""
        request, could_hold = line.shape.request, self.capacity.could_hold
        if self.is_capped(domain_id, request):
            return None
        if not self.capacity.is_mortal:
            return line.head if could_hold(request, 0) else None
        jobs, account = self.state.jobs.jobs, self.state.jobs.accounts[domain_id]
        least_us = TIME_MAX_US * 2
        for job_id in islice(line.in_order(account), LASTING_EXAMINED_MAX):
            job = jobs[job_id]
            until_us = self.needs_until_us(job) or 0
            if until_us < least_us:
                if could_hold(request, until_us):
                    return account.users[job.terms.user].tag, tag_key(job)
                least_us = until_us
        return None

    def _served_for(self, domain_id: DomainId, shape: PendingShape, head: JobId) -> JobId | None:
        """Return for which job of a shape a domain, or one in it, is served; None if none of them could be."""
        if not self.capacity.is_mortal and not self._held:
            return head
        mine = self._leaves.get(domain_id)
        for leaf in (mine,) if mine is not None else self._leaves.values():
            line = leaf.lines.get(shape.request)
            if line is not None and (leaf is mine or domain_id in leaf.above):
                first = self._first_servable(leaf.domain_id, line)
                if first is not None:
                    return queued_job(first[1])
        return None

    def _level(self, leaf: Leaf) -> tuple[DomainId, list[Place], list[Place]]:
        """Return which domain, this or one that it is in, has others beside it that come before, and these places.

        The last of these is its own; and those of the others beside it.
        """
        could_hold = self.capacity.could_hold
        shapes = [shape for request, shape in self._shapes.items() if could_hold(request, 0)]
        mine, parent_id = leaf.domain_id, leaf.parent
        while True:
            places, behind = self._places(parent_id, mine, shapes)
            if len(places) > 1 or parent_id == TOP:
                return mine, places, behind
            mine, parent_id = parent_id, self.state.domains.domains[parent_id].parent

    def _places(
        self, parent_id: DomainId, mine: DomainId, shapes: list[PendingShape]
    ) -> tuple[list[Place], list[Place]]:
        """Return the places inside ``parent_id`` of those before ``mine``, its own last, and of those behind it.

        None if it is not ranked.
        """
        clock = self.reach(parent_id)
        best: dict[DomainId, Place] = {}
        for shape in shapes:
            ranks = shape.ranks.get(parent_id)
            for order, head, _ in ranks.standing(clock) if ranks is not None else ():
                job_id = self._served_for(order[3], shape, head)
                if job_id is not None:
                    best[order[3]] = min(best.get(order[3], (order, job_id)), (order, job_id))
        ordered = sorted(best.values())
        end = ordered.index(best[mine]) + 1 if mine in best else 0
        return ordered[:end], ordered[end:] if end else []
