"""How a time ahead is said."""

from __future__ import annotations

import pytest

from meted.adapters.cli.eta import SECOND_US, ahead


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "in a few seconds"), (9, "in a few seconds"), (40, "in about 40 s"), (1_200, "in about 20 min")],
)
def test_a_time_ahead(seconds: int, said: str) -> None:
    assert ahead(seconds * SECOND_US) == said
