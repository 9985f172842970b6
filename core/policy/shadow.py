"""Shadow times: when a request should fit a worker, and what may start there before without delaying it.

This is the reservation of EASY backfilling (Lifka, "The ANL/IBM SP scheduling system", JSSPP 1995; Mu'alem and
Feitelson, IEEE TPDS 12(6), 2001), worker by worker and over several resources.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..resources import Resources
from .room import Room


class Shadow:
    """A place kept for one unit: on ``room`` from ``at_us`` on, when ``extra`` will be free beside it."""

    __slots__ = ("at_us", "extra", "room")

    def __init__(self, room: Room, at_us: int, request: Resources) -> None:
        self.room = room
        self.at_us = at_us
        self.extra = extra = room.free.copy()
        cpu_milli, mem_bytes = extra.cpu_milli, extra.mem_bytes
        for ends_us, _, held in room.ends:
            if ends_us > at_us:
                break
            cpu_milli += held.cpu_milli
            mem_bytes += held.mem_bytes
            if held.generic:
                extra.give(Resources(generic=held.generic))
        extra.cpu_milli, extra.mem_bytes = cpu_milli, mem_bytes
        extra.take(request)

    def admits(self, request: Resources, ends_us: int) -> bool:
        """Whether what fits the worker now does not delay the reservation: it ends by then, or fits beside."""
        return ends_us <= self.at_us or self.extra.fits(request)

    def admit(self, request: Resources, ends_us: int) -> None:
        """Note that it was started there."""
        if ends_us > self.at_us:
            self.extra.take(request)


def earliest(rooms: Iterable[Room], request: Resources, now_us: int, estimate_us: int) -> Shadow | None:
    """Return the earliest place for ``request``, by the estimated ends of what runs; ties go to the lower worker id.

    A lease that has overrun its estimate counts as ending now. None if no worker could ever hold it.
    """
    best: tuple[int, Room] | None = None
    for room in rooms:
        if not request.fits(room.capacity):
            continue
        at_us = _fits_us(room, request, now_us)
        if room.outlives(at_us + estimate_us) and (best is None or at_us < best[0]):
            best = at_us, room
    return Shadow(best[1], best[0], request) if best is not None else None


def _fits_us(room: Room, request: Resources, now_us: int) -> int:
    if room.free.fits(request):
        return now_us
    free = room.free
    cpu_milli, mem_bytes = request.cpu_milli - free.cpu_milli, request.mem_bytes - free.mem_bytes
    short = {name: amount - free.generic.get(name, 0) for name, amount in request.generic}
    for ends_us, _, held in room.ends:
        cpu_milli -= held.cpu_milli
        mem_bytes -= held.mem_bytes
        if short:
            for name, amount in held.generic:
                if name in short:
                    short[name] -= amount
        if cpu_milli <= 0 and mem_bytes <= 0 and (not short or max(short.values()) <= 0):
            return max(ends_us, now_us)
    raise AssertionError("a worker that has ended everything holds its whole capacity")
