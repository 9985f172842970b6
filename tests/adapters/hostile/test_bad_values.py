"""Every method with every argument of every wrong type and size: an answer or an error with a sentence, and no harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import attrs
import msgpack
import pytest

from meted.adapters.wire.methods import METHODS, Method

from ..faults.pool import LivePool, wait_until
from .peer import RawPeer, Witness, is_sound_error

NUMBERS = (0, 1, -1, 2**31, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63))
TEXTS = ("", "x" * 2**20, "a\0b", "\0", "é" * 300, "\u2028", "../../etc/passwd", "{index}{line}", "'; drop table log")
BYTES = (b"", b"\0", b"x" * 2**20, b"\xc1", msgpack.packb({"limits": {b"a": 1, "b": 2}}), b"\x81\xa7secrets\xc3")
OTHERS: tuple[object, ...] = (
    None,
    True,
    False,
    0.5,
    float("nan"),
    float("inf"),
    (),
    (None,),
    ((((),),),),
    {},
    {"": None},
    {"a": {"b": {}}},
)
ANYTHING: tuple[object, ...] = (*NUMBERS, *TEXTS, *BYTES, *OTHERS)

PAYLOADS = (
    b"\x81\xa6limits\x82\xc4\x01a\x01\xa1b\x02",
    b"\x81\xa6limits\x81\xa5cpu_s\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    b"\x81\xa7secrets\xa0",
    b"\x81\xa7secrets\xa9../../lock",
    b"\x81\xa5lines\x91\xc0",
    b"\x81\xc0\xc0",
    b"\x91" * 5_000,
    b"\xdd\xff\xff\xff\xff",
    b"\xd6\xff\x00\x00\x00\x00",
    b"\x81\xa5stdin\xd4\x01\x01",
    b"\xc0",
    b"\x00\x00",
)
"""Payloads that are no options of a process: bytes for an executor of another kind, or for nobody."""


def bad_values(kind: Any) -> Iterator[object]:
    """Yield values that an argument of this type should not have, among them all that have its outermost type."""
    yield from ANYTHING
    args = [arg for arg in get_args(kind) if arg not in (Ellipsis, NoneType)]
    if isinstance(kind, UnionType):
        for arg in args:
            yield from bad_values(arg)
    elif get_origin(kind) is tuple:
        inside: tuple[object, ...] = (*NUMBERS, *TEXTS[:4], *BYTES[:3], *OTHERS, (1, 2), (0, 2**63), (5, 1), (-1, 1))
        yield from ((value,) for value in inside)
        yield from ((value, value) for value in inside)
        yield from ((1,) * 20_000, ("",) * 70_000, ((0, 1),) * 2_000, ((1, ((0, 1),)),) * 3)
    elif get_origin(kind) is dict:
        for value in (*NUMBERS, *TEXTS, *BYTES[:3], *OTHERS):
            yield {"a": value}
        for name in (*TEXTS, "gpu", "cpu", "mem", "instance", "cpu_s", "PATH", "LD_PRELOAD"):
            yield {name: 1}
            yield {name: "1"}
        yield from ({str(number): 1 for number in range(5_000)}, {str(number): "1" for number in range(5_000)})
    elif attrs.has(kind):
        for field in attrs.fields(attrs.resolve_types(kind)):
            for value in bad_values(field.type):
                yield {field.name: value}


def sound_params(job: int) -> dict[str, dict[str, object]]:
    """Return parameters of every method that are right, or right but for what they name; nothing of it waits long."""
    life = {"worker": 1, "instance": "never"}
    return {
        "hello": {"program": "p", "version": "1", "protocol_min": 1, "protocol_max": 1},
        "submit": {"argv": ("true",), "hold": True, "name": "bad value"},
        "start": {"jobs": (job,)},
        "cancel": {"jobs": (job,)},
        "delete": {"job": 2**40},
        "rerun": {"job": 2**40},
        "wait": {"job": job, "wait_us": 0},
        "changes": {"since_seq": 0},
        "subscribe": {"table": "jobs"},
        "unsubscribe": {"subscription": 1},
        "drain": {"worker": 1},
        "job.priority": {"job": job, "priority": 1},
        "domain": {"domain": "default"},
        "domain.create": {"name": "worst", "share": 2},
        "domain.set": {"name": "bad", "share": 2},
        "domain.remove": {"name": "worse"},
        "domain.records": {"stamp_us": 1, "records": ({"name": "recorded"},)},
        "domain.apply": {"domains": ({"name": "wanted"}, {"name": "gone", "absent": True})},
        "loan.offer": {"lender": "default", "borrower": "bad", "resource": "share", "amount": 1},
        "loan.recall": {"loan": 1},
        "loans.set": {"lender": "bad", "loans": ({"borrower": "default", "resource": "cpu", "amount": 1},)},
        "loan.statement": {"domain": "default"},
        "loan.changes": {"since_seq": 0},
        "credit.account": {"domain": "default"},
        "credit.open": {"domain": "default"},
        "credit.close": {"domain": "bad"},
        "credit.limit": {"domain": "default", "unlimited": False},
        "credit.grant": {"domain": "default", "amount_mc": 1_000},
        "credit.transfer": {"payer": "default", "payee": "bad", "amount_mc": 1},
        "credit.hold": {"domain": "default", "amount_mc": 1},
        "credit.post": {"hold": 1, "payee": "bad", "amount_mc": 1},
        "credit.void": {"hold": 2},
        "credit.lend": {"lender": "default", "borrower": "bad", "amount_mc": 1, "due_us": 2**52},
        "credit.repay": {"loan": 1},
        "credit.statement": {"domain": "default"},
        "job.nice": {"job": job, "points": 1, "cost_us": 1_000},
        "worker.join": {"name": "bad", "instance": "i", "cpu_milli": 0},
        "worker.rejoin": {**life, "held": ((1, ((0, 1),)),)},
        "worker.finish": {"worker": 1, "lease": 1, "done": ((0, 1),), "run_us": (1,)},
        "worker.give_back": {"worker": 1, "lease": 1, "spans": ((0, 1),)},
        "worker.leave": life,
        "worker.lost": {**life, "reason": "bad"},
        "worker.output": {"request": 1, "data": b"", "next": 0, "ended": True, "whole": True},
        **{name: {"job": job} for name in ("job", "explain", "units", "result", "error")},
        "output": {"job": job, "index": 0},
    }


def calls(method: Method, job: int) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield (field, parameters) with one bad value each, and with one argument too few or too many."""
    sound = sound_params(job).get(method.name, {})
    for field in attrs.fields(attrs.resolve_types(method.params)):
        for value in bad_values(field.type):
            yield field.name, {**sound, field.name: value}
        yield field.name, {name: value for name, value in sound.items() if name != field.name}
    if method.name != "shutdown":
        yield "", sound
    for name in ("", "no_such", "self", "x" * 2_000, "__class__"):
        yield name, {**sound, name: 1}


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_a_bad_value_is_refused_with_a_sentence(pool: LivePool, method: Method) -> None:
    with pool.client() as client:
        job = client.call("submit", argv=("true",), count=3)["job"]
        client.call("cancel", jobs=(job,))
    answers: Counter[int] = Counter()
    with Witness(pool), RawPeer(pool) as peer:
        for msgid, (field, params) in enumerate(calls(method, job)):
            error, _ = peer.call(method.name, params, msgid)
            if error is not None:
                assert is_sound_error(error), (method.name, field, error)
                assert error["code"] in (101, 102, 103), (method.name, field, error)
                assert len(error["sentence"]) < 2_000, (method.name, field)
            answers[error["code"] if error else 0] += 1
    assert answers[101] >= 5
    if attrs.fields(method.params):
        assert answers[102] >= 10, answers
    _clean_up(pool)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_that_is_nothing_hurts_nobody(pool: LivePool, payload: bytes) -> None:
    """The server looks for secrets in a payload when it gives work out and when a job leaves."""
    with Witness(pool), pool.client() as client, pool.client() as worker:
        joined = worker.call("worker.join", name="mine", instance=payload.hex()[:32], cpu_milli=1_000)["worker"]
        job = client.call("submit", payload=payload)["job"]
        wait_until(lambda: any(said.method == "run" for said in worker.notifications(0.1)), "it is given out")
        client.call("cancel", jobs=(job,))
        client.call("worker.lost", worker=joined, instance=payload.hex()[:32], reason="over")
        assert client.call("wait", job=job, wait_us=5_000_000)["state"] == "cancelled"
        client.call("delete", job=job)


def _clean_up(pool: LivePool) -> None:
    """Remove what was accepted after all, so that the next method finds the pool as it was."""
    with pool.client() as client:
        while left := client.call("jobs", tags={"name": "bad value"}, active=True):
            client.call("cancel", jobs=tuple(row["job"] for row in left))
