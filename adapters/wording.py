"""Words that sentences and tables for people share."""

from __future__ import annotations

import json
import signal


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number and what it counts: ``1 event``, ``2,000 events``; ``plural`` is with an s if it is not given."""
    return f"{number:,} {pluralized(number, singular, plural)}"


def pluralized(number: int, singular: str, plural: str | None = None) -> str:
    """Return the word for so many: ``event``, ``events``; ``plural`` is with an s if it is not given."""
    return singular if number == 1 else plural or singular + "s"


def signal_name(number: int) -> str:
    """Return what people call a signal: ``SIGKILL``, or ``signal 40`` where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def no_such_unit(job_id: int, count: int) -> str:
    """Return what is said to who asks for a unit that a job of so many units does not have."""
    if count == 1:
        return f"Job {job_id} has no unit but 0."
    return f"Job {job_id} has units 0 to {count - 1}; give one of these."


def json_text(document: object, indent: int | None = None) -> str:
    """Return a JSON document that is readable and commands no terminal.

    Letters of all languages stand for themselves. What cannot be printed (controls, marks that turn the direction of
    writing) is escaped, which is the same JSON: names may hold anything, and a terminal may be what reads it.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    if text.isascii() and "\x7f" not in text:  # json itself escapes the other controls of ASCII
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else json.dumps(char)[1:-1]
