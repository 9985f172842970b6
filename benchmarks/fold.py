"""Folding a log: events per second of process CPU, from records in memory and from the bytes of batches."""

from __future__ import annotations

import time

from engine import START_US, pool
from harness import arguments, show
from meted.core.commands import FinishUnits, SubmitJob
from meted.core.effects import RunUnits
from meted.core.events import Event
from meted.core.reducers import fold
from meted.core.schema import decode_events
from meted.core.state import State


def record(units: int) -> list[tuple[bytes, tuple[Event, ...]]]:
    """Return the batches of jobs of ten units each, leased and finished one by one."""
    engine = pool("meted", 100, 50, 16)
    batches = []
    at_us, done, submitted = START_US, 0, 0
    while done < units:
        at_us += 1_000
        while submitted * 10 < min(units, done + 5_000):
            engine.handle(SubmitJob(at_us, f"d{submitted % 100}", count=10, time_request_us=100_000))
            submitted += 1
        engine.run_pass(at_us)
        sealed = engine.seal()
        assert sealed is not None
        batches.append((sealed.batch.body, sealed.events))
        for effect in engine.publish(sealed):
            if isinstance(effect, RunUnits):
                span = ((effect.first, effect.count),)
                engine.handle(FinishUnits(at_us, effect.worker_id, effect.lease_id, span, (90_000,) * effect.count))
                done += effect.count
    return batches


def main() -> None:
    """Record, fold twice, and print both rates."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--units", type=int, default=100_000)
    options = parser.parse_args()
    batches = record(options.units)
    events = sum(len(items) for _, items in batches)

    began = time.process_time()
    state = State()
    for _, items in batches:
        state = fold(state, items)
    folded_s = time.process_time() - began

    began = time.process_time()
    again = State()
    for body, _ in batches:
        again = fold(again, decode_events(body))
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
