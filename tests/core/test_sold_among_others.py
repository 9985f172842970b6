"""A domain that has sold points of a job, among others: beside another of its jobs, and inside another domain."""

from __future__ import annotations

import pytest

from meted.core.commands import CreateDomain, GrantCredit, JoinWorker, NiceJob, SubmitJob
from meted.core.engine import Engine
from meted.core.events import JobSubmitted, UnitsLeased
from meted.core.policy.registry import POLICIES
from meted.core.policy.turns import TurnIndex
from meted.core.resources import Resources
from meted.core.tags import ENTITLED, LEVEL_BITS

S = 1_000_000


def test_a_pass_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job that is next waits for the pool, and the other with it; that is found once, and not for ever."""
    engine = Engine(POLICIES["meted"]())
    for name in "ab":
        engine.handle(CreateDomain(0, name))
        engine.handle(GrantCredit(0, name, 10_000))
    engine.handle(JoinWorker(0, "one", Resources(1_000)))
    first = engine.handle(SubmitJob(0, "a", request=Resources(500), time_request_us=S, priority=5))[-1]
    assert isinstance(first, JobSubmitted)
    engine.handle(SubmitJob(0, "a", request=Resources(1_000), time_request_us=S))
    engine.handle(NiceJob(0, first.job_id, -1))
    put_off: list[object] = []
    real = TurnIndex._put_off

    def counted(self: TurnIndex, leaf: object, *rest: object) -> None:
        put_off.append(leaf)
        assert len(put_off) < 100
        real(self, leaf, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(TurnIndex, "_put_off", counted)
    engine.run_pass(0)
    assert [event.job_id for event in engine.take() if isinstance(event, UnitsLeased)] == [first.job_id]
    assert len(put_off) == 1


def test_whoever_is_above_has_sold_nothing() -> None:
    """What a part of a domain gets from the pool inside it, the domain itself gets from what it is owed."""
    engine = Engine(POLICIES["meted"]())
    for name, parent in (("a", ""), ("a.b", "a"), ("other", "")):
        engine.handle(CreateDomain(0, name, parent=parent))
        engine.handle(GrantCredit(0, name, 10_000))
    engine.handle(JoinWorker(0, "one", Resources(1_000)))
    first = engine.handle(SubmitJob(0, "a.b", request=Resources(500), time_request_us=S, priority=5))[-1]
    assert isinstance(first, JobSubmitted)
    engine.handle(NiceJob(0, first.job_id, -1))
    engine.run_pass(0)
    (leased,) = (event for event in engine.take() if isinstance(event, UnitsLeased))
    assert leased.charged & ENTITLED == 0
    assert leased.charged >> LEVEL_BITS & ENTITLED
    ((above_tag, *_),) = leased.above
    assert (leased.domain_tag, above_tag > 0) == (0, True)
