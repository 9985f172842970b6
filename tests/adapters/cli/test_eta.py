"""How a time ahead is said."""

from __future__ import annotations

import pytest

from meted.adapters.cli.eta import ahead, of_points
from meted.adapters.forecasts import JobForecastView, PointsView
from meted.core.limits import SECOND_US


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "in a few seconds"), (9, "in a few seconds"), (40, "in about 40 s"), (1_200, "in about 20 min")],
)
def test_a_time_ahead(seconds: int, said: str) -> None:
    assert ahead(seconds * SECOND_US) == said


def row(first_us: int | None, last_us: int | None, waiting: int = 5) -> JobForecastView:
    return {
        "job": 7,
        "waiting": waiting,
        "started": waiting,
        "first_us": first_us,
        "last_us": last_us,
        "ends_us": last_us,
        "estimate_us": SECOND_US,
        "basis": "requested",
        "reason": None,
    }


MINUTE_US = 60 * SECOND_US


@pytest.mark.parametrize(
    ("as_it_is", "raised", "cost_mc", "said"),
    [
        (
            row(80 * MINUTE_US, 80 * MINUTE_US, 1),
            (60 * MINUTE_US, 60 * MINUTE_US),
            3_400,
            "cost 3.4 credits and start it about 20 min earlier",
        ),
        (
            row(80 * MINUTE_US, 200 * MINUTE_US),
            (60 * MINUTE_US, 90 * MINUTE_US),
            1_000,
            "cost 1 credit and start it about 20 min earlier and start the last of it about 2 h earlier",
        ),
        (
            row(80 * MINUTE_US, 200 * MINUTE_US),
            (80 * MINUTE_US, 90 * MINUTE_US),
            1_000,
            "cost 1 credit and start the last of it about 2 h earlier",
        ),
        (
            row(80 * MINUTE_US, 80 * MINUTE_US),
            (79 * MINUTE_US + 55 * SECOND_US, 80 * MINUTE_US),
            5,
            "cost 0.005 credits and make no difference to when it starts",
        ),
        (
            row(80 * MINUTE_US, 80 * MINUTE_US),
            (90 * MINUTE_US, 80 * MINUTE_US),
            5,
            "cost 0.005 credits and start it about 10 min later",
        ),
        (
            row(None, None),
            (None, None),
            0,
            "cost no credit, as its domain pays for nothing, and make no difference, as far as is foreseen",
        ),
        (row(None, None), (0, 0), 5, "cost 0.005 credits and let it start at 1970"),
    ],
)
def test_what_a_point_brings(
    as_it_is: JobForecastView, raised: tuple[int | None, int | None], cost_mc: int, said: str
) -> None:
    view: PointsView = {"points": 1, "cost_mc": cost_mc, "first_us": raised[0], "last_us": raised[1], "ends_us": None}
    (sentence,) = of_points(as_it_is, view)
    assert sentence.startswith(f"One more point (+1) would {said}")
    assert sentence.endswith(".")


def test_nothing_is_said_of_points_that_cannot_be_had() -> None:
    assert of_points(row(0, 0), None) == []
