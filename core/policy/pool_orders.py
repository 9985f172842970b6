"""The orders of the pool by name; ``meted rules set --pool`` chooses among them."""

from __future__ import annotations

from ..credit.karma import KARMA
from ..domains.state import TOP
from ..ids import DomainId
from ..state import State
from .pool_karma import karma_key
from .pool_key import PoolKey, decay_key, fifo_key

DECAY = "decay"

POOL_KEYS: dict[str, PoolKey] = {DECAY: decay_key, "fifo": fifo_key, KARMA: karma_key}


def goes_by_priority(state: State, parent_id: DomainId) -> bool:
    """Whether priority counts in the pool among the domains inside one: under karma not at the top."""
    return state.rules.pool == DECAY or (state.rules.pool == KARMA and parent_id != TOP)
