"""What an executor lacks, told where it matters (row G08): its worker has a label for it, and keeps from it what it
could not hold to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from meted.core.spec import Spec

from .contract import FEATURES, LIMITS, UnitEnd
from .ends import not_started
from .options import OptionsError, read_options

EXECUTOR = "executor"
"""Label of a worker: by which name its executor was asked for; a worker without it runs units as processes."""

LACKS = "lacks"
"""Label of a worker: the verbs that its executor lacks, with commas between; a worker without it has them all."""

Labels = Iterable[tuple[str, str]]


def label_lacking(labels: Labels, features: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return a worker's labels so that they say truly what its executor lacks.

    Args:
        labels: (name, value) pairs that it has.
        features: What its executor has.
    """
    lacking = ",".join(sorted(FEATURES.difference(features)))
    others = (pair for pair in labels if pair[0] != LACKS)
    return tuple(sorted((*others, (LACKS, lacking)) if lacking else others))


def lacks(labels: Labels, verb: str) -> bool:
    """Whether a worker with these labels has an executor without this verb."""
    return verb in dict(labels).get(LACKS, "").split(",")


def executor_of(labels: Labels) -> str:
    """Return what to call the executor of a worker with these labels."""
    name = dict(labels).get(EXECUTOR)
    return f'the executor "{name}"' if name else "the executor"


def unheld_limits(spec: Spec, features: Collection[str], labels: Labels) -> UnitEnd | None:
    """Return the end of a unit that its job's limits keep from an executor which cannot hold it to them, else None.

    Args:
        spec: What the unit runs; of what is no command the payload is its program's own matter, and has no limits.
        features: What the executor has.
        labels: Those of its worker.
    """
    if LIMITS in features or not spec.argv:
        return None
    limits: Mapping[str, int] = {}
    with suppress(OptionsError):  # whoever runs it says what is wrong with it
        limits = dict(read_options(spec.payload).limits)
    if not limits:
        return None
    return not_started(
        f"{executor_of(labels)} of the worker cannot hold a unit to limits ({', '.join(limits)}): submit the job "
        "without them, or drain the worker and have the job run where units are processes"
    )
