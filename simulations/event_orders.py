"""In which order the ends, submits and passes of one instant happen in a replay: published schedules hang on it.

In each of the three a pass is repeated while the engine has more to do at that instant.

``instant``
    All ends of an instant, then loans and what falls due of credit, then all its submits, then one pass.
``pyss``
    One pass an event, submits before ends. First, without a pass, what ends now and was expected to end now, by its
    estimate or as the policy predicts, gives back its processors; then loans, with a pass, and what falls due of
    credit; then each submit, in the order of the trace, with a pass; then each end, in the order of the starts, with a
    pass (also where the processors were given back already). Where neither happens, but the policy has asked for a pass
    at that time, there is one. So a job that ends earlier than expected still holds its processors while the jobs
    submitted in that instant are looked at. The first simulator of the backfilling literature works in this order, and
    schedules published with it come out equal at every start.

``cqsim``
    One pass an event, ends before submits: loans and credit as above, then each end, in the order of the starts, with a
    pass, then each submit with one; a pass that nothing causes as above. So what ends together is free only bit by bit.
    The simulator CQSim works in this order. Conservative backfilling could not keep its promises in it: a place begins
    where the last of several ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop
from typing import Final, Literal, get_args

from meted.core.ids import LeaseId

from .machine import Machine, Running

EventOrder = Literal["instant", "pyss", "cqsim"]

EVENT_ORDERS: Final[tuple[EventOrder, ...]] = get_args(EventOrder)


def _instant(machine: Machine, now_us: int) -> None:
    """All ends, all submits, one pass."""
    running = machine.running
    while running and running[0][0] == now_us:
        machine.finish(heappop(running))
    if machine.lends:
        machine.lend(now_us)
    if machine.trader is not None:
        machine.trader.act(machine.engine, now_us)
    while machine.next_job is not None and machine.next_job.submit_us == now_us:
        machine.submit(machine.next_job)
    machine.run_pass(now_us)


def _pyss(machine: Machine, now_us: int) -> None:
    """One pass an event, submits before ends; but what ends as expected gives back its processors first."""
    running = machine.running
    is_wake = True
    ending: list[Running] = []
    late: set[LeaseId] = set()
    while running and running[0][0] == now_us:
        entry = heappop(running)
        ending.append(entry)
        if machine.is_expected(entry):
            machine.finish(entry)
        else:
            late.add(entry[1])
    _fall_due(machine, now_us)
    while machine.next_job is not None and machine.next_job.submit_us == now_us:
        machine.submit(machine.next_job)
        machine.run_pass(now_us)
        is_wake = False
    for entry in ending:
        if entry[1] in late:
            machine.finish(entry)
        machine.run_pass(now_us)
        is_wake = False
    if is_wake:
        machine.run_pass(now_us)


def _cqsim(machine: Machine, now_us: int) -> None:
    """One pass an event, ends before submits."""
    running = machine.running
    is_wake = True
    _fall_due(machine, now_us)
    while running and running[0][0] == now_us:
        machine.finish(heappop(running))
        machine.run_pass(now_us)
        is_wake = False
    while machine.next_job is not None and machine.next_job.submit_us == now_us:
        machine.submit(machine.next_job)
        machine.run_pass(now_us)
        is_wake = False
    if is_wake:
        machine.run_pass(now_us)


def _fall_due(machine: Machine, now_us: int) -> None:
    """Loans, with a pass, and what falls due of credit."""
    if machine.lends:
        machine.lend(now_us)
        machine.run_pass(now_us)
    if machine.trader is not None:
        machine.trader.act(machine.engine, now_us)


STEPS: Final[Mapping[EventOrder, Callable[[Machine, int], None]]] = {
    "instant": _instant,
    "pyss": _pyss,
    "cqsim": _cqsim,
}
"""What does all that happens in one instant, in microseconds, in each order."""
