"""What clients want: arrays of several domains, and everything that can be asked of them afterwards."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import cast

import trio

from .asks import DOMAINS, PARENT, SUB_DOMAINS, TOP_DOMAINS, Ask, loan_asks, rule_asks, tree_asks
from .asks_credit import credit_asks, points_ask
from .asks_records import REGISTERED, record_asks
from .executor import COMMAND, SECRETS
from .options import EPOCH_US, Options
from .witness import Call

WORK_US = (500, 5_000_000)
"""Run time of one unit."""

JOB_WORK_US = 10_000_000
"""All units of a job together take about so long at most."""

JOB_UNITS_MAX = 80

BEGIN_US = (-1_000_000, 5_000_000)
"""When a job may begin, from now."""


class Notes:
    """A client's notes: what it wanted, and what was answered. They outlive the client.

    Attributes:
        calls: Every call that changes something, in order.
    """

    def __init__(self, name: str, seed: int, options: Options) -> None:
        """Plan for the client ``name``."""
        self.calls: list[Call] = []
        self._name = name
        self._random = Random(f"{seed}:{name}:plan")
        self._options = options
        self._planned = 0

    @property
    def is_over(self) -> bool:
        """Whether all that was planned has been answered."""
        return self._planned >= self._options.calls_each and not any(call.is_open for call in self.calls)

    @property
    def jobs(self) -> list[int]:
        """The jobs that were acknowledged."""
        answers = [call.answer for call in self.calls if call.method == "submit" and call.answer is not None]
        return [cast(int, answer["job"]) for answer in answers]

    def next(self, worker_ids: list[int]) -> tuple[Call, bool] | None:
        """Return what to call now and whether it was answered before; None when nothing is planned any more."""
        for call in self.calls:
            if call.is_open:
                return call, False
        if self._planned >= self._options.calls_each:
            return None
        self._planned += 1
        done = [call for call in self.calls if call.answer is not None and call.has_key]
        if done and self._random.random() < 0.1:
            return self._random.choice(done), True
        return self.write(*self._draw(worker_ids)), False

    def question(self) -> tuple[str, dict[str, object]]:
        """Return what to ask that changes nothing: the method and its parameters."""
        random = self._random
        job, index = random.choice(self.jobs or [1]), random.randrange(10)
        wait_us = random.choice((0, 1_000_000))
        asks: list[tuple[str, dict[str, object]]] = [
            ("job", {"job": job}),
            ("jobs", {"active": random.random() < 0.5, "limit": random.randint(1, 5)}),
            ("units", {"job": job, "first": index, "limit": 5}),
            ("explain", {"job": job}),
            ("result", {"job": job, "index": index}),
            ("error", {"job": job, "index": index}),
            ("output", {"job": job, "index": index, "wait_us": wait_us}),
            ("wait", {"job": job, "wait_us": wait_us}),
            ("changes", {"since_seq": random.randrange(100), "wait_us": wait_us}),
            ("domains", {}),
            ("state", {}),
        ]
        return random.choice(asks + self._further_questions())

    def beginning(self, random: Random) -> list[Ask]:
        """Return what a client does first: see to domains, of shares by ``random``, and to accounts where wanted."""
        options = self._options
        asks: list[Ask] = [("domain.set", {"name": name, "share": random.randint(1, 9)}) for name in DOMAINS]
        if options.nesting:
            asks.append(("domain.create", {"name": PARENT, "share": 4, "guarantee": {"cpu_milli": 2000}}))
        if options.trading:
            asks += [("credit.open", {"domain": name}) for name in DOMAINS]
        return asks

    def write(self, method: str, params: dict[str, object]) -> Call:
        """Note that something is to be called."""
        key = f"{self._name}-{len(self.calls)}-{self._random.getrandbits(32):08x}"
        self.calls.append(Call(key, method, params))
        return self.calls[-1]

    def _further_questions(self) -> list[Ask]:
        random, options, asks = self._random, self._options, list[Ask]()
        if options.lending:
            asks += [("loan.statement", {"domain": random.choice(TOP_DOMAINS)})] * 3
        if options.trading:
            where: dict[str, object] = {"domain": random.choice(DOMAINS)}
            if random.random() < 0.7:
                where = {"account": random.randint(1, 8)}
            asks += [("credit.statement", {**where, "limit": random.choice((2, 100))})] * 3
            asks += [("credit.holds", {}), ("credit.loans", {}), ("credit.rules", {}), ("credit.alarms", {})]
        return asks

    def _wish(self) -> Ask | None:
        """Return what is wanted of loans, credit, rules and sub-domains, where the world has any of that."""
        random, options, asks = self._random, self._options, list[Ask]()
        if not options.has_wishes or random.random() < 0.4:
            return None
        if options.lending:
            asks += loan_asks(random, self.calls)
        if options.trading:
            if self.calls[-1].method == "submit" and self.calls[-1].answer is not None and random.random() < 0.6:
                return points_ask(random, self.jobs[-1])
            asks += credit_asks(random, self.calls, self.jobs, f"{self._name} {len(self.calls)}")
        if options.ruling:
            asks += rule_asks(random) * 3
        if options.nesting:
            asks += tree_asks(random)
        if options.recording:
            asks += record_asks(random)
        return random.choice(asks)

    def _draw(self, worker_ids: list[int]) -> tuple[str, dict[str, object]]:
        wish = self._wish()
        if wish is not None:
            return wish
        random, jobs = self._random, self.jobs
        if not jobs or random.random() < 0.5:
            return "submit", self._submission()
        job_id = random.choice(jobs)
        asks: list[Callable[[], tuple[str, dict[str, object]]]] = [
            lambda: ("cancel", {"jobs": [job_id]}),
            lambda: ("start", {"jobs": [job_id]}),
            lambda: ("delete", {"job": job_id}),
            lambda: ("rerun", {"job": job_id, "failed": True, "cancelled": random.random() < 0.5}),
            lambda: ("domain.set", {"name": random.choice(DOMAINS), "share": random.randint(1, 9)}),
        ]
        if self._options.drains and worker_ids:
            draining = random.random() < 0.7
            asks.append(lambda: ("drain", {"worker": random.choice(worker_ids), "draining": draining}))
        return random.choice(asks)()

    def _domains(self) -> tuple[str, ...]:
        nested = SUB_DOMAINS if self._options.nesting else ()
        return (*DOMAINS, *nested, *(REGISTERED if self._options.recording else ()))

    def _submission(self) -> dict[str, object]:
        random = self._random
        work_us = int(WORK_US[0] * (WORK_US[1] / WORK_US[0]) ** random.random())
        params: dict[str, object] = {
            "domain": random.choice(self._domains()),
            "user": self._name,
            "name": f"{self._name}-{len(self.calls)}",
            "argv": [COMMAND, str(work_us), "20" if self._options.failing_units else "0", "plain"],
            "count": random.randint(1, max(1, min(JOB_UNITS_MAX, JOB_WORK_US // work_us))),
            "cpu_milli": random.choice((500, 1000, 1000, 2000)),
            "priority": random.choice((0, 0, 5)),
            "retries": random.choice((0, 1, 3)),
            "backoff_us": random.choice((0, 200_000)),
            "max_failures": random.choice((None, None, 2)),
            "hold": random.random() < 0.1,
        }
        if random.random() < 0.1:
            params["time_limit_us"] = work_us
        if random.random() < 0.1:
            params["max_losses"] = 0
        if random.random() < 0.1:
            params["env"] = SECRETS
            params["argv"] = [*cast("list[str]", params["argv"])[:-1], "secret"]
        if random.random() < 0.1:
            params["begin_us"] = EPOCH_US + round(trio.current_time() * 1_000_000) + random.randint(*BEGIN_US)
        if self.jobs and random.random() < 0.15:
            params["after"] = [random.choice(self.jobs)]
        return params
