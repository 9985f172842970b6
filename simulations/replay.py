"""Replay: a trace through the real engine, in virtual time.

Nothing here decides anything: commands go, at the times of the trace, to the :class:`~meted.core.engine.Engine` that
serves live, and a lease that a pass makes is a start. How a trace becomes commands is said in :mod:`.machine`, and in
which order what happens in one instant does in :mod:`.event_orders`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from meted.core.errors import Reason, Refused
from meted.core.limits import TIME_MAX_US
from meted.core.policy.base import Policy
from meted.core.policy.rivals.conservative import Conservative
from meted.core.state import Rules

from .errors import SimulationError
from .event_orders import STEPS, EventOrder
from .machine import Machine
from .observer import Observer
from .traces.job import TraceJob
from .traces.workload import Workload
from .trade.trader import Trader


class Replay(Machine):
    """One run of a trace under one policy."""

    def __init__(
        self,
        trace: Workload,
        policy: Policy,
        event_order: EventOrder = "instant",
        observers: Sequence[Observer] = (),
        outcome: Callable[[TraceJob, int], None] | None = None,
        rules: Rules | None = None,
        entitled: Callable[[Mapping[int, int], int], None] | None = None,
        trader: Trader | None = None,
    ) -> None:
        """Set the machine and the users up, at time 0.

        Args:
            trace: The workload to replay.
            policy: Who is next.
            event_order: The order of what happens in one instant.
            observers: Told of every submit, start and end.
            outcome: Called with every job that has ended and its start in microseconds, in the order of the ends.
            rules: The parameters of fairness; by default those that a new pool has.
            entitled: Called with the shares of all domains in proportion, and the time, where loans have changed them.
            trader: Who trades in credit, if anybody does.

        Raises:
            SimulationError: The machine is larger than the core takes, it refuses a domain, or the policy cannot be
                simulated in that event order.
        """
        if event_order == "cqsim" and isinstance(policy, Conservative):
            raise SimulationError(
                "conservative is not for the event order cqsim, in which what ends together is not free together; "
                "choose another --event-order."
            )
        super().__init__(trace, policy, observers, outcome, rules, entitled, trader)
        self._step = STEPS[event_order]

    def run(self, ends_max: int | None = None) -> bool:
        """Go on, to the end or until at least ``ends_max`` more jobs have ended; return whether that was the end.

        Raises:
            SimulationError: A time lies beyond ``TIME_MAX_US`` of the core.
        """
        step = self._step
        stop = None if ends_max is None else self.ended + ends_max
        try:
            while (now_us := self.next_us()) is not None:
                if stop is not None and self.ended >= stop:
                    return False
                step(self, now_us)
        except Refused as refusal:
            if refusal.reason is not Reason.OUT_OF_RANGE:
                raise
            raise SimulationError(
                f"a job is submitted, runs or ends beyond {TIME_MAX_US // 1_000_000:,} s (285 years), the largest time "
                "that can be simulated; leave it out of the trace."
            ) from None
        self.close()
        return True
