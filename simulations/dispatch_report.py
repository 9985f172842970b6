"""What came out when the passes of a log were made again: counts, and the first differences in a few words."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from meted.core.events import Event, PlacesChanged, ReservationEnded, UnitsLeased, WorkerReserved
from meted.core.record import record


@record
class Difference:
    """A pass that is decided otherwise than it was recorded.

    Attributes:
        seq: Position of the first event of its batch.
        at_us: When it was.
        place: How many of its decisions are equal before the first that is not.
        recorded: What the log has there, in a few words; "nothing" where it ends.
        decided: What the policy decides there instead.
    """

    seq: int
    at_us: int
    place: int
    recorded: str
    decided: str


@attrs.define
class DispatchReport:
    """How the passes of a log compare.

    Attributes:
        policy: Who was asked.
        events, batches: In the log.
        served: Whether a server wrote it, which makes a pass in every batch.
        passes: Made again.
        leases, units: Recorded in them.
        prefetched: Leases of these that waited behind another.
        lost_workers, loans: How often there was such a thing in the log.
        equal: Passes with exactly the recorded decisions, in their order, by an index that was kept.
        anew: Passes that are equal only by an index built anew: at a restart, or after a batch that was not written.
        different: Passes that are not equal.
        differences: The first of these.
    """

    policy: str
    events: int = 0
    batches: int = 0
    served: bool = True
    passes: int = 0
    leases: int = 0
    units: int = 0
    prefetched: int = 0
    lost_workers: int = 0
    loans: int = 0
    equal: int = 0
    anew: int = 0
    different: int = 0
    differences: list[Difference] = attrs.Factory(list)

    @property
    def same(self) -> bool:
        """Whether the whole log is decided as it stands."""
        return not self.different


def difference_of(recorded: Sequence[Event], decided: Sequence[Event], seq: int, at_us: int) -> Difference:
    """Return the first difference of two passes that are not equal."""
    both = min(len(recorded), len(decided))
    place = next((place for place in range(both) if recorded[place] != decided[place]), both)
    told = _told(decided, place)
    if told == _told(recorded, place):
        told = f"the same with other figures: {_figures(recorded[place], decided[place])}"
    return Difference(seq, at_us, place, _told(recorded, place), told)


def _told(events: Sequence[Event], place: int) -> str:
    if place >= len(events):
        return "nothing"
    match events[place]:
        case UnitsLeased() as lease:
            units = (
                f"unit {lease.first}" if lease.count == 1 else f"units {lease.first}-{lease.first + lease.count - 1}"
            )
            behind = f" behind lease {lease.behind}" if lease.behind else ""
            return f"{units} of job {lease.job_id} to worker {lease.worker_id}{behind}"
        case WorkerReserved() as kept:
            return f"worker {kept.worker_id} kept free for job {kept.job_id}"
        case ReservationEnded() as ended:
            return f"worker {ended.worker_id} no longer kept free"
        case PlacesChanged() as changed:
            return f"places of {len(changed.places)} jobs ({changed.change}), {len(changed.without)} without"
        case other:
            return other.tag


def _figures(recorded: Event, decided: Event) -> str:
    names = (field.name for field in attrs.fields(type(recorded)))
    pairs = ((name, getattr(recorded, name), getattr(decided, name)) for name in names)
    return ", ".join(f"{name} {was} recorded, {now} decided" for name, was, now in pairs if was != now)
