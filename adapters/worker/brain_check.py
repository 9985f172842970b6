"""Whether a worker's mind makes sense: asked after every step of its tests, and whenever somebody is in doubt."""

from __future__ import annotations

from meted.core.resources import NOTHING, Resources

from .brain import Brain
from .held import HeldLease


def check(brain: Brain) -> None:
    """Assert all that must always be true of a mind.

    Raises:
        AssertionError: Something is not; the sentence says what.
    """
    for lease_id, lease in brain.leases.items():
        assert lease.given.lease_id == lease_id, f"lease {lease_id} is kept under its own number"
        _check_lease(brain, lease)
    _check_room(brain)
    waiting = [lease for lease in brain.leases.values() if lease in brain.waiting]
    assert len(waiting) == len(brain.waiting), "only leases that are held wait for room"
    kept = sum(len(end.result or b"") for lease in brain.leases.values() for end in lease.ends)
    assert kept == brain.kept_bytes, f"{brain.kept_bytes} bytes of results are counted, {kept} are kept"


def _check_lease(brain: Brain, lease: HeldLease) -> None:
    name = f"lease {lease.given.lease_id}"
    first, count = lease.given.first, lease.given.count
    marks = (first, lease.acked, lease.sent, lease.ended, lease.next, lease.stop, lease.end, first + count)
    assert list(marks) == sorted(marks), f"the marks of {name} are in order: {marks}"
    assert lease.acked < lease.end, f"{name} is forgotten when it is over"
    assert len(lease.ends) == lease.ended - lease.acked, f"{name} keeps how each unanswered unit ended"
    assert lease.next - lease.ended <= 1, f"the units of {name} run one after another"
    assert lease.is_placed or not lease.is_running, f"{name} holds room while a unit of it runs"
    paused = lease.given.lease_id in brain.paused
    places = (lease in brain.waiting, lease.is_placed)
    assert sum(places) == (lease.is_running or lease.next < lease.stop), f"{name} waits or holds room until all started"
    assert not paused or (lease.is_placed and not lease.is_running), f"{name} is paused between two units"
    assert not lease.is_placed or lease.is_running or paused, f"{name} holds room for something"
    assert not (lease.is_struck and not brain.is_quitting), f"{name} is struck only by a worker that quits"
    assert not (brain.is_draining and lease.next < lease.stop), f"{name} starts nothing more in a worker that leaves"
    if not brain.is_connected:
        assert not lease.is_returning, f"nothing of {name} is under way without a connection"
        assert lease.sent == lease.acked, f"nothing of {name} is under way without a connection"
    under_way = {
        (lease.given.lease_id, True): lease.sent > lease.acked,
        (lease.given.lease_id, False): lease.is_returning,
    }
    for call, is_out in under_way.items():
        assert (call in brain.calls) == is_out, f"an answer for {name} is awaited if something was said of it"


def _check_room(brain: Brain) -> None:
    used: Resources = NOTHING
    for lease in brain.leases.values():
        if lease.is_placed:
            used = used.plus(lease.given.request)
    for request in brain.ghosts.values():
        used = used.plus(request)
    assert used.fits(brain.capacity), "nothing runs beyond the capacity"
    assert brain.room == brain.capacity.minus(used), "the room is what nothing holds"
