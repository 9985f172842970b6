"""Where a server listens and is dialled: ``unix:PATH`` and ``tcp://HOST:PORT``."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

from meted.core.record import record

from .errors import AddressError

UNIX_PATH_BYTES_MAX = 107
"""Bytes of the path of a Unix socket: what Linux has room for beside the closing zero."""

FORMS = "write unix:PATH or tcp://HOST:PORT"


@record
class UnixAddress:
    """A Unix socket.

    Attributes:
        path: Its path in the file system.
    """

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@record
class TcpAddress:
    """A TCP port.

    Attributes:
        host: A name, or an IPv4 or IPv6 address without brackets.
        port: 0 to 65,535; 0 lets the system choose, which is of use only for listening.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"


Address = UnixAddress | TcpAddress


def parse_address(text: str) -> Address:
    """Return the address that ``text`` names; ``str()`` of it is its canonical form.

    Raises:
        AddressError: If it names none.
    """
    if not text.isprintable():  # urlsplit would pass over line breaks
        raise AddressError(f"{text!r} is no address; {FORMS}.")
    scheme, _, rest = text.partition(":")
    if scheme == "unix":
        return _unix(rest.removeprefix("//"), text)
    if scheme == "tcp" and rest.startswith("//"):
        return _tcp(text)
    if scheme == "tls":
        raise AddressError(
            f"{text} asks for TLS, which this version cannot do yet; use tcp:// inside a network that you trust, "
            "or a tunnel to a unix: socket."
        )
    raise AddressError(f"{text!r} is no address; {FORMS}.")


def _unix(path: str, text: str) -> UnixAddress:
    if not path:
        raise AddressError(f"{text!r} names no socket; write unix:PATH.")
    size = len(os.fsencode(path))
    if size > UNIX_PATH_BYTES_MAX:
        raise AddressError(
            f"The path {path} has {size} bytes, and a Unix socket has room for {UNIX_PATH_BYTES_MAX}; "
            "use a shorter directory."
        )
    return UnixAddress(path)


def _tcp(text: str) -> TcpAddress:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise AddressError(f"{text!r} is no address ({error}); {FORMS}.") from error
    if not parts.hostname or port is None:
        raise AddressError(f"{text!r} lacks {'a port' if parts.hostname else 'a host'}; write tcp://HOST:PORT.")
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise AddressError(f"{text!r} has more than a host and a port; write tcp://HOST:PORT.")
    return TcpAddress(parts.hostname, port)


def default_address() -> UnixAddress:
    """Return where the server of this user is, if nobody says otherwise.

    Raises:
        AddressError: If the user's runtime directory has too long a path, or somebody else has made the directory.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    directory = f"{runtime}/meted" if runtime.startswith("/") else f"/tmp/meted-{os.getuid()}"
    with contextlib.suppress(OSError):
        if os.lstat(directory).st_uid != os.getuid():  # in /tmp anybody can make one, and wait for callers
            raise AddressError(f"{directory} is not a directory of yours; set XDG_RUNTIME_DIR, or name a server.")
    return _unix(f"{directory}/server.sock", directory)


def make_private_directory(path: Path) -> None:
    """Make a directory that nobody else can enter, or see that it is one.

    Raises:
        AddressError: If it belongs to somebody else, or others may enter it, or it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise AddressError(f"The directory {path} cannot be made ({error.strerror}); name another one.") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise AddressError(f"{path} is not a directory of yours; remove it, or name another one.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise AddressError(f"Others may enter the directory {path}; say: chmod 700 {path}")
