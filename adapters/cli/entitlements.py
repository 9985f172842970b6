"""How people write what domains are entitled to and lend: ``cpu=4,mem=8G,gpu=2``, ``share=3``; and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meted.core.limits import CPU_MILLI_MAX, SHARE_MAX

from .tables import amount, size
from .values import NONE, TEXT_CHARACTERS_MAX, Reader, amount_milli, key_value, size_bytes

if TYPE_CHECKING:
    from ..domain_views import AmountsView

AMOUNTS_CHARACTERS_MAX = 4_096
"""What is longer than this is no list of amounts that anybody wrote."""


def resource_amount(name: str, text: str) -> int:
    """Return thousandths of a cpu, bytes of memory, or thousandths of another resource.

    Raises:
        ValueError: It is no such amount; the sentence says how one is written.
    """
    try:
        found = size_bytes(text) if name == "mem" else amount_milli(text)
    except ValueError as error:
        raise ValueError(f"of {name[:TEXT_CHARACTERS_MAX]}, {error}") from None
    if name == "cpu" and found > CPU_MILLI_MAX:
        raise ValueError(f"{text!r} cpus are more than the {CPU_MILLI_MAX // 1000:,} that there may be.")
    return found


def whole_share(text: str) -> int:
    """Return a share.

    Raises:
        ValueError: It is no whole number from 1 to SHARE_MAX.
    """
    given = text.strip()
    if len(given) > TEXT_CHARACTERS_MAX or not (given.isascii() and given.isdecimal()):
        raise ValueError(f"{given[:TEXT_CHARACTERS_MAX]!r} is no share; write a whole number, like 3.")
    if not 1 <= int(given) <= SHARE_MAX:
        raise ValueError(f"{given!r} is out of range: shares are from 1 to {SHARE_MAX:,}.")
    return int(given)


def named_amounts(text: str) -> dict[str, int]:
    """Return the amounts of ``cpu=4,mem=8G,gpu=2`` by resource, nothing for ``none``.

    Raises:
        ValueError: It is no such list; the sentence says how one is written.
    """
    if len(text) > AMOUNTS_CHARACTERS_MAX:
        raise ValueError(f"{text[:TEXT_CHARACTERS_MAX]!r}... is too long; write amounts like cpu=4,mem=8G.")
    if text.strip().lower() == NONE:
        return {}
    amounts: dict[str, int] = {}
    for part in text.split(","):
        name, value = key_value(part.strip())
        name = name.strip()
        if name == "share":
            raise ValueError("A share is no resource; give it with --share.")
        if name in amounts:
            raise ValueError(f"{name} is named twice; name each resource once.")
        amounts[name] = resource_amount(name, value)
    return amounts


def loan_amount(text: str) -> tuple[str, int]:
    """Return ``(resource, amount)`` of ``cpu=2``, ``mem=8G``, ``gpu=1`` or ``share=3``.

    Raises:
        ValueError: It is no such pair, or an amount of nothing.
    """
    name, value = key_value(text)
    lent = whole_share(value) if name == "share" else resource_amount(name, value)
    if not lent:
        raise ValueError(f"{text!r} lends nothing; give an amount above 0.")
    return name, lent


AMOUNTS = Reader("amounts", named_amounts)
"""Gives amounts by resource."""

LOAN_AMOUNT = Reader("resource=amount", loan_amount)
"""Gives (resource, amount)."""

SHARE = Reader("share", lambda text: whole_share(text))
"""Gives a whole number."""


def on_wire(named: Mapping[str, int], had: AmountsView | None = None) -> AmountsView:
    """Return amounts as they are sent: those that are named, the others as they were."""
    generic = {} if had is None else dict(had["generic"])
    generic |= {name: milli for name, milli in named.items() if name not in ("cpu", "mem")}
    return {
        "cpu_milli": named.get("cpu", 0 if had is None else had["cpu_milli"]),
        "mem_bytes": named.get("mem", 0 if had is None else had["mem_bytes"]),
        "generic": {name: milli for name, milli in sorted(generic.items()) if milli},
    }


def lent_text(resource: str, lent: int) -> str:
    """Return an amount of one resource as people write it: ``2 cpus``, ``8 GB mem``, ``1 gpu``, ``share 3``."""
    sign = "-" if lent < 0 else ""
    if resource == "share":
        return f"share {lent}"
    if resource == "mem":
        return f"{sign}{size(abs(lent))} mem"
    unit = "cpu" if abs(lent) == 1000 else "cpus"
    return f"{sign}{amount(abs(lent))} {unit if resource == 'cpu' else resource}"


def amounts_text(amounts: AmountsView) -> str:
    """Return amounts as people write them, ``4 cpus, 8 GB, gpu=2``; nothing where all are zero."""
    parts = []
    if amounts["cpu_milli"]:
        parts.append(lent_text("cpu", amounts["cpu_milli"]))
    if amounts["mem_bytes"]:
        parts.append(size(amounts["mem_bytes"]))
    return ", ".join([*parts, *(f"{name}={amount(milli)}" for name, milli in sorted(amounts["generic"].items()))])
