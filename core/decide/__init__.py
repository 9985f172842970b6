"""``decide``: the only judge. A command on a state gives events, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from .. import limits
from ..commands import (
    ChangePlaces,
    Command,
    CreditCommand,
    DomainCommand,
    KeepCalls,
    LeaseUnits,
    NoteRepair,
    SetRules,
    WorkerCommand,
)
from ..credit.karma import KARMA
from ..errors import Reason, Refused
from ..events import Event, JobEnded, LogRepaired
from ..state import NO_CREDIT, State
from . import checks
from .calls import decide_calls
from .credit import decide_credit
from .dependants import with_dependants
from .domains import decide_domains
from .jobs import JOB_JUDGES
from .karma_grants import with_karma
from .leases import LEASE_JUDGES
from .nice import with_purses
from .overdue import with_repayments
from .places import decide_places
from .rules import decide_rules
from .workers import decide_workers


def decide(state: State, command: Command, earliest_us: int = 0) -> tuple[Event, ...]:
    """Return the events that ``command`` causes; none means that it is so already (an idempotent retry).

    Time never runs back: a command that is dated before the state, or before ``earliest_us``, counts as of then.

    Args:
        state: What it is decided on.
        command: What somebody wants.
        earliest_us: What time it is at least, microseconds: passes without an event do not move the state's time.

    Raises:
        Refused: With a reason and a sentence; nothing has happened then.
    """
    at_us = command.at_us
    if earliest_us < state.at_us:
        earliest_us = state.at_us
    if type(at_us) is not int or not earliest_us <= at_us <= limits.TIME_MAX_US:
        checks.whole(at_us, "at_us", 0, limits.TIME_MAX_US)
        at_us = earliest_us
    kind, ledger = type(command), state.ledger
    events = _JUDGES[kind](state, command, at_us)
    if ledger is NO_CREDIT and state.rules.pool != KARMA and kind is not SetRules:  # nothing of credit follows
        return with_dependants(state, events, at_us) if state.jobs.dependants else events
    if state.rules.pool == KARMA or ledger.karma.standings or (type(command) is SetRules and command.pool == KARMA):
        events = with_karma(state, events, at_us)
    if state.jobs.dependants:
        events = with_dependants(state, events, at_us)
    if kind is not LeaseUnits and not _ENDS.isdisjoint(map(type, events)) and (ledger.of_job or ledger.sold):
        events = with_purses(state, events, at_us)
    return with_repayments(state, events, at_us) if ledger.overdue else events


def _note_repair(_: State, command: NoteRepair, at_us: int) -> tuple[Event, ...]:
    checks.whole(command.lost_first_seq, "lost_first_seq", 1, limits.TIME_MAX_US)
    checks.whole(command.lost_last_seq, "lost_last_seq", 1, limits.TIME_MAX_US)
    if command.lost_last_seq < command.lost_first_seq:
        raise Refused(Reason.OUT_OF_RANGE, "lost_last_seq must not be below lost_first_seq.")
    return (LogRepaired(at_us, command.lost_first_seq, command.lost_last_seq),)


_ENDS = frozenset((JobEnded,))

# A table, as in meted.core.reducers; it has every command, as a test sees to.
_JUDGES: dict[type[Command], Callable[[State, Any, int], tuple[Event, ...]]] = {
    **LEASE_JUDGES,
    **JOB_JUDGES,
    **dict.fromkeys(get_args(WorkerCommand), decide_workers),
    **dict.fromkeys(get_args(DomainCommand), decide_domains),
    **dict.fromkeys(get_args(CreditCommand), decide_credit),
    ChangePlaces: decide_places,
    SetRules: decide_rules,
    KeepCalls: decide_calls,
    NoteRepair: _note_repair,
}
