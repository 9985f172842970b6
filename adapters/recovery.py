"""From a log to an engine, and from an engine to a snapshot: what every shell does when it starts and while it runs.

So the list of jobs, and all else, is after a crash what the log says (rows P17, N38).
"""

from __future__ import annotations

from meted.core.batch import GENESIS
from meted.core.commands import NoteRepair
from meted.core.engine import Engine
from meted.core.errors import SchemaError
from meted.core.policy.base import Policy, SimulationOnly
from meted.core.policy.meted import Meted
from meted.core.policy.registry import POLICIES
from meted.core.record import record
from meted.core.reducers.log import LogFold
from meted.core.schema import SNAPSHOT_VERSION, decode_events, decode_state
from meted.core.state import State
from meted.core.state_bytes import encode_state

from .collector_pause import collector_paused
from .log import Log, Snapshot
from .log.recovery import start_point, tail
from .log.verify import Progress


class UnknownPolicy(Exception):
    """There is no policy of that name, or it may not run live; ``str(error)`` says which there are."""


@record
class Recovered:
    """What a log says.

    Attributes:
        state: The state after its last event.
        chain: The chain value of its last batch.
        snapshot_seq: Position of the snapshot that it was read from, 0 if from the very start.
    """

    state: State
    chain: bytes
    snapshot_seq: int


def live_policy(policy: str | Policy) -> Policy:
    """Return the policy of that name, or the one given.

    Raises:
        UnknownPolicy: There is none of that name, or it may only be simulated: it computes with floats, or remembers
            more than the state.
    """
    if isinstance(policy, str):
        if policy not in POLICIES:
            raise UnknownPolicy(f"There is no policy {policy!r}; choose one of {', '.join(sorted(POLICIES))}.")
        policy = POLICIES[policy]()
    if isinstance(policy, SimulationOnly):
        raise UnknownPolicy(
            f"The policy {policy.name!r} computes with floats, or would forget at a restart what no log says; so it "
            "can only be simulated."
        )
    return policy


def read_state(log: Log, *, from_snapshot: bool = True, progress: Progress | None = None) -> Recovered:
    """Fold a log into the state that it stands for: the newest good snapshot, then every event after it.

    Every batch that is read is checked against the chain. What lies before the snapshot is not read, so damage there
    costs nothing. Snapshots of another version of this program are passed over, as the log has everything.

    Args:
        log: Where to read.
        from_snapshot: False folds the whole log, which gives an equal state by another way.
        progress: Is told how many of the events after the snapshot have been read, and how many there are.

    Raises:
        LogDamaged: The log is not what was written; nothing was changed.
        SchemaError: It holds an event that this program does not know; nothing was changed.
    """
    with collector_paused():  # millions of objects are made, and no cycle
        snapshot = start_point(log)[0] if from_snapshot else None
        state = decoded(snapshot)
        if snapshot is None or state is None:
            snapshot, state, chain, snapshot_seq = None, State(), GENESIS, 0
        else:
            chain, snapshot_seq = snapshot.chain, snapshot.seq
        folding = LogFold(state)
        for batch in tail(log, snapshot):
            folding.add(decode_events(batch.body))
            chain = batch.chain
            if progress is not None:
                progress(batch.last_seq - snapshot_seq, log.head.seq - snapshot_seq)
        return Recovered(folding.finish(), chain, snapshot_seq)


def take_snapshot(log: Log, engine: Engine) -> Snapshot:
    """Keep a snapshot of the committed state and return it.

    Raises:
        LogError: It could not be kept. The log is as it was, and nothing is lost.
    """
    state, head = engine.committed, log.head
    assert head.seq == state.seq, "a snapshot is taken of a state that the log ends with"
    snapshot = Snapshot(head.seq, head.at_us, head.chain, SNAPSHOT_VERSION, encode_state(state))
    log.save_snapshot(snapshot)
    return snapshot


def note_repair(log: Log, lost_first_seq: int, lost_last_seq: int, at_us: int) -> int:
    """Append the event that a damaged range was set aside, so that the ids which it gave are never given again.

    Args:
        log: The repaired log, open for writing.
        lost_first_seq: Position of the first event that was lost.
        lost_last_seq: Position of the last event that was lost.
        at_us: The time of the repair, microseconds.

    Returns:
        The position of the event.

    Raises:
        LogError: It could not be written; try again.
        Refused: The range makes no sense.
    """
    found = read_state(log)
    engine = Engine(Meted(), found.state, found.chain)
    engine.handle(NoteRepair(at_us, lost_first_seq, lost_last_seq))
    sealed = engine.seal()
    assert sealed is not None, "a repair is an event"
    seq = log.append(sealed.batch)
    engine.publish(sealed)
    return seq


def decoded(snapshot: Snapshot | None) -> State | None:
    """Return the state in a snapshot, or None where this program does not understand it: the log has everything."""
    if snapshot is None or snapshot.schema != SNAPSHOT_VERSION:
        return None
    try:
        state = decode_state(snapshot.body)
    except SchemaError:
        return None
    return state if state.seq == snapshot.seq else None
