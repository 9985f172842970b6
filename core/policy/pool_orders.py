"""The orders of the pool by name; ``meted rules set --pool`` chooses among them."""

from __future__ import annotations

from ..credit.karma import KARMA
from .pool_karma import karma_key
from .pool_key import PoolKey, decay_key, fifo_key

POOL_KEYS: dict[str, PoolKey] = {"decay": decay_key, "fifo": fifo_key, KARMA: karma_key}
