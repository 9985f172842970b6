"""The parameters of fairness."""

from __future__ import annotations

from collections.abc import Iterator

from .. import limits
from ..commands import SetRules
from ..errors import Reason, Refused
from ..events import AccountReweighted, Event, RulesChanged, UsagesRescaled
from ..falling import clock_within, restarted
from ..state import Rules, State
from ..usage import amount_at, current, epoch_of, step_of
from . import checks

POOLS = ("decay", "fifo", "karma")
USAGES = ("all", "pool")


def decide_rules(state: State, command: SetRules, at_us: int) -> tuple[Event, ...]:
    """Judge a change of the parameters; what domains have used keeps its worth when the half-life changes."""
    checks.whole(command.alpha_milli, "alpha_milli", 1, 1000)
    checks.whole(command.half_life_us, "half_life_us", limits.HALF_LIFE_MIN_US, limits.TIME_MAX_US)
    checks.optional(command.aging_us, "aging_us", limits.HALF_LIFE_MIN_US, limits.TIME_MAX_US)
    for name, value, known in (("pool", command.pool, POOLS), ("usage", command.usage, USAGES)):
        if value not in known:
            raise Refused(Reason.OUT_OF_RANGE, f"{name} must be one of {', '.join(known)}.")
    checks.whole(command.start_mc, "start_mc", 0, limits.CREDIT_MAX_MC)
    rules = Rules(
        command.alpha_milli, command.half_life_us, command.aging_us, command.pool, command.usage, command.start_mc
    )
    if rules == state.rules:
        return ()
    changed = RulesChanged(
        at_us, rules.alpha_milli, rules.half_life_us, rules.aging_us, rules.pool, rules.usage, rules.start_mc
    )
    events: list[Event] = [changed, *_reweighted(state, rules.alpha_milli, at_us)]
    if rules.half_life_us == state.rules.half_life_us:
        return tuple(events)
    was, now = step_of(at_us, state.rules.half_life_us), step_of(at_us, rules.half_life_us)
    usages = tuple(
        (domain_id, amount_at(current(account.usage, account.epoch, was), 0, now), epoch_of(now))
        for domain_id, account in sorted(state.jobs.accounts.items())
    )
    return *events, UsagesRescaled(at_us, usages)


def _reweighted(state: State, alpha_milli: int, at_us: int) -> Iterator[AccountReweighted]:
    """Yield the tags with which what domains have had in advance, or are owed, stays as it is with another alpha."""
    old = state.rules.alpha_milli
    if alpha_milli == old:
        return
    for domain_id, account in sorted(state.jobs.accounts.items()):
        domain = state.domains.domains.get(domain_id)
        if domain is not None:
            clock = clock_within(state.jobs, domain.parent)
            tag = clock - (clock - account.tag) * old // alpha_milli
            start = restarted(state.jobs, domain_id, clock, tag, old, alpha_milli)
            yield AccountReweighted(at_us, domain_id, tag, start)
