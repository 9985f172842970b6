"""The fair-share term of Maui and Moab: windows of usage, and targets that may be floors or ceilings.

Adaptive Computing, "Moab Workload Manager", fairshare. Usage is kept in windows (``FSINTERVAL``); the last ``FSDEPTH``
of them count, each earlier one ``FSDECAY`` times as much as the next. What a credential (user, group, account, QOS)
used is a percentage of what all used in the same windows. Each credential with a target adds to the priority of a job
FSWEIGHT * its weight * (target - usage). A target may count only on one side: a floor (``10+``) below it, a ceiling
(``10-``) above it.

*Quirk*: usage is a part of what was *used*, not of what there is; on an empty machine the only user is far above any
target.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Literal

import attrs

Side = Literal["target", "floor", "ceiling"]


@attrs.frozen
class Credential:
    """One of the credentials of a job.

    Attributes:
        weight: Of this kind of credential (``FSUSERWEIGHT`` and the like).
        usage: Per cent of all usage.
        target: Per cent that it should be, or None.
        side: Whether it counts both ways, or only below (``floor``) or above (``ceiling``) the target.
    """

    weight: int
    usage: Fraction | int
    target: Fraction | int | None
    side: Side = "target"


def windowed_usage(own: Sequence[int], total: Sequence[int], decay: Fraction) -> Fraction:
    """Return what a credential used, in per cent of all: in each window, the current one first.

    Args:
        own: What it used in each window.
        total: What all used in each, as many.
        decay: By which each earlier window counts less, 0 to 1.
    """
    weights = [decay**at for at in range(len(total))]
    whole = sum((weight * used for weight, used in zip(weights, total, strict=True)), Fraction(0))
    mine = sum((weight * used for weight, used in zip(weights, own, strict=True)), Fraction(0))
    return 100 * mine / whole if whole else Fraction(0)


def fair_share_term(credentials: Iterable[Credential], weight: int) -> Fraction:
    """Return what fair share adds to the priority of a job; ``weight`` is ``FSWEIGHT``."""
    return weight * sum((one.weight * _difference(one) for one in credentials), Fraction(0))


def _difference(one: Credential) -> Fraction:
    if one.target is None:
        return Fraction(0)
    difference = Fraction(one.target) - one.usage
    if one.side == "floor":
        return max(Fraction(0), difference)
    return min(Fraction(0), difference) if one.side == "ceiling" else difference
