"""Every verb of the embedded pool, every argument, every bad value: done or refused with a sentence, and no harm."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator

import pytest

from meted.adapters.domain_apply import WantedDomain
from meted.adapters.embedded import Done, LeasedUnits, Pool, PoolError, Unit, UnitFailed
from meted.adapters.log import MemoryLog
from meted.core.commands import DomainRecord, LoanTerms
from meted.core.errors import Refused
from meted.core.invariants import check
from meted.core.resources import Resources
from meted.core.spec import Spec

BAD: tuple[object, ...] = (
    *(None, True, False, -1, 0, 10**18, 2**64, -(2**63), 2**100_000, 0.5, 1.0, math.nan, math.inf),
    *("", "5", "x\0y", "\ud800", "x" * 100_000_000, b"", b"x", bytearray(b"x"), object()),
    *((), [], {}, set(), (None,), [1, "x"], [[]], {1: 2}, {"a": 1}, {"a": "b\0"}, {"": "x"}, (1, 2, 3)),
    *(Spec(argv="ls"), Spec(argv=(1,)), Spec(payload="x"), Spec(env=(("A",),))),  # type: ignore[arg-type]
    *(Resources(True), Resources(-1), Resources(generic=(("b", 1), ("a", 1))), Resources(generic=(("gpu", 0),))),
    *(Done("x", 1), Done(0, "x"), Done(0, 1, "x"), Done(0, 1, None, "x"), Done(True, 1)),  # type: ignore[arg-type]
    *(WantedDomain("\0"), DomainRecord("", 1), LoanTerms("nobody", "share", -1)),
)
"""What hardly any argument takes; the table is of all arguments with all of these."""

OF_NO_ARGUMENT = {"open", "close", "log", "clock", "batch", "run", "state", "snapshot_error"}
"""What is no verb, or calls what it is given."""

VERBS = sorted(name for name in dir(Pool) if not name.startswith("_") and name not in OF_NO_ARGUMENT)


class Given:
    """A pool with domains, jobs, a lease, credit and loans; and an argument for everything that is asked for."""

    def __init__(self) -> None:
        self.pool = pool = Pool(MemoryLog(), clock=lambda: 1_000_000)
        pool.domain("d")
        pool.domain("e", 5)
        job = pool.submit("d", count=3, user="u")
        worker = pool.join("me")
        (lease,) = pool.work(worker)
        pool.submit("d", user="u", hold=True)
        pool.credit_grant("d", 1_000)
        hold = pool.credit_hold("d", 10)
        loan = pool.loan_offer("e", "d", "share", 1)
        self.arguments: dict[str, object] = {
            **{"domain": "d", "name": "d", "lender": "e", "borrower": "d", "payer": "d", "payee": "e", "parent": ""},
            **{"job_id": job, "worker_id": worker, "lease": lease, "loan_id": loan, "loan": loan, "hold": hold},
            **{"index": 0, "amount": 1, "amount_mc": 1, "points": 1, "priority": 1, "due_us": 2_000_000},
            **{"resource": "share", "unlimited": False, "stamp_us": 1, "callback": print, "hold_id": hold},
            **{"records": (), "wanted": (), "loans": (), "terms": (), "done": Done(0, 1), "job_ids": job, "tags": "x"},
        }

    def call(self, verb: str, name: str, value: object) -> object:
        """Call a verb with one bad value, and with what is sound wherever something must be given."""
        method = getattr(self.pool, verb)
        positional: list[object] = []
        by_name: dict[str, object] = {}
        for parameter in inspect.signature(method).parameters.values():
            is_asked = parameter.name == name
            given = value if is_asked else self.arguments.get(parameter.name)
            if parameter.kind is parameter.VAR_POSITIONAL:
                positional.append(given)
            elif parameter.kind is parameter.VAR_KEYWORD:
                by_name |= {"color": given} if is_asked else {}
            elif parameter.default is not parameter.empty:
                by_name |= {parameter.name: given} if is_asked else {}
            else:
                positional.append(given)
        return method(*positional, **by_name)


def table() -> Iterator[tuple[str, str]]:
    """Yield every verb with every argument that is a value."""
    for verb in VERBS:
        for name in inspect.signature(getattr(Pool, verb)).parameters:
            if name not in ("self", "callback"):
                yield verb, name


def test_the_table_is_not_empty() -> None:
    assert len(list(table())) > 80
    assert {"submit", "join", "work", "finish", "give_back", "jobs", "result", "domain_apply"} <= set(VERBS)


@pytest.mark.parametrize(("verb", "name"), list(table()))
def test_a_bad_argument_is_refused_and_changes_nothing(verb: str, name: str) -> None:
    given = Given()
    for value in BAD:
        before, head = given.pool.state, given.pool.log.head
        try:
            given.call(verb, name, value)
        except (Refused, PoolError, UnitFailed) as refusal:
            assert str(refusal).endswith("."), str(refusal)[:500]
            assert len(str(refusal)) < 2_000
            if verb != "delete":  # which cancels first
                assert given.pool.state is before
                assert given.pool.log.head == head
        check(given.pool.state)
        if given.pool.state is not before:
            given = Given()
    given.pool.run(given.pool.join("sound", Resources(1000)), _nothing)


def _nothing(_: Unit) -> None:
    """Do nothing."""


def test_a_lease_and_a_report_are_asked_for_by_name() -> None:
    given = Given()
    lease = given.arguments["lease"]
    assert isinstance(lease, LeasedUnits)
    with pytest.raises(Refused, match=r"give Done\(index, run_us\) for each unit"):
        given.pool.finish(lease, 0)  # type: ignore[arg-type]
    with pytest.raises(Refused, match=r"give a lease that work\(\) has returned"):
        given.pool.give_back(lease.lease_id)  # type: ignore[arg-type]
