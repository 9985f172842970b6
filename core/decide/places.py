"""Places in time that a policy gives, moves or takes back; it is trusted with nothing, so each is looked at."""

from __future__ import annotations

from .. import limits
from ..commands import ChangePlaces
from ..errors import Reason, Refused
from ..events import Event, PlacesChanged
from ..ids import JobId
from ..jobs.places import ANEW, CHANGES
from ..state import State
from . import checks
from .jobs import find_job
from .workers import find_worker

_FIELDS = 5


def decide_places(state: State, command: ChangePlaces, at_us: int) -> tuple[Event, ...]:
    """Judge a change of places."""
    if type(command.change) is not str or command.change not in CHANGES:
        raise Refused(Reason.OUT_OF_RANGE, f"change must be one of {', '.join(CHANGES)}.")
    named: set[JobId] = set()
    for place in checks.items(command.places, "places", limits.PLACES_CHANGED_MAX):
        _check_place(state, place, named)
    for job_id in checks.items(command.without, "without", limits.PLACES_CHANGED_MAX):
        _check_job(state, job_id, named)
    if not named and command.change != ANEW:
        return ()
    return (PlacesChanged(at_us, command.change, command.places, command.without),)


def _check_place(state: State, place: object, named: set[JobId]) -> None:
    if type(place) is not tuple or len(place) != _FIELDS:
        raise Refused(Reason.BAD_TYPE, "A place must be a job, a worker, a start, an end and a number of units.")
    job_id, worker_id, start_us, end_us, count = place
    _check_job(state, job_id, named)
    if type(worker_id) is not int or worker_id not in state.workers.workers:
        find_worker(state, worker_id)
    latest_us = limits.PLACE_END_MAX_US
    if type(start_us) is not int or type(end_us) is not int or not 0 <= start_us < end_us <= latest_us:
        checks.whole(start_us, "the start of a place", 0, latest_us)
        checks.whole(end_us, "the end of a place", 0, latest_us)
        raise Refused(Reason.OUT_OF_RANGE, "A place must end after its start.")
    if type(count) is not int or not 0 < count <= limits.RUN_UNITS_MAX:
        checks.whole(count, "the units of a place", 1, limits.RUN_UNITS_MAX)


def _check_job(state: State, job_id: object, named: set[JobId]) -> None:
    job = find_job(state, job_id)
    if job.outcome is not None or job.stopped is not None:
        raise Refused(Reason.JOB_ENDED, f"Job {job.job_id} has ended or was stopped; it needs no place.")
    if job.job_id in named:
        raise Refused(Reason.OUT_OF_RANGE, f"Job {job.job_id} is named twice; give it one place or none.")
    named.add(job.job_id)
