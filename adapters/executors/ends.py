"""What is said of a unit that failed: one sentence why, and the end of what it wrote to its standard error."""

from __future__ import annotations

import signal

from ..wording import signal_name
from .contract import EXIT_NOT_STARTED, UnitEnd

_SHELL_SIGNAL = 128
"""Shells say with 128 + signal that a command was ended by one."""


def limit_hit(exit_code: int, cpu_us: int, over_bytes: int, limits: dict[str, int]) -> str | None:
    """Return the name of the limit for which a unit was ended, or None (row P39).

    Args:
        exit_code: As the system says: 0..255, or negative for a signal.
        cpu_us: Processor time used.
        over_bytes: The memory that its processes held together when they were killed for that, else 0.
        limits: The job's limits.
    """
    if over_bytes and exit_code == -signal.SIGKILL:  # else it had ended by itself in that very moment
        return "rss_bytes"
    number = -exit_code if exit_code < 0 else exit_code - _SHELL_SIGNAL
    if "cpu_s" in limits:
        spent = cpu_us >= limits["cpu_s"] * 1_000_000
        if number == signal.SIGXCPU or (number == signal.SIGKILL and spent):  # SIGKILL: it went on after SIGXCPU
            return "cpu_s"
    if "file_bytes" in limits and number == signal.SIGXFSZ:
        return "file_bytes"
    return None


def limit_sentence(name: str, value: int, over_bytes: int) -> str:
    """Return why a unit was stopped for this limit; ``over_bytes``: what its processes held, where it was for that."""
    if name == "cpu_s":
        return f"it used more processor time than its limit of {value} s"
    if name == "rss_bytes":
        return f"its processes held {over_bytes:,} bytes of memory together, more than its limit of {value:,} bytes"
    return f"it wrote a file larger than its limit of {value} bytes"


def time_sentence(time_limit_us: int) -> str:
    """Return why a unit was stopped for its time limit."""
    whole_s, rest_us = divmod(time_limit_us, 1_000_000)
    seconds = f"{whole_s}.{rest_us:06d}".rstrip("0").rstrip(".")
    return f"it ran longer than its time limit of {seconds} s"


def exit_sentence(exit_code: int, killed: bool) -> str:
    """Return how a unit ended that nobody's limit ended; ``killed`` says that the executor was asked to end it."""
    if exit_code < 0:
        name = signal_name(-exit_code)
        if killed:
            return f"it was killed as asked ({name})"
        if -exit_code == signal.SIGKILL:
            return "it was killed from outside (SIGKILL), maybe by the system for want of memory"
        return f"it was ended by {name}"
    if killed:
        return f"it was told to end, and ended with exit code {exit_code}"
    return f"it ended with exit code {exit_code}"


def failure_body(sentence: str, errors: bytes, most_bytes: int) -> bytes:
    """Return the result of a unit that failed: UTF-8, at most ``most_bytes``, its end kept if it is longer."""
    head = sentence.encode("utf-8", "replace")[:most_bytes]
    text = errors.decode("utf-8", "replace").rstrip("\n").encode()
    room = most_bytes - len(head) - 1
    if not text or room <= 0:
        return head
    if len(text) > room:
        text = text[-room:].decode("utf-8", "ignore").encode()  # a character cut in two at the front is left out
    return head + b"\n" + text


def not_started(sentence: str) -> UnitEnd:
    """Return the end of a unit that never ran."""
    return UnitEnd(EXIT_NOT_STARTED, 0, 0, 0, sentence.encode("utf-8", "replace"))


def killed_unstarted() -> UnitEnd:
    """Return the end of a unit that was killed in the moment before it would have run."""
    return UnitEnd(-signal.SIGTERM, 0, result=b"it was killed as asked before it had started (SIGTERM)")
