"""The workload model of Lublin and Feitelson, with its published parameters.

U. Lublin and D. G. Feitelson, "The workload on parallel supercomputers: modeling the characteristics of rigid jobs",
Journal of Parallel and Distributed Computing 63(11), 2003; the parameters are those of the authors' own program in the
Parallel Workloads Archive (model "lublin99").

* *Sizes*: a job is serial with some probability. Else the logarithm of its size, to base 2, is two-stage uniform: with
  probability ``u_prob`` from ``u_low`` to ``u_med``, else from there to ``u_high``; and with some probability it is
  rounded to a whole number, so that the size is a power of two. ``u_high`` is log2 of the machine and ``u_med`` is 2.5
  less, as the authors advise; interactive jobs have 1.5 and 4 less than log2 of the machine, as in their example.
* *Run times*: the natural logarithm of the run time in seconds is hyper-gamma: of the first of two gamma distributions
  with probability ``p_a`` x size + ``p_b``, so that larger jobs tend to be longer. Above 12 (45 hours) it is drawn
  anew.
* *Arrivals*: the logarithm of the time between two arrivals at the busiest hours is gamma distributed (above 13 drawn
  anew). A daily cycle of 48 half-hours, in proportion to another gamma distribution that begins at half past five in
  the morning, stretches these times: each half-hour has points in proportion to the jobs that come in it, and each
  arrival costs points. The log starts at midnight.

``kind`` is 0 for the parameters of all jobs together, as in most published traces of this model; 1 for batch jobs
alone; 2 for interactive jobs alone; 3 for both, merged by time, with batch jobs in queue 1 and interactive ones in
queue 0. There are no users and no estimates in the model; with ``--users`` each job is given one, the k-th in
proportion to 1/k.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from heapq import merge
from typing import ClassVar, Final

import attrs

from ..errors import SimulationError
from .draws import Draws, Weighted
from .exact_math import LN_2, exp, log, power
from .settings import Settings, SyntheticJob, run_time_s, value_of

_BUCKETS: Final = 48
_BUCKET_S: Final = 1_800
_DAY_START: Final = 11  # the first bucket of the cycle, counted from 1
_LOG_RUN_MAX: Final = 12.0
_LOG_GAP_MAX: Final = 13.0
_STEPS: Final = 32


@attrs.frozen
class Parameters:
    """The parameters of one kind of jobs, with the names of the paper; ``u_med`` and ``u_high`` are below log2(P)."""

    serial: float
    power_of_2: float
    u_low: float
    u_med_below: float
    u_high_below: float
    u_prob: float
    a1: float
    b1: float
    a2: float
    b2: float
    p_a: float
    p_b: float
    a_arr: float
    b_arr: float
    a_num: float
    b_num: float
    arar: float


ALL: Final = Parameters(
    *(0.244, 0.576, 0.8, 2.5, 0.0, 0.86),
    *(4.2, 0.94, 312.0, 0.03, -0.0054, 0.78),
    *(10.2303, 0.4871, 8.1737, 3.9631, 1.0225),
)
BATCH: Final = Parameters(
    *(0.2927, 0.6686, 1.2, 2.0, 0.0, 0.875),
    *(6.57, 0.823, 639.1, 0.0156, -0.003, 0.6986),
    *(6.0415, 0.8531, 6.1271, 5.2740, 1.0519),
)
INTERACTIVE: Final = Parameters(
    *(0.1541, 0.625, 1.0, 4.0, 1.5, 0.705),
    *(3.8351, 0.6605, 7.073, 0.6856, -0.0118, 0.9156),
    *(6.5510, 0.6621, 8.9186, 3.6680, 0.9797),
)
_KINDS: Final = ((("all", ALL, -1),), (("batch", BATCH, 1),), (("interactive", INTERACTIVE, 0),))
_BOTH: Final = (("batch", BATCH, 1), ("interactive", INTERACTIVE, 0))


class Lublin:
    """The model; see the module."""

    name: ClassVar[str] = "lublin"
    summary: ClassVar[str] = "Lublin and Feitelson's model of rigid parallel jobs, with a daily cycle"
    takes: ClassVar[frozenset[str]] = frozenset({"users"})
    values: ClassVar[dict[str, Fraction]] = {"kind": Fraction(0)}

    def jobs(self, settings: Settings) -> Iterator[SyntheticJob]:
        """Yield jobs without end.

        Raises:
            SimulationError: There is no such kind, or the machine is too small for the model.
        """
        kind = value_of(self, settings, "kind")
        if kind not in (0, 1, 2, 3):
            raise SimulationError(f"kind is {kind:g}; give 0 (all), 1 (batch), 2 (interactive) or 3 (both).")
        if settings.procs < 32:
            raise SimulationError(f"--procs is {settings.procs}; the model lublin needs at least 32 processors.")
        kinds = _BOTH if kind == 3 else _KINDS[int(kind)]
        streams = [_stream(settings, name, parameters, queue) for name, parameters, queue in kinds]
        return merge(*streams, key=lambda job: job.submit_s)

    def header(self, settings: Settings) -> list[str]:
        """Return nothing: the model has no shares and no loans."""
        return []


def _stream(settings: Settings, name: str, parameters: Parameters, queue: int) -> Iterator[SyntheticJob]:
    """Yield the jobs of one kind."""
    sizes, runs, users = (Draws(settings.seed, f"lublin/{name}/{what}") for what in ("sizes", "runs", "users"))
    pick = Weighted([1.0 / number for number in range(1, (settings.users or 1) + 1)])
    for submit_s in _arrivals(Draws(settings.seed, f"lublin/{name}/arrivals"), parameters):
        procs = _size(sizes, parameters, settings.procs)
        user = pick.draw(users) + 1 if settings.users else -1
        yield SyntheticJob(submit_s, _run_s(runs, parameters, procs), procs, user=user, queue=queue)


def _size(draws: Draws, it: Parameters, machine: int) -> int:
    """Return how many processors a job takes."""
    u = draws.uniform()
    if u <= it.serial:
        return 1
    high = log(machine) / LN_2
    med, high = high - it.u_med_below, high - it.u_high_below
    first = draws.uniform() <= it.u_prob
    low, top = (it.u_low, med) if first else (med, high)
    exponent = low + (top - low) * draws.uniform()
    if u <= it.serial + it.power_of_2:
        exponent = float(int(exponent + 0.5))
    return min(int(power(2.0, exponent) + 0.5), machine)


def _run_s(draws: Draws, it: Parameters, procs: int) -> int:
    """Return how long a job of that size runs."""
    p = min(max(it.p_a * procs + it.p_b, 0.0), 1.0)
    while True:
        first = draws.uniform() <= p
        drawn = draws.gamma(it.a1, it.b1) if first else draws.gamma(it.a2, it.b2)
        if drawn <= _LOG_RUN_MAX:
            return run_time_s(exp(drawn))


def day_weights(a_num: float, b_num: float) -> list[float]:
    """Return how many jobs come in each half-hour of a day, of the mean of all.

    A half-hour's number is the probability that a gamma variate lies within half of its number, where the numbers go on
    from 11 (half past five) to 58. What all have in common cancels out; so the density is integrated without its
    factor.
    """
    weights = [0.0] * _BUCKETS
    for number in range(_DAY_START, _DAY_START + _BUCKETS):
        total = 0.0
        for step in range(_STEPS):
            x = number - 0.5 + (step + 0.5) / _STEPS
            total += exp((a_num - 1.0) * log(x) - x / b_num)
        weights[(number - 1) % _BUCKETS] = total
    mean = sum(weights) / _BUCKETS
    return [weight / mean for weight in weights]


def _arrivals(draws: Draws, it: Parameters) -> Iterator[int]:
    """Yield the times of arrivals in seconds, without end."""
    weights = day_weights(it.a_num, it.b_num)
    passed, points = 0, 0.0  # whole half-hours so far, and points left to spend in the next
    while True:
        while (drawn := draws.gamma(it.a_arr * it.arar, it.b_arr)) > _LOG_GAP_MAX:
            pass
        points += exp(drawn) / _BUCKET_S
        while points > (weight := weights[passed % _BUCKETS]):
            points -= weight
            passed += 1
        yield int(_BUCKET_S * (passed + points / weight))
