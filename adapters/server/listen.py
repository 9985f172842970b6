"""Where a server listens: Unix sockets for the user's own programs, TCP for those who have the token."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

import trio

from meted.core.record import record

from ..wire.address import Address, TcpAddress, UnixAddress, make_private_directory
from ..wire.errors import AddressError
from .session import Peer

BACKLOG = 1_024
"""Connections that may wait to be accepted."""


async def listen(address: Address) -> list[trio.SocketListener]:
    """Return listeners on an address; a dead server's Unix socket is taken over.

    Raises:
        AddressError: It cannot be listened on; the sentence says why.
    """
    try:
        if isinstance(address, UnixAddress):
            return [await _unix(Path(address.path))]
        return list(await trio.open_tcp_listeners(address.port, host=address.host, backlog=BACKLOG))
    except OSError as error:
        raise AddressError(f"{address} cannot be listened on ({error.strerror or error}); name another one.") from error


def bound_to(address: Address, listeners: Sequence[trio.SocketListener]) -> Address:
    """Return the address that listeners have, with the port that the system chose."""
    if isinstance(address, TcpAddress):
        return TcpAddress(address.host, listeners[0].socket.getsockname()[1])
    return address


@record
class SocketFile:
    """The file of a Unix socket that we have made; once it was removed, another server may have one of that name.

    Attributes:
        path: Where it is.
        inode: Which file it is.
    """

    path: Path
    inode: int

    def remove(self) -> None:
        """Remove it, if it is still ours."""
        with contextlib.suppress(OSError):
            if self.path.lstat().st_ino == self.inode:
                self.path.unlink()


def socket_files(addresses: Sequence[Address]) -> list[SocketFile]:
    """Return the files of the Unix sockets among addresses that are listened on."""
    paths = [Path(address.path) for address in addresses if isinstance(address, UnixAddress)]
    return [SocketFile(path, path.lstat().st_ino) for path in paths]


def peer_of(stream: trio.abc.Stream) -> Peer:
    """Return who is at the other end of a socket, as the kernel says."""
    assert isinstance(stream, trio.SocketStream), "listeners give sockets"
    sock = stream.socket
    if sock.family == socket.AF_UNIX:
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", raw)
        name = _login(uid)
        return Peer(name, name, uid in (0, os.getuid()))
    with contextlib.suppress(OSError):
        return Peer(str(sock.getpeername()[0]), "", False)
    return Peer("a peer", "", False)


async def _unix(path: Path) -> trio.SocketListener:
    if not path.parent.exists():
        make_private_directory(path.parent)
    if path.is_socket():
        if await _is_answered(path):
            raise AddressError(f"Another server listens on {path}; stop it with 'meted shutdown', or name another.")
        path.unlink()
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Nobody else may connect, also where the directory is open: the mode counts before anything listens.
    before = os.umask(0o177)
    try:
        await sock.bind(str(path))
    finally:
        os.umask(before)
    sock.listen(BACKLOG)
    return trio.SocketListener(sock)


async def _is_answered(path: Path) -> bool:
    try:
        stream = await trio.open_unix_socket(str(path))
    except OSError:
        return False
    await stream.aclose()
    return True


def _login(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
