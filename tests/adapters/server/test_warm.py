"""What a server makes before anybody waits for it."""

from __future__ import annotations

import pytest

from meted.adapters.recovery import live_policy
from meted.adapters.server.warm import warm_up
from meted.core import usage


@pytest.mark.parametrize("name", ["fcfs", "easy", "meted"])
def test_a_unit_is_meted_out_under_every_policy(name: str) -> None:
    warm_up(live_policy(name))


def test_the_logarithms_are_made() -> None:
    usage._logarithms.cache_clear()
    warm_up(live_policy("meted"))
    assert usage._logarithms.cache_info().currsize == 1
