"""Room that stays empty while a lease has much to do gets half of it, by way of the server."""

from __future__ import annotations

from meted.adapters.executors.contract import UnitEnd
from meted.adapters.worker import stimuli as s
from meted.adapters.worker.brain import Brain
from meted.adapters.worker.brain_check import check
from meted.adapters.worker.spare import EMPTY_US, LEFT_MIN_US, PAUSE_MAX_US
from meted.core.resources import Resources

LONG_US = 10 * LEFT_MIN_US


class Told:
    """A mind with room for two units, and checked after all that it is told."""

    def __init__(self) -> None:
        self.brain = Brain(Resources(2_000))
        self(s.Connected(0))

    def __call__(self, stimulus: s.Stimulus) -> list[s.Instruction]:
        instructions = self.brain.handle(stimulus)
        check(self.brain)
        return instructions

    def give(self, now_us: int, *leases: s.LeaseGiven) -> None:
        self(s.LeasesCame(now_us, leases))

    def returned(self, now_us: int) -> list[tuple[int, tuple[int, int]]]:
        """Let time pass, and return what is given back then."""
        said = self(s.TimerFired(now_us))
        return [(one.lease_id, one.units) for one in said if isinstance(one, s.GiveBack)]


def lease(number: int, count: int, cpu_milli: int = 1_000) -> s.LeaseGiven:
    return s.LeaseGiven(number, 1, 0, count, 1, Resources(cpu_milli))


def test_empty_room_gets_half_of_what_is_left_and_again_half_of_that() -> None:
    told = Told()
    told.give(0, lease(1, 11))
    assert told.brain.wake_at_us == EMPTY_US
    assert told.returned(EMPTY_US - 1) == []
    assert told.returned(EMPTY_US) == [(1, (6, 5))], "one runs, ten are left, and the server has five of them"
    assert told.returned(2 * EMPTY_US) == [], "they are on their way"
    told(s.GaveBack(2 * EMPTY_US, 1))
    assert told.brain.held() == ((1, ((0, 6),)),)
    assert told.returned(5 * EMPTY_US) == [(1, (3, 3))]


def test_what_came_back_from_the_server_fills_the_room() -> None:
    told = Told()
    told.give(0, lease(1, 11))
    assert told.returned(EMPTY_US)
    told(s.GaveBack(EMPTY_US, 1))
    told.give(EMPTY_US, lease(2, 5))
    assert told.brain.wake_at_us is None
    assert told.returned(LONG_US) == []


def test_a_lease_is_left_alone_that_is_nearly_done_or_could_not_use_the_room() -> None:
    told = Told()
    told.give(0, lease(1, 100))
    for index in range(99):
        told(s.UnitEnded(index, (1, index), UnitEnd(0, 1)))
    assert told.returned(EMPTY_US) == [], "nothing is left but what runs"
    told = Told()
    told.give(0, lease(1, 100, cpu_milli=1_500))
    assert told.brain.wake_at_us is None
    assert told.returned(LONG_US) == []


def test_the_longest_lease_shares() -> None:
    told = Told()
    told.brain = Brain(Resources(3_000))
    told(s.Connected(0))
    told.give(0, lease(1, 3), lease(2, 9))
    assert told.returned(EMPTY_US) == [(2, (5, 4))]


def test_room_that_stays_empty_is_looked_at_more_and_more_seldom() -> None:
    told = Told()
    told.give(0, lease(1, 1_000_000))
    now_us, pauses = 0, []
    for _ in range(12):
        due_us = told.brain.wake_at_us
        assert due_us is not None
        pauses.append(due_us - now_us)
        now_us = due_us
        told(s.TimerFired(now_us))
        told(s.GaveBack(now_us, 1))
    assert pauses[0] == EMPTY_US
    assert pauses == sorted(pauses)
    assert pauses[-1] == PAUSE_MAX_US


def test_a_worker_without_a_server_or_that_leaves_gives_back_nothing_for_it() -> None:
    told = Told()
    told.give(0, lease(1, 11))
    told(s.Disconnected(1))
    assert told.returned(EMPTY_US) == []
    assert told(s.Drain(EMPTY_US)) == []
    assert told.brain.wake_at_us is None


def test_what_is_asked_back_while_a_part_is_given_back_is_given_back_too() -> None:
    told = Told()
    told.give(0, lease(1, 11))
    assert told.returned(EMPTY_US) == [(1, (6, 5))]
    assert told(s.AskedBack(EMPTY_US, (1,))) == [], "one thing at a time"
    assert told(s.GaveBack(EMPTY_US, 1)) == [s.GiveBack(1, (1, 5))]
    told(s.GaveBack(EMPTY_US, 1))
    assert told.brain.held() == ((1, ((0, 1),)),)
