"""Verbs that are written once: two clients with the same signatures, one that is awaited and one that waits."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from typing import Any, assert_type

import pytest
import trio

from meted.adapters.client.client import Client
from meted.adapters.client.credit_verbs import CreditVerbs
from meted.adapters.client.domain_verbs import DomainVerbs
from meted.adapters.client.job_verbs import JobVerbs
from meted.adapters.client.loan_verbs import LoanVerbs
from meted.adapters.client.remote import RemoteService
from meted.adapters.client.verb import AsyncCaller, BlockingCaller, Verbs, verb
from meted.adapters.credit_views import HoldView
from meted.adapters.local_service import LocalService

ALL = sorted(
    name
    for kind in (JobVerbs, DomainVerbs, LoanVerbs, CreditVerbs)
    for name, found in vars(kind).items()
    if type(found) is verb
)


class Script:
    """Answers calls with what is written, and remembers them."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, object]]] = []

    async def _ask(self, method: str, /, **params: object) -> Any:
        self.calls.append((method, params))
        return self.answers.pop(0)


class Awaited(Script, CreditVerbs, AsyncCaller):
    """Verbs for tasks."""


class AtOnce(Script, CreditVerbs, BlockingCaller):
    """Verbs for a thread."""


def test_a_client_is_awaited_or_waits_by_its_kind() -> None:
    at_once = AtOnce({"hold": 5}, {"hold": 6})
    assert assert_type(at_once.credit_hold("lab", 10), int) == 5
    assert assert_type(AtOnce.credit_hold(at_once, "lab", amount_mc=10), int) == 6

    async def scenario() -> None:
        awaited = Awaited({"hold": 5}, {"hold": 6})
        under_way = assert_type(awaited.credit_hold("lab", 10), Coroutine[Any, Any, int])
        assert awaited.calls == []
        assert assert_type(await under_way, int) == 5
        assert assert_type(await Awaited.credit_hold(awaited, "lab", amount_mc=10), int) == 6
        assert awaited.calls == at_once.calls

    trio.run(scenario)


@pytest.mark.parametrize("name", ALL)
def test_a_verb_has_the_signature_that_it_has_on_the_embedded_pool(name: str) -> None:
    remote, awaited = getattr(RemoteService, name), getattr(Client, name)
    assert inspect.signature(remote) == inspect.signature(awaited) == inspect.signature(getattr(LocalService, name))
    assert remote.__doc__ == awaited.__doc__
    assert (inspect.iscoroutinefunction(remote), inspect.iscoroutinefunction(awaited)) == (False, True)


def test_pages_are_asked_for_until_one_is_empty() -> None:
    service = AtOnce([{"hold": 2}, {"hold": 3}], [{"hold": 7}], [])
    rows = assert_type(service.credit_holds("lab"), list[HoldView])
    assert [row["hold"] for row in rows] == [2, 3, 7]
    assert service.calls == [("credit.holds", {"domain": "lab", "after": after}) for after in (0, 3, 7)]


def test_what_is_raised_comes_out_of_the_verb() -> None:
    with pytest.raises(IndexError):
        AtOnce().credit_rules()


def test_a_verb_may_wait_for_answers_only() -> None:
    class Sleeper(Script, Verbs, BlockingCaller):
        @verb
        async def sleep(self) -> None:
            await Pause()

    class Pause:
        def __await__(self) -> Any:
            yield

    with pytest.raises(AssertionError, match="something else than an answer"):
        Sleeper().sleep()
