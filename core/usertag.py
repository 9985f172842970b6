"""Who a client says it is, when nobody has asked for a key (rows P14, P15)."""

from __future__ import annotations

from collections.abc import Mapping


def usertag(environ: Mapping[str, str], host: str) -> str:
    """Return the tag of a user, in five steps: the first that is there and not empty.

    1. ``METED_TAG``; 2. the user part of ``METED_MAIL``; 3. ``LOGNAME`` unless it is root; 4. ``USERNAME`` unless it is
    Administrator; 5. the name of the connecting host. (PARK's order, with the variables renamed.)

    Args:
        environ: The client's environment.
        host: The name of the host that connects.
    """
    mail = environ.get("METED_MAIL", "")
    logname = environ.get("LOGNAME", "")
    username = environ.get("USERNAME", "")
    return (
        environ.get("METED_TAG", "")
        or (mail.partition("@")[0] if "@" in mail else mail)
        or (logname if logname != "root" else "")
        or (username if username != "Administrator" else "")
        or host
    )
