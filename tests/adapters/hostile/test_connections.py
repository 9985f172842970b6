"""Peers that misuse their connections: nobody else notices."""

from __future__ import annotations

import contextlib
import random
import time

import msgpack
import pytest

from meted.adapters.wire.limits import DEPTH_MAX, FRAME_BYTES_MAX, MSGID_MAX

from ..faults.pool import LivePool, wait_until
from .peer import RawPeer, Witness, notification, peers, request

CONNECTIONS = 1_000
PIPELINED = 10_000
SUFFER_S = 1.2
"""How long the well-behaved client has to bear with peers that are there and do nothing."""


@pytest.mark.parametrize("method", ["jobs", "help", "changes"])
def test_peers_that_never_read(pool: LivePool, method: str) -> None:
    params = {"since_seq": 0} if method == "changes" else {}
    asked = b"".join(request(method, params, msgid) for msgid in range(5_000))
    with Witness(pool), peers(pool, 12) as crowd:
        until_s = time.monotonic() + SUFFER_S
        while time.monotonic() < until_s:
            for peer in crowd:
                peer.send_what_is_taken(asked)
            time.sleep(0.02)


def test_subscribers_that_never_read(pool: LivePool) -> None:
    asked = b"".join(request("subscribe", {"table": "jobs"}, msgid) for msgid in range(100))
    with Witness(pool), peers(pool, 12) as crowd:
        for peer in crowd:
            peer.send(asked)
        time.sleep(SUFFER_S)


def test_garbage(pool: LivePool) -> None:
    dice = random.Random(20)
    with Witness(pool):
        for _ in range(150):
            with RawPeer(pool) as peer:
                peer.send(dice.randbytes(dice.choice((1, 7, 100, 5_000, 70_000))))
        for first in range(256):
            with RawPeer(pool) as peer:
                peer.send(bytes((first,)) + dice.randbytes(300) + b"\xc1")


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a", b"\xdd\x00\x00\x00\x01", b"\x94\x00\x01\xa4ping\x91"])
def test_depth_bombs(pool: LivePool, opening: bytes) -> None:
    with Witness(pool):
        for size in (DEPTH_MAX + 1, 1_000, 100_000, FRAME_BYTES_MAX // len(opening)):
            with RawPeer(pool) as peer:
                peer.send(opening * size + b"\xc0")
                peer.send(b"\xc1")
                assert len(peer.is_cut_off()) == 1


def test_a_message_that_is_deep_but_whole_is_refused(pool: LivePool) -> None:
    value: object = 1
    for _ in range(DEPTH_MAX):
        value = [value]
    with Witness(pool), RawPeer(pool) as peer:
        peer.send(request("submit", {"argv": value}))
        (sentence,) = peer.is_cut_off()
        assert str(DEPTH_MAX) in sentence


def test_half_frames_that_stay(pool: LivePool) -> None:
    small = request("submit", {"argv": ["true"] * 100})
    large = request("submit", {"stdin": bytes(2**20)})
    with Witness(pool), peers(pool, 200) as crowd, peers(pool, 20) as heavy:
        for peer in crowd:
            peer.send(small[: len(small) // 2])
        for peer in heavy:
            peer.send(large[:-1])
        time.sleep(SUFFER_S)
        for peer in crowd[:20]:  # they may still go on: slow is not wrong
            peer.send(small[len(small) // 2 :])
            error, result = peer.answer(1)
            assert (error is None) == (result is not None)


def test_one_byte_at_a_time(pool: LivePool) -> None:
    with Witness(pool), RawPeer(pool) as peer:
        for byte in request("jobs", {"limit": 3, "tags": {"kind": "x" * 100}}):
            peer.send(bytes((byte,)))
        error, rows = peer.answer(1)
        assert error is None
        assert len(rows) == 3


@pytest.mark.parametrize(
    "announced",
    [
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\x94\x00\x01\xa4ping\x91\x81\xa1a\xdd\x7f\xff\xff\xff",
    ],
)
def test_huge_lengths_announced(pool: LivePool, announced: bytes) -> None:
    with Witness(pool), peers(pool, 20) as crowd:
        for peer in crowd:
            peer.send(announced + b"\x01" * 1_000)
        for peer in crowd[:5]:
            peer.send(b"\x01" * (FRAME_BYTES_MAX + 2**17))
            assert len(peer.is_cut_off()) <= 1


def test_a_message_that_is_too_long(pool: LivePool) -> None:
    fits = request("submit", {"stdin": bytes(FRAME_BYTES_MAX - 100)})
    assert len(fits) <= FRAME_BYTES_MAX
    with Witness(pool):
        with RawPeer(pool) as peer:
            peer.send(fits)
            error, _ = peer.answer(1)
            assert error["code"] == 102  # larger than a spec may be, and told so
        with RawPeer(pool) as peer:
            peer.send(request("submit", {"stdin": bytes(FRAME_BYTES_MAX)}))
            (sentence,) = peer.is_cut_off()
            assert f"{FRAME_BYTES_MAX:,}" in sentence


@pytest.mark.parametrize(("method", "count"), [("ping", PIPELINED), ("jobs", 1_000), ("nothing", PIPELINED)])
def test_pipelined_requests(pool: LivePool, method: str, count: int) -> None:
    asked = b"".join(request(method, {}, msgid) for msgid in range(count))
    with Witness(pool), RawPeer(pool) as peer:
        answered: set[int] = set()
        sent = 0
        peer.socket.settimeout(0.2)
        while len(answered) < count:
            sent += peer.send_what_is_taken(asked[sent:])
            answered.add(peer.message()[1])
        assert answered == set(range(count))


def test_pipelined_changes_act_in_order(pool: LivePool) -> None:
    with Witness(pool), RawPeer(pool) as peer:
        peer.send(
            b"".join(request("submit", {"argv": ["true"], "hold": True}, msgid) for msgid in range(PIPELINED // 5))
        )
        jobs = [peer.answer(msgid)[1]["job"] for msgid in range(PIPELINED // 5)]
        assert jobs == sorted(set(jobs))
        peer.send(request("cancel", {"jobs": jobs}) + request("ping", {}, 2))
        assert peer.answer(1) == (None, {"runs_on": None})
        peer.send(b"".join(request("delete", {"job": job}, msgid) for msgid, job in enumerate(jobs)))
        for msgid in range(len(jobs)):
            assert peer.answer(msgid) == (None, {})


def test_a_thousand_connections_at_once(pool: LivePool) -> None:
    with Witness(pool) as witness, contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(RawPeer(pool)) for _ in range(CONNECTIONS)]
        for peer in crowd:
            peer.send(request("ping"))
        for peer in crowd:
            assert peer.answer(1) == (None, {})
        seen = len(witness.seconds)
        wait_until(lambda: len(witness.seconds) > seen + 20, "the well-behaved client goes on")


def test_connections_that_break_in_the_middle(pool: LivePool) -> None:
    dice = random.Random(21)
    calls = [
        request("submit", {"argv": ["true"], "hold": True, "name": "broken"}),
        request("submit", {"argv": ["true"], "hold": True, "name": "broken", "env": {"SECRET": "s"}}),
        request("jobs", {}),
        request("subscribe", {"table": "jobs"}),
        request("wait", {"job": 1, "wait_us": 60_000_000}),
        request("state", {}),
        request("worker.join", {"name": "broken", "instance": "x", "cpu_milli": 0}),
    ]
    with Witness(pool):
        for number in range(300):
            data = calls[number % len(calls)] * dice.choice((1, 1, 20))
            peer = RawPeer(pool)
            peer.send(data[: dice.randint(1, len(data))] if dice.random() < 0.3 else data)
            if dice.random() < 0.5:
                time.sleep(dice.random() * 0.004)
            peer.reset() if dice.random() < 0.5 else peer.socket.close()
    # What it accepted for peers that have gone has kept its secrets.
    with pool.client() as client:
        while broken := client.call("jobs", tags={"name": "broken"}, active=True):
            client.call("cancel", jobs=tuple(row["job"] for row in broken))


@pytest.mark.parametrize(
    "data",
    [
        msgpack.packb([1, 7, None, {}]),
        msgpack.packb([1, 0, {"code": 102, "reason": "x", "sentence": "x"}, None]),
        request(5),
        request(None),
        request("m" * 65),
        request("ping", {}, -1),
        request("ping", {}, MSGID_MAX + 1),
        request("ping", {}, "one"),
        request("ping", {}, True),
        request("wait", {"job": 1, "wait_us": 100_000}) * 2,
        b"\x94\x00\x01\xa4\xff\xfe\xfd\xfc\x90",
        b"\x94\x00\x01\xa4ping\x91\x81\xa1\xff\x01",
        b"\x94\x00\x01\xa4ping\x91\x81\xa4\xed\xa0\x80a\x01",
        b"\x94\x00\x01\xa4ping\x91\x81\xa1a\xd4\x01\x00",
        b"\x94\x00\x01\xa4ping\x91\x81\xa1a\xd6\xff\x00\x00\x00\x00",
        b"\x94\x00\x01\xa4ping\x91\x81\x01\x02",
        msgpack.packb([3, 1, "ping", []]),
        msgpack.packb([]),
        msgpack.packb({"jsonrpc": "2.0"}),
        msgpack.packb([2, "worker.beat", [1, 2]]),
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        b"\xc1",
    ],
)
def test_what_is_no_message_is_told_so_and_cut_off(pool: LivePool, data: bytes) -> None:
    with Witness(pool), RawPeer(pool) as peer:
        peer.send(data)
        (sentence,) = peer.is_cut_off()
        assert sentence.endswith(".")


def test_notifications_that_make_no_sense_are_passed_over(pool: LivePool) -> None:
    nonsense: list[tuple[str, dict[str, object]]] = [
        ("no.such.thing", {"a": 1}),
        ("submit", {"argv": ["true"]}),
        ("worker.beat", {}),
        ("worker.beat", {"worker": "x"}),
        ("worker.started", {"worker": 1, "leases": [-1, 2**63]}),
        ("worker.started", {"worker": 2**64 - 1, "leases": {}}),
        ("run", {"leases": []}),
        ("closing", {"sentence": "bye"}),
    ]
    with Witness(pool), RawPeer(pool) as peer:
        for _ in range(200):
            for method, params in nonsense:
                peer.send(notification(method, params))
        assert peer.call("ping") == (None, {})


def test_a_wrong_shape_is_answered_and_the_connection_lives_on(pool: LivePool) -> None:
    with Witness(pool), RawPeer(pool) as peer:
        shapes: tuple[object, ...] = ([1], [{}, {}], {}, None, "x", [[]], [None])
        for msgid, params in enumerate(shapes):
            peer.send(msgpack.packb([0, msgid, "ping", params]))
            error, result = peer.answer(msgid)
            assert result is None
            assert error["code"] == 101
        assert peer.call("ping") == (None, {})


def test_the_same_number_again_is_fine_once_it_is_answered(pool: LivePool) -> None:
    with Witness(pool), RawPeer(pool) as peer:
        for _ in range(500):
            assert peer.call("ping", msgid=MSGID_MAX) == (None, {})
