"""From a log to an engine, and from an engine to a snapshot: what every shell does when it starts and while it runs.

So the list of jobs, and all else, is after a crash what the log says (rows P17, N38).
"""

from __future__ import annotations

from collections.abc import Callable

from meted.core.batch import GENESIS
from meted.core.commands import NoteRepair
from meted.core.engine import Engine
from meted.core.errors import SchemaError
from meted.core.policy.base import Policy
from meted.core.policy.memory import Following, Memory, Remembering
from meted.core.policy.meted import Meted
from meted.core.record import record
from meted.core.reducers.log import LogFold
from meted.core.schema import decode_events
from meted.core.snapshots import VERSIONS, decode_snapshot, encode_snapshot, snapshot_version
from meted.core.state import State

from .collector_pause import collector_paused
from .log import Log, LogDamaged, Snapshot
from .log.recovery import start_point, tail
from .log.verify import Progress
from .wording import counted


@record
class Recovered:
    """What a log says.

    Attributes:
        state: The state after its last event.
        chain: The chain value of its last batch.
        snapshot_seq: Position of the snapshot that it was read from, 0 if from the very start.
        memory: What the policy remembers there, or None (:mod:`meted.core.policy.memory`).
        damage: Why it goes no further than that although the log does, or None where this is all of it.
    """

    state: State
    chain: bytes
    snapshot_seq: int
    memory: Memory | None = None
    damage: LogDamaged | None = None


@record
class _Start:
    """A snapshot as far as it is understood, or the very start of a log."""

    snapshot: Snapshot | None
    state: State
    memory: Memory | None


_BEGINNING = _Start(None, State(), None)


def read_state(
    log: Log,
    policy: Policy | None = None,
    *,
    from_snapshot: bool = True,
    to_damage: bool = False,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Recovered:
    """Fold a log into the state that it stands for: the newest good snapshot, then every event after it.

    Every batch that is read is checked against the chain. What lies before the snapshot is not read, so damage there
    costs nothing. Snapshots of another version of this program are passed over, as the log has everything.

    A policy that remembers something has it from the snapshot, and from the events after that. Where another policy
    made the snapshot, the whole log is read. If that cannot be, as there is damage before the snapshot, the policy
    begins anew there, which every other restart from this snapshot comes to as well.

    Args:
        log: Where to read.
        policy: Who is next; None where nobody is going to ask.
        from_snapshot: False folds the whole log, which gives an equal state by another way.
        to_damage: Of a log that is damaged where no snapshot helps, return what is good, up to the damage; it may be
            looked at, and nothing may follow it.
        progress: Is told how many of the events after the snapshot have been read, and how many there are.
        tell: Told in a sentence what takes longer than it might, or what a policy cannot know.

    Raises:
        LogDamaged: The log is not what was written, and ``to_damage`` is false; nothing was changed.
        SchemaError: It holds an event that this program does not know; nothing was changed.
    """
    with collector_paused():  # millions of objects are made, and no cycle
        start = _start(log, policy) if from_snapshot else _BEGINNING
        if not isinstance(policy, Remembering) or start.snapshot is None or start.memory is not None:
            return _folded(log, start, policy, progress, to_damage)
        tell(
            f"The policy {policy.name!r} goes by more than the last snapshot holds, as that was made under another: "
            f"the whole log is read, {counted(log.head.seq, 'event')}."
        )
        try:
            return _folded(log, _BEGINNING, policy, progress)
        except LogDamaged:
            found = _folded(log, start, policy, progress, to_damage)
            if found.damage is None:  # else nobody is going to be served by it
                tell(
                    f"The log is damaged before its last snapshot, at event {start.state.seq:,}; so the policy "
                    f"{policy.name!r} knows nothing of what was before that."
                )
            return found


def take_snapshot(log: Log, engine: Engine) -> Snapshot:
    """Keep a snapshot of the committed state and return it.

    Raises:
        LogError: It could not be kept. The log is as it was, and nothing is lost.
    """
    state, memory, head = engine.committed, engine.committed_memory, log.head
    assert head.seq == state.seq, "a snapshot is taken of a state that the log ends with"
    body = encode_snapshot(state, engine.policy, memory)
    snapshot = Snapshot(head.seq, head.at_us, head.chain, snapshot_version(memory), body)
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
    found = _understood(snapshot, None)
    return None if found.snapshot is None else found.state


def _start(log: Log, policy: Policy | None) -> _Start:
    """Return where recovery starts under a policy."""
    return _understood(start_point(log)[0], policy)


def _understood(snapshot: Snapshot | None, policy: Policy | None) -> _Start:
    if snapshot is None or snapshot.schema not in VERSIONS:
        return _BEGINNING
    try:
        state, memory = decode_snapshot(snapshot.body, policy)
    except SchemaError:
        return _BEGINNING
    return _Start(snapshot, state, memory) if state.seq == snapshot.seq else _BEGINNING


def _folded(
    log: Log, start: _Start, policy: Policy | None, progress: Progress | None, to_damage: bool = False
) -> Recovered:
    """Fold what comes after a start, and with it what a policy remembers."""
    snapshot = start.snapshot
    folding: LogFold | Following = LogFold(start.state)
    if isinstance(policy, Remembering):
        folding = Following(policy, start.state, start.memory)
    chain, seq = (GENESIS, 0) if snapshot is None else (snapshot.chain, snapshot.seq)
    damage: LogDamaged | None = None
    try:
        for batch in tail(log, snapshot):
            folding.add(decode_events(batch.body))
            chain = batch.chain
            if progress is not None:
                progress(batch.last_seq - seq, log.head.seq - seq)
    except LogDamaged as error:
        if not to_damage:
            raise
        damage = error
    state, memory = folding.finish(), folding.memory if isinstance(folding, Following) else None
    return Recovered(state, chain, seq, memory, damage)
