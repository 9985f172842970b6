"""The blocking client against a server that loses answers, restarts, stays silent and talks nonsense."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meted.adapters.client import blocking, repeating
from meted.adapters.client.blocking import BlockingClient
from meted.adapters.wire.errors import CallError, Code, LocalProtocolError, RemoteProtocolError, Unreachable
from meted.adapters.wire.messages import Request, Response

from .fake_server import HELLO, FakeServer, Reply, echo, tell


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No long pauses, and no token of whoever runs the tests."""
    monkeypatch.setattr(repeating, "BACKOFF_FIRST_S", 0.01)
    monkeypatch.setattr(repeating, "BACKOFF_MAX_S", 0.02)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("METED_TOKEN", raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


def losing(count: int, reply: Reply = None) -> Callable[[Request], Iterator[Reply]]:
    """Return a handler that loses its first ``count`` answers, and then echoes."""
    left = [count]

    def handle(request: Request) -> Iterator[Reply]:
        left[0] -= 1
        if left[0] >= 0:
            if reply is not None:
                yield reply
            yield None
        yield from echo(request)

    return handle


def test_a_call_is_answered(path: Path) -> None:
    with FakeServer(path, echo) as server, BlockingClient(server.address, program="test") as client:
        assert client.server == HELLO
        assert client.call("job", job=3) == {"job": 3}
        assert client.call("ping") == {}
        assert client.dialled == 1
        hello = server.hellos[0].params
    assert (hello["program"], hello["protocol_min"], hello["protocol_max"], hello["token"]) == ("test", 1, 1, None)


def test_over_tcp_the_token_is_shown(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("METED_TOKEN", "secret")
    with FakeServer(None, echo) as server, BlockingClient(server.address) as client:
        assert client.call("ping") == {}
        assert server.hellos[0].params["token"] == "secret"
    with FakeServer(path, echo) as server, BlockingClient(server.address):
        assert server.hellos[0].params["token"] is None  # whoever made the socket would learn it
    path.unlink()
    with FakeServer(path, echo) as server, BlockingClient(server.address, token="given"):
        assert server.hellos[0].params["token"] == "given"


@pytest.mark.parametrize("piece", [None, b"\x94", b"\x94\x01\x02\xc0"])
@pytest.mark.parametrize("lost", [1, 3])
def test_a_call_whose_answer_is_lost_is_repeated_with_the_same_key(path: Path, lost: int, piece: bytes | None) -> None:
    with FakeServer(path, losing(lost, piece)) as server, BlockingClient(server.address) as client:
        answer = client.call("submit", argv=["true"])
        keys = {str(request.params["key"]) for request in server.requests}
        assert len(server.requests) == lost + 1
        assert keys == {answer["key"]}
        assert client.dialled == lost + 1


def test_a_key_of_the_caller_is_kept(path: Path) -> None:
    with FakeServer(path, losing(1)) as server, BlockingClient(server.address) as client:
        assert client.call("cancel", jobs=[1], key="mine")["key"] == "mine"
        assert [request.params["key"] for request in server.requests] == ["mine", "mine"]


def test_each_call_has_its_own_key(path: Path) -> None:
    with FakeServer(path, echo) as server, BlockingClient(server.address) as client:
        assert client.call("submit")["key"] != client.call("submit")["key"]


def test_what_cannot_be_repeated_is_not(path: Path) -> None:
    with FakeServer(path, losing(1)) as server, BlockingClient(server.address) as client:
        with pytest.raises(Unreachable, match="not known whether shutdown was carried out"):
            client.call("shutdown")
        assert len(server.requests) == 1


def test_repetitions_end(path: Path) -> None:
    with FakeServer(path, losing(100)) as server, BlockingClient(server.address) as client:
        with pytest.raises(Unreachable, match="not known whether submit was carried out"):
            client.call("submit")
        assert len(server.requests) == repeating.REPEATS_MAX + 1


def test_a_server_that_comes_back(path: Path) -> None:
    client = BlockingClient(f"unix:{path}")
    with FakeServer(path, echo):
        assert client.call("ping") == {}
    path.unlink()
    with FakeServer(path, echo):
        assert client.call("ping") == {}
    assert client.dialled == 2
    client.close()


def test_a_server_that_does_not_come_back(path: Path) -> None:
    with FakeServer(path, losing(1)) as server:
        client = BlockingClient(server.address)
        client.dial()
    path.unlink()
    with pytest.raises(Unreachable, match="broke before the answer came"):
        client.call("job", job=1)
    with pytest.raises(Unreachable, match="start one with: meted up --listen unix:"):
        client.call("job", job=1)


def test_no_server(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreachable, match=f"^No server runs at unix:{path}; start one with: meted up --listen unix:"):
        BlockingClient(f"unix:{path}").call("ping")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path.parent))
    with pytest.raises(Unreachable, match=r"^No server runs at unix:.*; start one with: meted up$"):
        BlockingClient().call("ping")
    path.touch()
    with pytest.raises(Unreachable, match="No server runs at unix:"):
        BlockingClient(f"unix:{path}").dial()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match=f"; start one with: meted up --listen tcp://127.0.0.1:{port}$"):
        BlockingClient(f"tcp://127.0.0.1:{port}").dial()
    with pytest.raises(Unreachable, match=f"on that machine with: meted serve --listen tcp://0.0.0.0:{port}$"):
        BlockingClient(f"tcp://127.0.0.2:{port}").dial()
    with pytest.raises(Unreachable, match="cannot be reached"):
        BlockingClient(f"tcp://{'x' * 64}.example:1").dial()


def test_a_refusal_is_an_error_and_the_connection_lives_on(path: Path) -> None:
    error = CallError(Code.REFUSED, "unknown_job", "There is no job 3.")

    def handle(request: Request) -> Iterator[Reply]:
        yield Response(request.msgid, error) if request.method == "job" else Response(request.msgid, None, {})

    with FakeServer(path, handle) as server, BlockingClient(server.address) as client:
        with pytest.raises(CallError, match=r"^There is no job 3\.$") as raised:
            client.call("job", job=3)
        assert raised.value == error
        assert client.call("ping") == {}
        assert client.dialled == 1


@pytest.mark.parametrize("code", [Code.VERSION, Code.DENIED])
def test_a_server_that_does_not_want_to_talk(path: Path, code: Code) -> None:
    def refuse(request: Request) -> Iterator[Reply]:
        yield Response(request.msgid, CallError(code, "x", "Upgrade the client."))
        yield None

    with FakeServer(path, echo) as server:
        server.say_hello = refuse  # type: ignore[method-assign]
        for _ in range(2):
            with pytest.raises(CallError, match=r"^Upgrade the client\.$") as raised:
                BlockingClient(server.address).dial()
            assert raised.value.code == code


@pytest.mark.parametrize(
    ("replies", "error"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], RemoteProtocolError),
        ([b"\xc1"], RemoteProtocolError),
        ([b"\x94\x00\x01\xa4ping\x90"], RemoteProtocolError),
        ([b"\x94\x01\x01\xc0\x80"], RemoteProtocolError),
        ([b"\x94\x01\x01\xc0\x81\xa8protocol\x02"], RemoteProtocolError),
        ([None], Unreachable),
    ],
)
def test_what_answers_is_no_server_of_ours(path: Path, replies: list[Reply], error: type[Exception]) -> None:
    with FakeServer(path, echo) as server:
        server.say_hello = lambda request: iter([*replies, None])  # type: ignore[method-assign]
        with pytest.raises(error, match=r"^[A-Z].*\.$"):
            BlockingClient(server.address).dial()


def test_a_server_that_stays_silent(path: Path) -> None:
    def silent(request: Request) -> Iterator[Reply]:
        return iter(())

    with FakeServer(path, silent) as server, BlockingClient(server.address, timeout_s=0.05) as client:
        with pytest.raises(Unreachable, match=r"has not answered submit within 0\.05 s"):
            client.call("submit")
        assert len(server.requests) == 1
        with pytest.raises(Unreachable, match=r"has not answered wait within 0\.15 s"):
            client.call("wait", job=1, wait_us=100_000)


def test_notifications_are_kept_aside_in_order(path: Path) -> None:
    def handle(request: Request) -> Iterator[Reply]:
        yield from tell(3)
        yield from echo(request)
        yield from tell(2)

    with FakeServer(path, handle) as server, BlockingClient(server.address) as client:
        assert client.call("ping") == {}
        assert [told.params["seq"] for told in client.notifications()][:3] == [0, 1, 2]
        while not client.notifications(0.01):  # the last two may have come with the answer
            client.call("ping")
        client.close()
        assert client.notifications() == []


def test_waiting_for_notifications_ends(path: Path) -> None:
    with FakeServer(path, losing(1)) as server, BlockingClient(server.address) as client:
        assert client.notifications() == []
        assert client.notifications(0.02) == []
        client._connection.send(Request(99, "ping"))
        assert client._socket is not None
        client._socket.sendall(b"\x94\x00\x63\xa4ping\x90")
        with pytest.raises(Unreachable, match="subscribe again"):
            client.notifications(5)


def test_too_many_notifications_are_not_dropped_in_silence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "NOTIFICATIONS_KEPT", 5)

    def handle(request: Request) -> Iterator[Reply]:
        yield from tell(6)
        yield from echo(request)

    with (
        FakeServer(path, handle) as server,
        BlockingClient(server.address) as client,
        pytest.raises(Unreachable, match="lay unread"),
    ):
        client.call("ping")


def test_what_cannot_be_sent(path: Path) -> None:
    with FakeServer(path, echo) as server, BlockingClient(server.address) as client:
        for value in (object(), b"x" * 2**23):
            with pytest.raises(LocalProtocolError):
                client.call("submit", payload=value)
        assert client.call("ping") == {}


def test_the_client_loads_no_trio() -> None:
    program = "import sys, meted.adapters.client.blocking; print('trio' in sys.modules, 'sqlite3' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ}, timeout=60
    )
    assert done.stdout.split() == ["False", "False"]
