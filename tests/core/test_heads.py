"""Who is first inside each domain while others are put off, against a look at all who wait."""

from __future__ import annotations

from random import Random

import pytest

from meted.core.commands import CreateDomain, FinishUnits, JoinWorker, SetRules, SubmitJob
from meted.core.engine import Engine
from meted.core.events import UnitsLeased, WorkerJoined
from meted.core.ids import DomainId
from meted.core.policy.heads import Heads
from meted.core.policy.ranks import Order
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources

S = 1_000_000


def submit(engine: Engine, random: Random, at_us: int, jobs: int) -> None:
    """Submit jobs of many sizes, lengths, users and priorities to domains in domains."""
    for _ in range(jobs):
        command = SubmitJob(
            at_us,
            f"{random.choice('abc')}{random.randint(0, 2)}",
            count=random.randint(1, 3),
            user=random.choice("xyz"),
            request=Resources(random.choice((300, 500, 700, 1_100, 1_900))),
            time_request_us=random.choice((S, 7 * S, 60 * S, 900 * S)),
            priority=random.choice((0, 0, 2, 5)),
        )
        engine.handle(command)


@pytest.mark.parametrize("pool", ["decay", "fifo"])
@pytest.mark.parametrize("seed", range(1, 9))
def test_the_first_is_the_least_of_all_that_wait(pool: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where who comes next in a domain, once another in it was put off, is to go before it in the pool."""
    real, asked = Heads.first, 0

    def checked(self: Heads, parent_id: DomainId) -> Order | None:
        nonlocal asked
        asked += 1
        found, clock = real(self, parent_id), self._reach(parent_id)
        firsts = (shape.ranks[parent_id].first(clock) for shape in self._groups[parent_id] & self._shapes)
        assert found == min((first for first in firsts if first is not None), default=None)
        return found

    monkeypatch.setattr(Heads, "first", checked)
    random, engine, at_us = Random(seed), Engine(POLICIES["meted"]()), 0
    engine.handle(SetRules(0, alpha_milli=50, pool=pool))
    for name in "abc":
        engine.handle(CreateDomain(0, name, share=random.randint(1, 4), guarantee=Resources(random.choice((0, 2_100)))))
        for number in range(3):
            guarantee = Resources(random.choice((0, 0, 700)))
            engine.handle(CreateDomain(0, f"{name}{number}", random.randint(1, 4), parent=name, guarantee=guarantee))
    joined = engine.handle(JoinWorker(0, "one", Resources(8_000)))[0]
    assert isinstance(joined, WorkerJoined)
    submit(engine, random, 0, 100)
    out: list[UnitsLeased] = []
    for _ in range(150):
        at_us += random.randint(1, 20) * S
        submit(engine, random, at_us, random.randint(0, 3))
        for lease in [it for it in out if random.random() < 0.5]:
            out.remove(lease)
            spans = ((lease.first, lease.count),)
            engine.handle(FinishUnits(at_us, joined.worker_id, lease.lease_id, spans, (5 * S,) * lease.count))
        engine.take()
        engine.run_pass(at_us)
        out += [event for event in engine.take() if isinstance(event, UnitsLeased)]
    assert asked > 100
