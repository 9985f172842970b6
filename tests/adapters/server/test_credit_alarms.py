"""Alarms of credit: to subscribers as they are raised and cleared, and to whoever asks, in words that help."""

from __future__ import annotations

import trio
import trio.testing

from meted.adapters.credit_alarms import alarm_views
from meted.adapters.server.subscriptions import Subscriptions
from meted.adapters.server.tables import Tables
from meted.core.events import CreditAlarmRaised, CreditWatched, Event
from meted.core.reducers import fold
from meted.core.state import State

from .stage import Stage, play

HOUR_US = 3_600_000_000


def raised(alarm: str, window: tuple[int, int, int, int, int, int]) -> State:
    events: tuple[Event, ...] = (CreditWatched(HOUR_US, 0, *window, 0, 0), CreditAlarmRaised(HOUR_US, alarm))
    return fold(State(), events)


def test_a_crash_says_what_to_do() -> None:
    crash, starvation = alarm_views(raised("crash", (12_500, 0, 0, 64, 60, 0)))
    assert (crash["raised"], crash["since_us"], starvation["raised"]) == (True, HOUR_US, False)
    assert crash["sentence"].startswith(
        "There is too much credit (crash): of 12.5 credits paid for priority of late, nothing"
    )
    assert "60 of 64 accounts looked at stand at their cap; grant less" in crash["sentence"]
    assert not starvation["sentence"]


def test_starvation_says_what_to_do() -> None:
    _, starvation = alarm_views(raised("starvation", (500, 20, 9, 0, 0, 7)))
    assert starvation["raised"]
    assert "9 jobs have lost bought points of late" in starvation["sentence"]
    assert "lower the price" in starvation["sentence"]


def test_a_subscriber_has_both_and_is_told_of_one_that_changes() -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        number = (await client.call("subscribe", table="alarms"))["subscription"]
        await trio.sleep(1)
        notes = [note.params for note in client.told if note.params.get("subscription") == number]
        assert [note["kind"] for note in notes] == ["header", "caught_up"]
        rows: list[dict[str, object]] = notes[0]["rows"]  # type: ignore[assignment]
        assert [(row["alarm"], row["raised"]) for row in rows] == [("crash", False), ("starvation", False)]
        assert [row["alarm"] for row in await client.call("credit.alarms")] == ["crash", "starvation"]

    play(scenario)


def test_what_is_raised_is_a_change_of_the_table() -> None:
    async def scenario() -> None:
        before, after = State(), raised("crash", (12_500, 0, 0, 64, 60, 0))
        states = [before]
        tables = Tables(lambda: states[-1], lambda _: 0, lambda _: 0)
        sent: list[dict[str, object]] = []
        follower = Subscriptions(sent.append)
        subscription = follower.add("alarms", None)
        subscription.begin(tables, None)
        follower.pump(lambda: False)
        tables.attach(follower, follower.tell)
        states.append(after)
        tables.follow((CreditWatched(HOUR_US, 0, 12_500, 0, 0, 64, 60, 0, 0, 0),), 1, before, after)
        tables.follow((CreditAlarmRaised(HOUR_US, "crash"),), 2, before, after)
        with trio.move_on_after(1):
            await tables.run()
        follower.pump(lambda: False)
        header, caught_up, changes = sent
        assert (header["kind"], caught_up["kind"], changes["kind"]) == ("header", "caught_up", "changes")
        assert changes["rows"] == [alarm_views(after)[0]]
        change = tables.since(0)
        assert change is not None
        assert change.alarms == ("crash",)

    trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))
