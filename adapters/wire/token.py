"""The secret that callers over TCP show: where it is kept, how it is made, read and compared."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import stat
import tempfile
from pathlib import Path

from .errors import WireError

TOKEN_BYTES = 32
"""Random bytes in a token; it is twice as many hexadecimal digits."""

TOKEN_CHARS_MAX = 1_024
"""Characters of a token that somebody else has made."""


class TokenError(WireError):
    """The token cannot be read or made, or others could read it."""


def token_path() -> Path:
    """Return where the token of this user is kept."""
    config = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(config) if config.startswith("/") else Path.home() / ".config") / "meted" / "token"


def find_token() -> str | None:
    """Return the token to show: ``METED_TOKEN``, else that in the file, else None.

    Raises:
        TokenError: If the variable can be no token, or the file cannot be read, or others could read it.
    """
    token = os.environ.get("METED_TOKEN", "").strip()
    if not token.isascii() or len(token) > TOKEN_CHARS_MAX:  # as no file could hold it, and some could not be sent
        raise TokenError(
            "What METED_TOKEN says is no token; copy that of the server, from ~/.config/meted/token there."
        )
    return token or read_token(token_path())


def read_token(path: Path) -> str | None:
    """Return the token in a file, or None if there is no file.

    Raises:
        TokenError: If the file cannot be read, holds no token, or others could read it.
    """
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            token = file.read(TOKEN_CHARS_MAX + 1).strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TokenError(f"The token in {path} cannot be read ({error}).") from error
    if stat.S_IMODE(mode) & 0o077:
        raise TokenError(f"Others can read the token in {path}; say: chmod 600 {path}")
    if not token or len(token) > TOKEN_CHARS_MAX:
        raise TokenError(f"There is no token in {path}; remove the file, and the server makes a new one.")
    return token


def make_token(path: Path) -> str:
    """Return the token in a file, which is made if it does not exist; of several that make one, all get the same.

    Raises:
        TokenError: If it cannot be made, or :func:`read_token` refuses what is there.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_hex(TOKEN_BYTES))
    except OSError as error:
        raise TokenError(f"No token can be made at {path} ({error.strerror}).") from error
    token = read_token(path)
    if token is None:
        raise TokenError(f"The token in {path} was removed while it was read; try again.")
    return token


def _write_once(path: Path, token: str) -> None:
    """Put a whole file there, unless another process was faster."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".token-")  # mkstemp makes files of mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)


def is_same_token(shown: str | None, wanted: str) -> bool:
    """Whether the token that was shown is the right one, in a time that does not tell how much of it was."""
    return shown is not None and hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), wanted.encode())
