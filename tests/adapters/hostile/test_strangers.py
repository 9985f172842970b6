"""Callers over TCP that have no token get nowhere, and cost little."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from meted.adapters.wire.limits import STRANGER_BYTES_MAX
from meted.adapters.wire.methods import METHODS

from ..faults.pool import LivePool, wait_until
from .peer import RawPeer, Witness

HELLO = {"program": "stranger", "version": "0", "protocol_min": 1, "protocol_max": 1}

WRONG = ("", "x", "0" * 64, "é" * 32, "a\0b", "x" * 100_000)
"""Tokens that are none."""


class Stranger(RawPeer):
    """A raw peer over TCP."""

    def __init__(self, port: int) -> None:
        super().__init__(socket.create_connection(("127.0.0.1", port)))


@pytest.fixture(scope="module")
def open_pool() -> Iterator[LivePool]:
    """A server that listens on TCP as well."""
    made = LivePool()
    try:
        made.start_server("--listen", made.address, "--listen", "tcp://127.0.0.1:0")
        yield made
    finally:
        made.close()


def port_of(pool: LivePool) -> int:
    """Return the port that the server says it listens on."""
    said = pool.directory / "server.out"
    found = wait_until(lambda: re.search(r"tcp://127\.0\.0\.1:(\d+)", said.read_text()), "the server says its port")
    return int(found[1])


def test_nothing_is_answered_without_the_token(open_pool: LivePool) -> None:
    with Witness(open_pool):
        for method in METHODS:
            if method != "hello":
                with Stranger(port_of(open_pool)) as peer:
                    error, _ = peer.call(method)
                    assert error["code"] == 108


@pytest.mark.parametrize("token", [None, *WRONG], ids=range(1 + len(WRONG)))
def test_a_wrong_token_is_denied(open_pool: LivePool, token: str | None) -> None:
    with Witness(open_pool), Stranger(port_of(open_pool)) as peer:
        error, _ = peer.call("hello", {**HELLO, "token": token})
        assert error["code"] == 108
        assert (open_pool.directory / "config/meted/token").read_text().strip() not in error["sentence"]
        error, _ = peer.call("jobs", msgid=2)
        assert error["code"] == 108


def test_the_right_token_is_admitted(open_pool: LivePool) -> None:
    token = (open_pool.directory / "config/meted/token").read_text().strip()
    with Witness(open_pool), Stranger(port_of(open_pool)) as peer:
        error, result = peer.call("hello", {**HELLO, "token": token})
        assert error is None
        assert result["protocol"] == 1
        assert peer.call("jobs", msgid=2)[0] is None


def test_a_stranger_may_send_little(open_pool: LivePool) -> None:
    with Witness(open_pool), Stranger(port_of(open_pool)) as peer:
        peer.send(b"\xdb\xff\xff\xff\xff" + bytes(2 * STRANGER_BYTES_MAX))
        peer.is_cut_off()
