"""Folding a log: events per second of process CPU, from records in memory and from the bytes of batches."""

from __future__ import annotations

import time
from collections.abc import Iterator

from engine import START_US, pool
from harness import arguments, show

from meted.adapters.log import Log
from meted.adapters.recovery import take_snapshot
from meted.core.commands import FinishUnits, SubmitJob
from meted.core.effects import RunUnits
from meted.core.engine import Engine, Sealed
from meted.core.events import Event
from meted.core.reducers.log import LogFold
from meted.core.schema import decode_events
from meted.core.state import State

JOBS_A_BATCH = 1_000

Step = tuple[Engine, Sealed]


def steps(units: int) -> Iterator[Step]:
    """Submit jobs of ten units each, lease and finish them one by one, and yield the engine with each sealed batch.

    Everything is submitted before anything is leased, so that all jobs are there at once.
    """
    engine = pool("meted", 100, 50, 16)
    at_us, done, submitted = START_US, 0, 0
    while done < units:
        at_us += 1_000
        if submitted * 10 < units:
            for _ in range(min(units // 10 - submitted, JOBS_A_BATCH)):
                engine.handle(SubmitJob(at_us, f"d{submitted % 100}", count=10, time_request_us=100_000))
                submitted += 1
        else:
            engine.run_pass(at_us)
        sealed = engine.seal()
        assert sealed is not None
        yield engine, sealed
        for effect in engine.publish(sealed):
            if isinstance(effect, RunUnits):
                span = ((effect.first, effect.count),)
                engine.handle(FinishUnits(at_us, effect.worker_id, effect.lease_id, span, (90_000,) * effect.count))
                done += effect.count


def record(units: int) -> list[tuple[bytes, tuple[Event, ...]]]:
    """Return the batches of a run in memory."""
    return [(sealed.batch.body, sealed.events) for _, sealed in steps(units)]


def record_into(log: Log, units: int) -> None:
    """Write the batches of a run to a log, with a snapshot at the end."""
    engine = None
    for engine, sealed in steps(units):  # noqa: B007 - the last one is wanted
        log.append(sealed.batch)
    assert engine is not None
    final = engine.seal()
    if final is not None:
        log.append(final.batch)
        engine.publish(final)
    take_snapshot(log, engine)


def main() -> None:
    """Record, fold twice, and print both rates."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--units", type=int, default=100_000)
    options = parser.parse_args()
    batches = record(options.units)
    events = sum(len(items) for _, items in batches)

    began = time.process_time()
    folding = LogFold(State())
    for _, items in batches:
        folding.add(items)
    state = folding.finish()
    folded_s = time.process_time() - began

    began = time.process_time()
    folding = LogFold(State())
    for body, _ in batches:
        folding.add(decode_events(body))
    again = folding.finish()
    decoded_s = time.process_time() - began
    assert again == state

    row = {
        "events": events,
        "events_per_s": round(events / folded_s),
        "decode_events_per_s": round(events / decoded_s),
    }
    show("fold", [row], options.json)


if __name__ == "__main__":
    main()
