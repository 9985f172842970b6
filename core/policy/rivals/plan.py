"""A plan: what will be free on every worker, beside the leases there are and all places that were given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from ...ids import LeaseId, WorkerId
from ...limits import PLACE_END_MAX_US
from ...resources import Resources
from ..room import Room
from .profile import Layout, Profile


@attrs.frozen(slots=True)
class Place:
    """When and where the next run of a job starts at the latest; or what a lease holds until when.

    Attributes:
        start_us, end_us: From when until when it holds what it needs.
        need: That, packed.
        count: How many units it is.
        room: The worker.
    """

    start_us: int
    end_us: int
    need: int
    count: int
    room: Room


class Plan:
    """The workers that are planned for, each with what it will have free.

    Attributes:
        freed: The workers on which something has become free since everybody's place was last looked at; on no other
            can anybody have an earlier one. At first all of them.
    """

    def __init__(self, rooms: Iterable[Room], at_us: int, ends: Mapping[LeaseId, int]) -> None:
        """Note what runs.

        Args:
            rooms: The workers to plan for.
            at_us: From when on, microseconds.
            ends: When leases end in the plan, where that is another time than was estimated.
        """
        rooms = sorted(rooms, key=lambda room: room.worker_id)
        self._layout = layout = Layout(room.capacity for room in rooms)
        self._profiles: dict[WorkerId, Profile] = {}
        self._holds: dict[LeaseId, Place] = {}
        for room in rooms:
            whole = layout.pack(room.capacity)
            assert whole is not None, "the layout is made of what they have"
            self._profiles[room.worker_id] = Profile(whole, layout.guards, at_us)
            for ends_us, lease_id, held in room.ends:
                self.hold(lease_id, self.place(room, held, at_us, ends.get(lease_id, ends_us)))
        self._rows = {room.worker_id: (room, self._profiles[room.worker_id]) for room in rooms}
        self.freed = set(self._profiles)

    @property
    def workers(self) -> tuple[WorkerId, ...]:
        """The workers that are planned for, by id."""
        return tuple(self._profiles)

    def forget(self, now_us: int) -> None:
        """Drop what is over."""
        for profile in self._profiles.values():
            profile.forget(now_us)

    def place(self, room: Room, request: Resources, start_us: int, end_us: int, count: int = 1) -> Place:
        """Return a place of what can be there."""
        need = self._layout.pack(request)
        assert need is not None, "what is on a worker is made of what it has"
        return Place(start_us, end_us, need, count, room)

    def find(self, request: Resources, length_us: int, count: int, now_us: int) -> Place | None:
        """Return the earliest place from now on, or None if no worker that is there could ever hold it."""
        need = self._layout.pack(request)
        if need is None:
            return None
        best: Room | None = None
        best_us = PLACE_END_MAX_US - length_us + 1
        for room, profile in self._rows.values():
            if room.at < 0 or not profile.could_hold(need):
                continue
            start_us = profile.earliest(need, length_us, now_us)
            if start_us < best_us and room.outlives(start_us + length_us):
                best, best_us = room, start_us
                if start_us == now_us:
                    break
        return None if best is None else Place(best_us, best_us + length_us, need, count, best)

    def earlier(self, place: Place, now_us: int, among: Iterable[WorkerId]) -> Place | None:
        """Return the earliest place before one that is held, or None; only some workers, by id, are looked at."""
        need, length_us = place.need, place.end_us - place.start_us
        best: Room | None = None
        best_us = place.start_us
        for worker_id in among:
            room, profile = self._rows[worker_id]
            if room.at < 0 or not profile.could_hold(need):
                continue
            if room is place.room:
                start_us = profile.earlier(need, length_us, now_us, place.start_us)
            else:
                start_us = profile.earliest(need, length_us, now_us)
            if start_us is not None and start_us < best_us and room.outlives(start_us + length_us):
                best, best_us = room, start_us
        return None if best is None else Place(best_us, best_us + length_us, need, place.count, best)

    def take(self, place: Place) -> None:
        """A place is given."""
        self._profiles[place.room.worker_id].take(place.need, place.start_us, place.end_us)

    def give(self, place: Place) -> None:
        """A place is given up."""
        self._profiles[place.room.worker_id].give(place.need, place.start_us, place.end_us)
        self.freed.add(place.room.worker_id)

    def fits(self, room: Room, request: Resources, start_us: int, end_us: int) -> bool:
        """Whether something is free on a worker in all of a time that begins now."""
        need, profile = self._layout.pack(request), self._profiles.get(room.worker_id)
        if need is None or profile is None or not profile.could_hold(need):
            return False
        profile.forget(start_us)
        return profile.earliest(need, end_us - start_us, start_us) == start_us

    def hold(self, lease_id: LeaseId, place: Place) -> None:
        """A lease holds what nobody had a place for."""
        self.take(place)
        self._holds[lease_id] = place

    def take_over(self, lease_id: LeaseId, place: Place) -> None:
        """A lease holds what its job had its place for."""
        self._holds[lease_id] = place

    def end(self, lease_id: LeaseId, now_us: int) -> Place | None:
        """A lease has ended: what it would still have held is free; return that, unless it was none of the plan."""
        held = self._holds.pop(lease_id, None)
        if held is not None and held.end_us > now_us:
            self._profiles[held.room.worker_id].give(held.need, now_us, held.end_us)
            self.freed.add(held.room.worker_id)
        return held

    def knows_all_on(self, room: Room) -> bool:
        """Whether all that a worker runs is in the plan; what waited behind another lease is not."""
        return all(lease_id in self._holds for _, lease_id, _ in room.ends)

    def frees(self, now_us: int) -> list[tuple[WorkerId, list[tuple[int, int]]]]:
        """Return what will be free on every worker from now on, and from when on, for comparison."""
        self.forget(now_us)
        shown = []
        for worker_id, profile in self._profiles.items():
            shown.append((worker_id, list(zip([now_us, *profile.times[1:]], profile.frees, strict=True))))
        return shown
