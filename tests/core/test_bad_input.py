"""One generated table: command x field x bad value. Each is refused with a sentence, and nothing changes.

The fields come from the union of commands and the bad values from the types of the fields, so that a new command or
field is in the table without a word.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from types import NoneType, UnionType
from typing import Any, NewType, get_args, get_origin

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core import commands as c
from meted.core.commands import Command
from meted.core.errors import Reason, Refused
from meted.core.events import RecordRefused
from meted.core.ids import AccountId, DomainId, JobId, LeaseId, LoanId, WorkerId
from meted.core.invariants import check
from meted.core.limits import ARGUMENTS_MAX, JOBS_PER_COMMAND_MAX, RUN_UNITS_MAX, SPEC_BYTES_MAX, TIME_MAX_US
from meted.core.resources import Resources
from meted.core.spec import Spec

from .helper import SECOND, World, cpus
from .strategies import COMMANDS, commands, fields_of

HUGE_TEXT = "x" * 100_000_000
HUGE_BYTES = bytes(100_000_000)
SPEC_TEXT = "x" * SPEC_BYTES_MAX
WIDE_TEXT = "é" * 2**20


@cache
def given_world() -> World:
    """Return a world in which each of GOOD is accepted: jobs 1 to 4 are ended, running, prepared, failed."""
    world = World()
    world.domain("d")
    world.domain("unused")
    world.do(c.CreateDomain(0, "parent", 5, None, "", cpus(2)))
    world.do(c.OfferLoan(0, "parent", "d", "share", 1, SECOND, 2 * SECOND))
    world.do(c.DeliverRecords(0, 1, (c.DomainRecord("recorded", 1, expires_us=SECOND),), False))
    world.do(c.GrantCredit(0, "d", 10_000))
    world.do(c.GrantCredit(0, "unused", 1_000))
    world.do(c.HoldCredit(0, "d", 1_000))
    world.do(c.HoldCredit(0, "d", 1_000, SECOND))
    world.do(c.LendCredit(0, "d", "parent", 1_000, SECOND))
    worker = world.worker(cpus(8, 10**9, gpu=1))
    ended = world.submit("d")
    world.finish(world.lease(worker, ended))
    running = world.submit("d", 100, time_request_us=SECOND)
    world.lease(worker, running, 10)
    world.submit("d", hold=True)
    failed = world.submit("d")
    world.finish(world.lease(worker, failed), exits=((0, 1),))
    return world


WORKER, ENDED, RUNNING, HELD, FAILED, LEASE = WorkerId(1), JobId(1), JobId(2), JobId(3), JobId(4), LeaseId(2)
LOAN = LoanId(1)

GOOD: tuple[Command, ...] = (
    c.SubmitJob(
        0, "d", Spec(("true", "{index}"), (("A", "b"),), "/", b"x"), request=cpus(1, 5, gpu=1), after=(ENDED, RUNNING)
    ),
    c.SubmitJob(0, "d", begin_us=SECOND),
    c.StartJobs(0, (HELD,)),
    c.BeginJob(0, HELD),
    c.CancelJobs(0, (RUNNING, HELD)),
    c.RerunUnits(0, FAILED),
    c.ChangePriority(0, RUNNING, 3),
    c.DeleteJob(0, ENDED),
    c.ArchiveJob(0, ENDED, 0),
    c.LeaseUnits(0, WORKER, RUNNING, 5, 1),
    c.FinishUnits(
        0, WORKER, LEASE, ((1, 2), (5, 1)), (1, 2, 3), ((2, 1), (5, -9)), ((1, b"x"), (5, b"")), (1, 1, 1), (9, 9, 9)
    ),
    c.ReturnUnits(0, WORKER, LEASE, ((1, 2), (5, 1))),
    c.RecallUnits(0, LEASE),
    c.JoinWorker(0, "w", cpus(1, 5, gpu=1), (("rack", "b"),), SECOND, True),
    c.RejoinWorker(0, WORKER, ((LEASE, ((1, 2), (5, 1))),)),
    c.MarkWorkerAway(0, WORKER),
    c.DrainWorker(0, WORKER),
    c.LoseWorker(0, WORKER, "gone", ((LEASE, ((1, 2), (5, 1))),)),
    c.ReserveWorker(0, WORKER, RUNNING, SECOND),
    c.EndReservation(0, WORKER),
    c.CreateDomain(0, "new", 5, cpus(1), "parent", cpus(1, 5, gpu=1), 2, cpus(1)),
    c.ChangeDomain(0, "d", 5, cpus(1), cpus(1, 5, gpu=1), 2, cpus(1)),
    c.RemoveDomain(0, "unused"),
    c.OfferLoan(0, "parent", "d", "cpu", 5, 10, 20, 5),
    c.SetLoans(0, "parent", (c.LoanTerms("d", "cpu", 5, 10, 20, 5),)),
    c.RecallLoan(0, LOAN),
    c.StartLoan(SECOND, LOAN),
    c.EndLoan(2 * SECOND, LOAN),
    c.DeliverRecords(2, 2, (c.DomainRecord("late", 2, "parent", 5, cpus(1), cpus(1), 2, cpus(1), 9),), False),
    c.ExpireDomain(SECOND, "recorded"),
    c.OpenCredit(0, "d", True),
    c.CloseCredit(0, "unused"),
    c.GrantCredit(0, "parent", 5, "x"),
    c.TransferCredit(0, "d", "parent", 5, "x"),
    c.HoldCredit(0, "d", 5, SECOND),
    c.PostHold(0, 1, "parent", 5),
    c.VoidHold(0, 1),
    c.TimeOutHold(SECOND, 2),
    c.NiceJob(0, RUNNING, 2, SECOND),
    c.PayDonors(0, (AccountId(3),)),
    c.WatchCredit(0, (AccountId(3),)),
    c.LendCredit(0, "d", "parent", 5, SECOND),
    c.RepayCredit(0, 1),
    c.SetCreditRules(0, 5, 86_400 * SECOND, 5, 86_400 * SECOND, 5, "treasury", "nice"),
    c.SetRules(0, 500, SECOND, 2 * SECOND, "fifo", "pool"),
    c.ChangePlaces(0, "given", ((RUNNING, WORKER, SECOND, 2 * SECOND, 1),), (HELD,)),
    c.KeepCalls(0, ((bytes(16), b"x"),)),
    c.NoteRepair(0, 5, 6),
)

IS_GOOD: set[tuple[str, str, object]] = {
    ("SubmitJob", "priority", -1),
    ("ChangePriority", "priority", -1),
    ("FinishUnits", "exits", ((2, -1),)),
    ("GrantCredit", "amount_mc", -1),
    ("NiceJob", "points", -1),
}
"""Values that are bad for other fields of the type."""

HUGE_INT = 2**100_000
NO_INT: tuple[object, ...] = (True, False, "5", 1.0, 1.5, math.nan, math.inf, b"5", (5,), [5], {})
NO_TEXT: tuple[object, ...] = (5, True, 1.5, b"x", ("x",), "a\0b", "\ud800", HUGE_TEXT, WIDE_TEXT)
NO_TUPLE: tuple[object, ...] = ("x", 5, True, 1.5, b"x", [1], {}, {1})


def bad_values(kind: Any) -> Iterator[object]:
    """Yield values that no field of this type takes."""
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    if isinstance(kind, UnionType):
        for arg in get_args(kind):
            if arg is not NoneType:
                yield from (value for value in bad_values(arg) if value is not None)
        return
    yield None
    if kind is int:
        yield from NO_INT
        yield from (-1, 10**18, 2**64, -(2**63), HUGE_INT)
    elif kind is str:
        yield from NO_TEXT
    elif kind is bytes:
        yield from ("x", 5, True, bytearray(b"x"), HUGE_BYTES)
    elif kind is bool:
        yield from (0, 1, "true", 1.0, b"")
    elif get_origin(kind) is tuple:
        yield from NO_TUPLE
        yield from bad_tuples(get_args(kind))
    else:
        yield from (5, "x", {}, (), Resources() if kind is Spec else Spec())
        for good in examples(kind):
            for name, inner in fields_of(kind).items():
                yield from (attrs.evolve(good, **{name: value}) for value in bad_values(inner))


def bad_tuples(args: tuple[Any, ...]) -> Iterator[object]:
    """Yield tuples of which one item is bad, or which are far too long."""
    if args[-1] is Ellipsis:
        yield from ((value,) for value in bad_values(args[0]))
        yield far_too_many(next(examples(args[0])))
    else:
        good_items = tuple(next(examples(arg)) for arg in args)
        yield from (good_items[:-1], (*good_items, 0))
        for at, arg in enumerate(args):
            for value in bad_values(arg):
                yield (*good_items[:at], value, *good_items[at + 1 :])


@cache
def far_too_many(good: object) -> tuple[object, ...]:
    """Return more of an item than any tuple takes; made once, as thousands of values have it in them."""
    return (good,) * (1 + max(ARGUMENTS_MAX, JOBS_PER_COMMAND_MAX, RUN_UNITS_MAX, 100_000))


def examples(kind: Any) -> Iterator[Any]:
    """Yield a sound value of a type."""
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    if get_origin(kind) is tuple:
        args = get_args(kind)
        yield (next(examples(args[0])),) if args[-1] is Ellipsis else tuple(next(examples(arg)) for arg in args)
    else:
        yield {
            int: 2,
            str: "x",
            bytes: b"x",
            Resources: cpus(1, 5, gpu=1),
            Spec: Spec(("x",), (("A", "b"),), "/"),
            c.LoanTerms: c.LoanTerms("x", "x", 2, 2, 5, 2),
            c.DomainRecord: c.DomainRecord("x", 2),
        }[kind]


def table() -> Iterator[tuple[Command, str]]:
    """Yield every command with every field."""
    for command in GOOD:
        for name in fields_of(type(command)):
            yield command, name


def altered(command: Command, name: str, value: Any) -> Command:
    """Return a command with another value in a field."""
    changed: Command = attrs.evolve(command, **{name: value})
    return changed


def is_good(command: Command, name: str, value: object) -> bool:
    """Whether a value is bad for its type elsewhere, but not here."""
    return any(
        (type(command).__name__, name) == known[:2] and type(value) is type(known[2]) and value == known[2]
        for known in IS_GOOD
    )


def label(value: object) -> str:
    """Return a short name of a value."""
    if isinstance(value, str | bytes | tuple) and len(value) > 40:
        return f"{type(value).__name__} of {len(value)}"
    return "int" if isinstance(value, int) and value.bit_length() > 100 else repr(value)


def test_every_command_is_in_the_table() -> None:
    assert {type(command) for command in GOOD} == set(COMMANDS), "add the new command to GOOD"


@pytest.mark.parametrize("command", GOOD, ids=lambda command: type(command).__name__)
def test_the_commands_of_the_table_are_accepted_as_they_are(command: Command) -> None:
    with World(state=given_world().state) as world:
        world.do(command)


@pytest.mark.parametrize(
    ("command", "name"), [pytest.param(*row, id=f"{type(row[0]).__name__}.{row[1]}") for row in table()]
)
def test_a_bad_value_is_refused_and_changes_nothing(command: Command, name: str) -> None:
    world = World(state=given_world().state)
    before = world.state
    for value in bad_values(fields_of(type(command))[name]):
        bad = altered(command, name, value)
        if is_good(command, name, value):
            continue
        try:
            events = world.engine.handle(bad)
        except Refused as refusal:
            assert isinstance(refusal.reason, Reason)
            assert refusal.sentence.endswith("."), refusal.sentence
            assert len(refusal.sentence) < 2_000, refusal.sentence[:200]
            assert str(refusal) == refusal.sentence
        except Exception as error:
            pytest.fail(f"{name} = {label(value)}: {type(error).__name__} instead of a refusal: {error}")
        else:
            if not events or {type(event) for event in events} != {RecordRefused}:  # a record is judged by itself
                pytest.fail(f"{name} = {label(value)} was accepted")
            world = World(state=before)
        assert world.state is before


UNKNOWN: tuple[tuple[Command, Reason], ...] = (
    (c.SubmitJob(0, "nowhere"), Reason.UNKNOWN_DOMAIN),
    (c.SubmitJob(0, ""), Reason.BAD_TEXT),
    (c.SubmitJob(0, "d", count=0), Reason.OUT_OF_RANGE),
    (c.SubmitJob(0, "d", count=10**18), Reason.OUT_OF_RANGE),
    (c.SubmitJob(0, "d", Spec(("sh", "-c", "a\0b"))), Reason.BAD_TEXT),
    (c.SubmitJob(0, "d", Spec(("x" * (2**20 + 1),))), Reason.TOO_LARGE),
    (c.SubmitJob(0, "d", Spec(("x" * 2**19,) * 3)), Reason.TOO_LARGE),
    (c.SubmitJob(0, "d", Spec((SPEC_TEXT,) * ARGUMENTS_MAX)), Reason.TOO_LARGE),
    (c.SubmitJob(0, "d", Spec(env=tuple((f"{i}", SPEC_TEXT) for i in range(4096)))), Reason.TOO_LARGE),
    (c.SubmitJob(0, "d", Spec(cwd="")), Reason.BAD_TEXT),
    (c.SubmitJob(0, "d", Spec(env=(("A", "1"), ("A", "2")))), Reason.BAD_TEXT),
    (c.SubmitJob(0, "d", tags=(("a", "1"), ("a", "2"))), Reason.BAD_TEXT),
    (c.SubmitJob(0, "d", tags=(("", "1"),)), Reason.BAD_TEXT),
    (c.SubmitJob(0, "d", request=Resources(generic=(("b", 1), ("a", 1)))), Reason.BAD_TEXT),
    (c.SubmitJob(0, "d", request=Resources(generic=(("a", 1), ("a", 1)))), Reason.BAD_TEXT),
    (c.SubmitJob(0, "d", request=Resources(generic=(("cpu", 1),))), Reason.BAD_TEXT),
    (c.SubmitJob(0, "d", request=Resources(generic=(("a", 0),))), Reason.OUT_OF_RANGE),
    (c.SubmitJob(0, "d", after=(ENDED, JobId(99))), Reason.UNKNOWN_JOB),
    (c.SubmitJob(0, "d", after=(JobId(1),) * 1_001), Reason.TOO_MANY),
    (c.SubmitJob(0, "d", begin_us=-1), Reason.OUT_OF_RANGE),
    (c.StartJobs(0, (JobId(99),)), Reason.UNKNOWN_JOB),
    (c.BeginJob(0, JobId(99)), Reason.UNKNOWN_JOB),
    (c.StartJobs(0, (ENDED, JobId(99))), Reason.UNKNOWN_JOB),
    (c.CancelJobs(0, (RUNNING, JobId(99))), Reason.UNKNOWN_JOB),
    (c.ChangePriority(0, JobId(99), 1), Reason.UNKNOWN_JOB),
    (c.ChangePriority(0, ENDED, 1), Reason.JOB_ENDED),
    (c.ChangePriority(0, RUNNING, 1_001), Reason.OUT_OF_RANGE),
    (c.SetRules(0, 0), Reason.OUT_OF_RANGE),
    (c.SetRules(0, 1_001), Reason.OUT_OF_RANGE),
    (c.SetRules(0, half_life_us=SECOND - 1), Reason.OUT_OF_RANGE),
    (c.SetRules(0, aging_us=0), Reason.OUT_OF_RANGE),
    (c.SetRules(0, pool="lottery"), Reason.OUT_OF_RANGE),
    (c.SetRules(0, usage="none"), Reason.OUT_OF_RANGE),
    (c.SetRules(0, start_mc=-1), Reason.OUT_OF_RANGE),
    (c.DeleteJob(0, JobId(99)), Reason.UNKNOWN_JOB),
    (c.DeleteJob(0, RUNNING), Reason.JOB_NOT_ENDED),
    (c.RerunUnits(0, RUNNING), Reason.JOB_NOT_ENDED),
    (c.RerunUnits(0, ENDED), Reason.NO_UNITS),
    (c.RerunUnits(0, FAILED, False, True), Reason.NO_UNITS),
    (c.RerunUnits(0, FAILED, False, False), Reason.NO_UNITS),
    (c.RerunUnits(0, JobId(99)), Reason.UNKNOWN_JOB),
    (c.ArchiveJob(0, RUNNING), Reason.JOB_NOT_ENDED),
    (c.ArchiveJob(0, ENDED, 1), Reason.JOB_NOT_ENDED),
    (c.LeaseUnits(0, WorkerId(99), RUNNING), Reason.WORKER_UNAVAILABLE),
    (c.LeaseUnits(0, WORKER, JobId(99)), Reason.UNKNOWN_JOB),
    (c.LeaseUnits(0, WORKER, HELD), Reason.NO_UNITS),
    (c.LeaseUnits(0, WORKER, ENDED), Reason.NO_UNITS),
    (c.LeaseUnits(0, WORKER, RUNNING, RUN_UNITS_MAX + 1), Reason.OUT_OF_RANGE),
    (c.LeaseUnits(0, WORKER, RUNNING, donors=(DomainId(99),)), Reason.UNKNOWN_DOMAIN),
    (c.FinishUnits(0, WORKER, LeaseId(99), ((0, 1),), (1,)), Reason.UNKNOWN_LEASE),
    (c.FinishUnits(0, WorkerId(2), LEASE, ((0, 1),), (1,)), Reason.WRONG_WORKER),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 11),), (1,) * 11), Reason.BAD_SPANS),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2), (1, 2)), (1,) * 4), Reason.BAD_SPANS),
    (c.FinishUnits(0, WORKER, LEASE, ((3, 1), (1, 1)), (1,) * 2), Reason.BAD_SPANS),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 0),), ()), Reason.BAD_SPANS),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2),), (1,)), Reason.BAD_SPANS),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2),), (1, 1), cpu_us=(1,)), Reason.BAD_SPANS),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2),), (1, 1), cpu_us=(1, -1)), Reason.OUT_OF_RANGE),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2),), (1, 1), peak_bytes=(1, 1, 1)), Reason.BAD_SPANS),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2),), (1, 1), peak_bytes=(1, 2**53 + 1)), Reason.OUT_OF_RANGE),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2),), (1, 1), ((0, 0),)), Reason.OUT_OF_RANGE),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2),), (1, 1), ((2, 1),)), Reason.BAD_SPANS),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2),), (1, 1), ((1, 1), (0, 1))), Reason.BAD_SPANS),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2),), (1, 1), (), ((0, b""), (0, b""))), Reason.BAD_SPANS),
    (c.FinishUnits(0, WORKER, LEASE, ((0, 2),), (1, 1), (), ((3, b""),)), Reason.BAD_SPANS),
    (c.ReturnUnits(0, WorkerId(2), LEASE, ((0, 1),)), Reason.WRONG_WORKER),
    (c.ReturnUnits(0, WORKER, LEASE, ((9, 2),)), Reason.BAD_SPANS),
    (c.RecallUnits(0, LeaseId(99)), Reason.UNKNOWN_LEASE),
    (c.RejoinWorker(0, WorkerId(99), ()), Reason.UNKNOWN_WORKER),
    (c.RejoinWorker(0, WORKER, ((LEASE, ()), (LEASE, ()))), Reason.BAD_SPANS),
    (c.RejoinWorker(0, WORKER, ((LEASE, ((50, 1),)),)), Reason.BAD_SPANS),
    (c.LoseWorker(0, WORKER, "", ((LEASE, ((50, 1),)),)), Reason.BAD_SPANS),
    (c.ReserveWorker(0, WORKER, JobId(99), 5), Reason.UNKNOWN_JOB),
    (c.ChangePlaces(0, "later", ()), Reason.OUT_OF_RANGE),
    (c.ChangePlaces(0, "given", (), (JobId(99),)), Reason.UNKNOWN_JOB),
    (c.ChangePlaces(0, "given", ((JobId(99), WORKER, 1, 2, 1),)), Reason.UNKNOWN_JOB),
    (c.ChangePlaces(0, "given", ((ENDED, WORKER, 1, 2, 1),)), Reason.JOB_ENDED),
    (c.ChangePlaces(0, "given", ((RUNNING, WorkerId(99), 1, 2, 1),)), Reason.UNKNOWN_WORKER),
    (c.ChangePlaces(0, "given", ((RUNNING, WORKER, 2, 2, 1),)), Reason.OUT_OF_RANGE),
    (c.ChangePlaces(0, "given", ((RUNNING, WORKER, 1, 2**54 + 1, 1),)), Reason.OUT_OF_RANGE),
    (c.ChangePlaces(0, "given", ((RUNNING, WORKER, 1, 2, RUN_UNITS_MAX + 1),)), Reason.OUT_OF_RANGE),
    (c.ChangePlaces(0, "given", ((RUNNING, WORKER, 1, 2),)), Reason.BAD_TYPE),  # type: ignore[arg-type]
    (c.ChangePlaces(0, "anew", ((RUNNING, WORKER, 1, 2, 1),), (RUNNING,)), Reason.OUT_OF_RANGE),
    (c.ChangePlaces(0, "anew", (), (RUNNING, RUNNING)), Reason.OUT_OF_RANGE),
    (c.ChangePlaces(0, "given", (), (RUNNING,) * 1_025), Reason.TOO_MANY),
    (c.CreateDomain(0, "d", 7), Reason.NAME_TAKEN),
    (c.CreateDomain(0, "x", 0), Reason.OUT_OF_RANGE),
    (c.CreateDomain(0, ""), Reason.BAD_TEXT),
    (c.ChangeDomain(0, "nowhere", 1), Reason.UNKNOWN_DOMAIN),
    (c.RemoveDomain(0, "d"), Reason.DOMAIN_IN_USE),
    (c.KeepCalls(0, ((bytes(15), b""),)), Reason.OUT_OF_RANGE),
    (c.KeepCalls(0, ((bytes(17), b""),)), Reason.TOO_LARGE),
    (c.KeepCalls(0, ((bytes(16), bytes(1025)),)), Reason.TOO_LARGE),
    (c.KeepCalls(0, ((bytes(16), b"", b""),)), Reason.BAD_TYPE),  # type: ignore[arg-type]
    (c.KeepCalls(0, ((bytes(16), "x"),)), Reason.BAD_TYPE),  # type: ignore[arg-type]
    (c.KeepCalls(0, ((bytes(16), b""),) * 1025), Reason.TOO_MANY),
    (c.NoteRepair(0, 6, 5), Reason.OUT_OF_RANGE),
)


@pytest.mark.parametrize(("command", "reason"), UNKNOWN, ids=lambda value: type(value).__name__)
def test_each_refusal_has_its_reason(command: Command, reason: Reason) -> None:
    given_world().refused(command, reason)


def test_refusals_are_counted() -> None:
    world = World()
    world.refused(c.SubmitJob(0, "nowhere"), Reason.UNKNOWN_DOMAIN)
    world.refused(c.SubmitJob(0, "nowhere"), Reason.UNKNOWN_DOMAIN)
    assert world.engine.refusals == {Reason.UNKNOWN_DOMAIN: 2}


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(TIME_MAX_US),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(GOOD), st.data())
def test_any_junk_in_any_field_is_accepted_or_refused(good: Command, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(fields_of(type(good)))))
    _accepted_or_refused(altered(good, name, data.draw(junk)))


@given(st.lists(commands(), max_size=6))
def test_any_commands_are_accepted_or_refused(drawn: list[Command]) -> None:
    for command in drawn:
        _accepted_or_refused(command)


def _accepted_or_refused(command: Command) -> None:
    with World(state=given_world().state) as world:
        before = world.state
        try:
            world.do(command)
        except Refused as refusal:
            assert refusal.sentence.endswith(".")
            assert world.state is before
        check(world.state)
