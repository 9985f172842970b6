"""Addresses and the token: what is read, what is refused, and that nobody else can read a secret."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meted.adapters.wire.address import (
    UNIX_PATH_BYTES_MAX,
    TcpAddress,
    UnixAddress,
    default_address,
    make_private_directory,
    parse_address,
)
from meted.adapters.wire.errors import AddressError
from meted.adapters.wire.token import TokenError, find_token, is_same_token, make_token, read_token, token_path

GOOD = {
    "unix:/run/meted.sock": UnixAddress("/run/meted.sock"),
    "unix:///run/meted.sock": UnixAddress("/run/meted.sock"),
    "unix:here.sock": UnixAddress("here.sock"),
    "unix:" + "x" * UNIX_PATH_BYTES_MAX: UnixAddress("x" * UNIX_PATH_BYTES_MAX),
    "tcp://pool.example:7000": TcpAddress("pool.example", 7000),
    "tcp://10.0.0.1:0": TcpAddress("10.0.0.1", 0),
    "tcp://[::1]:65535": TcpAddress("::1", 65535),
}

BAD = {
    "": "is no address",
    "pool.example:7000": "is no address",
    "http://pool.example:7000": "is no address",
    "tcp:pool.example:7000": "is no address",
    "tcp://pool.example": "lacks a port",
    "tcp://pool.example:": "lacks a port",
    "tcp://:7000": "lacks a host",
    "tcp://pool.example:65536": "is no address",
    "tcp://pool.example:-1": "is no address",
    "tcp://pool.example:http": "is no address",
    "tcp://[::1:7000": "is no address",
    "tcp://pool.example:7000/x": "more than a host and a port",
    "tcp://me@pool.example:7000": "more than a host and a port",
    "tcp://pool.example:70\n00": "is no address",
    "unix:": "names no socket",
    "unix:/x\0y": "is no address",
    "unix:" + "x" * (UNIX_PATH_BYTES_MAX + 1): "has room for 107",
    "unix:" + "ü" * (UNIX_PATH_BYTES_MAX // 2 + 1): "has 108 bytes",
    "tls://pool.example:7000": "cannot do yet",
}


@pytest.mark.parametrize(("text", "address"), GOOD.items())
def test_addresses(text: str, address: UnixAddress | TcpAddress) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(("text", "clause"), BAD.items())
def test_what_is_no_address(text: str, clause: str) -> None:
    with pytest.raises(AddressError, match=clause) as raised:
        parse_address(text)
    assert "\n" not in str(raised.value)


def test_the_default_is_in_the_runtime_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_address() == UnixAddress(f"{tmp_path}/meted/server.sock")
    for other in ("", "relative"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", other)
        assert default_address() == UnixAddress(f"/tmp/meted-{os.getuid()}/server.sock")


def test_the_default_is_not_in_a_directory_of_somebody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "meted").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_address().path.startswith(str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(AddressError, match="not a directory of yours"):
        default_address()


def test_a_private_directory(tmp_path: Path) -> None:
    made = tmp_path / "a/b"
    make_private_directory(made)
    make_private_directory(made)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    made.chmod(0o750)
    with pytest.raises(AddressError, match="chmod 700"):
        make_private_directory(made)
    (tmp_path / "link").symlink_to(made)
    with pytest.raises(AddressError, match="not a directory of yours"):
        make_private_directory(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(AddressError, match="cannot be made"):
        make_private_directory(tmp_path / "file/x")


def test_a_token_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "config/meted/token"
    assert read_token(path) is None
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: make_token(path), range(32)))
    assert made == {read_token(path)}
    assert len(made.pop()) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [other.name for other in path.parent.iterdir()] == ["token"]


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    make_token(path)
    path.chmod(0o640)
    for get in (read_token, make_token):
        with pytest.raises(TokenError, match="chmod 600"):
            get(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 2_000, "ü".encode()])
def test_a_file_without_a_token(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(TokenError, match=r"no token|cannot be read"):
        read_token(path)


def test_a_token_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TokenError, match="No token can be made"):
        make_token(tmp_path / "file/meted/token")


def test_where_the_token_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("METED_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert token_path() == tmp_path / "meted/token"
    assert find_token() is None
    token = make_token(token_path())
    assert find_token() == token
    monkeypatch.setenv("METED_TOKEN", " other\n")
    assert find_token() == "other"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/nowhere")
    assert token_path() == Path("/nowhere/.config/meted/token")


@pytest.mark.parametrize("said", ["\udcff\udcfe", "schlüssel", "x" * 1_025])
def test_a_variable_that_is_no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("METED_TOKEN", said)
    with pytest.raises(TokenError, match="METED_TOKEN says is no token; copy"):
        find_token()


def test_tokens_are_compared() -> None:
    assert is_same_token("abc", "abc")
    assert not any(is_same_token(shown, "abc") for shown in (None, "", "ab", "abcd", "ab\ud800", "äbc"))
