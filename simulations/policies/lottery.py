"""Lottery scheduling of jobs: who is next is drawn, with as many tickets as its priority says (row P22).

Waldspurger and Weihl, "Lottery Scheduling: Flexible Proportional-Share Resource Management", OSDI 1994, sections 2 and
3; PARK (P. Kienzle; ``pmap.py`` in SasView 3.0) chose the next work unit like that. Each job that waits has an *edge*,
the tickets of all up to it in the order of submission, over those of all. A number P from 0 to below 1 is drawn, and
the first job with P < edge is next. A draw is one of 2^53 equal steps, so all is compared in whole numbers.

- *Tickets*: two for each point of a job's priority, and one for a priority of 0 or less. PARK's default priority was 0,
  and so was the chance of a job that had it.
- *Switching*: a job whose run has ended keeps the place, and a new draw is made only with the chance ``switch_milli``,
  in thousandths. In PARK's sketch the parameter of that name was the chance to stay. Where places are kept, shares come
  out the same in the long run, and later.
- *Who has left*: a job that has nothing waiting has no ticket; PARK's sketch went on drawing jobs that had ended.
- *Promise*: shares by priority on average. After k draws a job with the part p of the tickets is some sqrt(k p (1 - p))
  units away from its own; there is no bound, nor one on how long it waits, and with ``stride`` there are both.
- *What does not fit*: the next one is drawn among the others, and ``fill`` says what becomes of the first.
- Jobs draw, whoever's they are: who submits more of them has more. Shares and trees are ignored.

What is drawn for a decision hangs on ``seed`` and on how many leases came before, and on nothing that was asked
meanwhile. It draws with the generator of Python, and the core, where all live policies are, has no dice: so it is for
simulation only. A draw costs O(n) of the n jobs that wait.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from sortedcontainers import SortedDict

from meted.core.ids import JobId
from meted.core.policy.base import Index, SimulationOnly
from meted.core.policy.ranked import Fill, RankedIndex
from meted.core.state import Job, Lease, State
from meted.core.terms import Terms

from ..errors import SimulationError
from ..generators.draws import Draws

STEPS: Final = 1 << 53
"""How many numbers can be drawn: those that ``random.Random.random`` gives, times this, which is exact."""

ALWAYS_MILLI: Final = 1000


def tickets(priority: int) -> int:
    """Return the tickets of a job; there is always one."""
    return max(2 * priority, 1)


def drawn(weights: Sequence[int], draw: int, steps: int = STEPS) -> int:
    """Return the place of the first with P < edge, where P is ``draw`` / ``steps``.

    Args:
        weights: The tickets of each, all above zero.
        draw: From 0 to below ``steps``.
    """
    edges = list(accumulate(weights))
    # P < edge / total is the same as draw * total // steps < edge, as edges are whole.
    return bisect_right(edges, draw * edges[-1] // steps)


class LotteryIndex(RankedIndex):
    """The jobs that wait, with their tickets."""

    by = "the draw"

    def __init__(self, state: State, seed: int, switch_milli: int, fill: Fill) -> None:
        self._seed = seed
        self._switch_milli = switch_milli
        self._switching = Draws(seed, "lottery/switch")
        self._tickets: SortedDict[JobId, int] = SortedDict()
        self._decision = 0
        self._keep: list[JobId] = []  # whose runs have just ended and who keep their place
        super().__init__(state, fill, examined_max=None)

    def order(self, at_us: int) -> Iterator[JobId]:
        """Yield who keeps its place, then the others as they are drawn, one after the other."""
        kept = dict.fromkeys(job_id for job_id in self._keep if job_id in self._tickets)
        yield from kept
        draws = Draws(self._seed, f"lottery/{self._decision}")
        job_ids, weights = list(self._tickets.keys()), list(self._tickets.values())
        while job_ids:
            place = drawn(weights, draws.below(STEPS))
            del weights[place]
            job_id = job_ids.pop(place)
            if job_id not in kept:
                yield job_id

    def summary(self) -> object:
        """Return who has how many tickets; how many leases came before is remembered in this index alone."""
        return super().summary(), list(self._tickets.items())

    def job_ready(self, job: Job) -> None:
        """Queue a job and give it its tickets."""
        super().job_ready(job)
        self._tickets[job.job_id] = tickets(job.terms.priority)

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue, and its tickets."""
        super().job_done(job)
        self._tickets.pop(job.job_id, None)

    def job_moved(self, before: Job, after: Job) -> None:
        """Give a queued job the tickets of its new priority."""
        super().job_moved(before, after)
        if after.job_id in self._tickets:
            self._tickets[after.job_id] = tickets(after.terms.priority)

    def lease_given(self, lease: Lease, terms: Terms) -> None:
        """The place is taken: by who keeps it, or by who was drawn, as nobody else could keep one."""
        self._decision += 1
        if lease.job_id in self._keep:
            self._keep.remove(lease.job_id)
        else:
            self._keep.clear()

    def units_back(self, lease: Lease, terms: Terms, run_us: Sequence[int], is_over: bool) -> None:
        """Let a job whose run has ended keep its place, unless a draw says otherwise."""
        if not is_over or not any(run_us):
            return
        if self._switching.below(STEPS) * ALWAYS_MILLI >= self._switch_milli * STEPS:
            self._keep.append(lease.job_id)


class Lottery(SimulationOnly):
    """The next job is drawn by priority.

    ``switch_milli`` is the chance, in thousandths, that a place whose run has ended is drawn for anew; ``seed`` is that
    of all draws.
    """

    name = "lottery"

    def __init__(self, seed: int = 0, switch_milli: int = ALWAYS_MILLI, fill: Fill = "easy") -> None:
        if not 0 <= switch_milli <= ALWAYS_MILLI:
            raise SimulationError(f"switch-milli of lottery: {switch_milli} is no chance; give one from 0 to 1000.")
        self.seed = seed
        self.switch_milli = switch_milli
        self.fill = fill

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return LotteryIndex(state, self.seed, self.switch_milli, self.fill)
