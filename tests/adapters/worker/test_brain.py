"""The worker's mind, case by case: order, limits, reports."""

from __future__ import annotations

import pytest

from meted.adapters.executors.contract import UnitEnd
from meted.adapters.wire.limits import FRAME_BYTES_MAX, OUTPUT_KEPT_BYTES
from meted.adapters.worker import brain as brain_module
from meted.adapters.worker import stimuli as s
from meted.adapters.worker.brain import Brain
from meted.adapters.worker.brain_check import check
from meted.adapters.worker.held import REPORT_US
from meted.adapters.worker.waiting import OVERTAKEN_MAX, WAITING_MAX_US
from meted.core.resources import Resources

SMALL, BIG = Resources(1_000), Resources(2_000)


class Told:
    """A mind that is connected, and checked after all that it is told."""

    def __init__(self, capacity: Resources = BIG, stagger_us: int = 0) -> None:
        self.brain = Brain(capacity, stagger_us)
        self(s.Connected(0))

    def __call__(self, stimulus: s.Stimulus) -> list[s.Instruction]:
        instructions = self.brain.handle(stimulus)
        check(self.brain)
        return instructions

    def give(self, number: int, count: int = 1, request: Resources = SMALL) -> list[s.Instruction]:
        return self(s.LeasesCame(0, (lease(number, count, request),)))

    def end(self, number: int, index: int, now_us: int = 0, result: bytes | None = None) -> list[s.Instruction]:
        return self(s.UnitEnded(now_us, (number, index), UnitEnd(0, 1, result=result)))


def lease(number: int, count: int = 1, request: Resources = SMALL) -> s.LeaseGiven:
    return s.LeaseGiven(number, 1, 0, count, 1, request)


def starts(instructions: list[s.Instruction]) -> list[tuple[int, int]]:
    return [(one.lease.lease_id, one.index) for one in instructions if isinstance(one, s.StartUnit)]


def reports(instructions: list[s.Instruction]) -> list[s.Report]:
    return [one for one in instructions if isinstance(one, s.Report)]


def test_leases_start_in_the_order_in_which_they_came() -> None:
    """Rows N19 and N34."""
    told = Told()
    assert starts(told(s.LeasesCame(0, (lease(5), lease(3), lease(4))))) == [(5, 0), (3, 0)]
    assert starts(told.end(3, 0)) == [(4, 0)]


def test_a_small_lease_passes_a_big_one_but_not_for_ever() -> None:
    told = Told()
    told.give(1, 10_000)
    assert starts(told.give(2, request=BIG)) == []
    number = 3
    assert starts(told.give(number)) == [(3, 0)], "the room would stand empty"
    for number in range(4, 4 + 2 * OVERTAKEN_MAX):
        told.give(number)
        if not starts(told.end(number - 1, 0)):
            break
    assert number == 3 + OVERTAKEN_MAX
    told(s.AskedBack(0, (1,)))
    assert starts(told.end(1, 0)) == [(2, 0)], "now the room is kept until the big one fits"


def test_staggered_units_start_apart_but_take_the_place_of_what_has_ended_at_once() -> None:
    """Row N36."""
    told = Told(Resources(3_000), stagger_us=3 * WAITING_MAX_US)
    assert starts(told(s.LeasesCame(0, (lease(1, 2), lease(2), lease(3), lease(4), lease(5))))) == [(1, 0)]
    assert told(s.TimerFired(1)) == []
    assert starts(told.end(1, 0, 2)) == [(1, 1)], "the next unit of a lease follows its last"
    assert starts(told.end(1, 1, 3)) == [(2, 0)], "another lease has its place"
    assert s.GiveBack(5, (0, 1)) in told(s.TimerFired(WAITING_MAX_US)), "for it there is no room"
    assert told.brain.wake_at_us == 3 * WAITING_MAX_US, "what has room only waits for its turn"
    assert starts(told(s.TimerFired(3 * WAITING_MAX_US))) == [(3, 0)]
    assert starts(told.end(2, 0, 6 * WAITING_MAX_US - 1)) == [(4, 0)]
    told(s.AskedBack(6 * WAITING_MAX_US - 1, (4,)))
    told.end(3, 0, 6 * WAITING_MAX_US)
    assert starts(told.give(6)) == [(6, 0)]


def test_a_staggered_lease_that_is_asked_back_never_starts() -> None:
    told = Told(stagger_us=100)
    assert starts(told(s.LeasesCame(0, (lease(1), lease(2))))) == [(1, 0)]
    assert told(s.AskedBack(1, (2,))) == [s.GiveBack(2, (0, 1))]
    assert told.brain.room == SMALL
    assert starts(told(s.TimerFired(200))) == []


def test_what_finds_no_room_in_time_is_given_back() -> None:
    told = Told()
    told.give(1, request=BIG)
    assert starts(told.give(2, 3)) == []
    assert told.brain.wake_at_us == WAITING_MAX_US
    assert told(s.TimerFired(WAITING_MAX_US - 1)) == []
    told(s.Disconnected(WAITING_MAX_US))
    assert told(s.TimerFired(WAITING_MAX_US + 1)) == [], "there is nobody to take it"
    instructions = told(s.Connected(WAITING_MAX_US + 2))
    assert s.GiveBack(2, (0, 3)) in instructions
    assert starts(told.end(1, 0, WAITING_MAX_US + 3)) == []


def test_a_lease_that_comes_twice_is_known() -> None:
    told = Told()
    told.give(1, 2)
    assert told.give(1, 2) == []


def test_what_can_never_run_here_fails_with_a_sentence() -> None:
    told = Told()
    [report] = reports(told.give(1, 3, Resources(3_000, 10**9)))
    assert report.done == (0, 3)
    assert report.exits == ((0, 257), (1, 257), (2, 257))
    assert (
        report.results[0][1]
        == b"The unit asks this worker for 3 cpu where it has 2 cpu, 1 GB mem where it has 0 B mem."
    )


def test_beyond_the_limit_leases_go_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brain_module, "HELD_LEASES_MAX", 3)
    told = Told()
    for number in (1, 2, 3):
        told.give(number)
    assert told.give(4, 7) == [s.GiveBack(4, (0, 7))]


def test_large_results_are_reported_in_parts() -> None:
    told = Told()
    told.give(1, 100)
    said = [one for index in range(100) for one in reports(told.end(1, index, result=b"x" * 2 * OUTPUT_KEPT_BYTES))]
    sizes, done = [], 0
    while told.brain.leases:
        report = said.pop(0)
        assert report.done[0] == done, "one report of a lease at a time, in order"
        done += report.done[1]
        sizes.append(sum(len(body) for _, body in report.results))
        said += reports(told(s.Reported(REPORT_US, 1)))
    assert done == 100
    assert sum(sizes) == 100 * OUTPUT_KEPT_BYTES, "of each result the end is kept"
    assert max(sizes) <= FRAME_BYTES_MAX // 2


def test_nothing_starts_while_too_much_is_unreported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brain_module, "KEPT_BYTES_MAX", 100)
    told = Told()
    told.give(1, 3)
    told(s.Disconnected(0))
    assert starts(told.end(1, 0, result=b"x" * 60)) == [(1, 1)]
    assert starts(told.end(1, 1, result=b"x" * 60)) == []
    assert starts(told.give(2)) == []
    assert len(reports(told(s.Connected(REPORT_US)))) == 1
    assert starts(told(s.Reported(REPORT_US, 1))) == [(1, 2), (2, 0)]


def test_calls_that_are_not_answered_are_few() -> None:
    told = Told(Resources(10**9))
    told(s.LeasesCame(0, tuple(lease(number) for number in range(300))))
    said = [one for number in range(300) for one in reports(told.end(number, 0))]
    assert len(said) == 256
    said += reports(told(s.Reported(0, said[0].lease_id)))
    assert len(said) == 257


def test_started_leases_are_told_together_and_again_after_a_break() -> None:
    told = Told()
    told.give(1, 2)
    told.give(2, 2)
    assert told(s.UnitStarted(200_000, (1, 0))) == [s.SendStarted((1,))]
    assert told(s.UnitStarted(210_000, (2, 0))) == []
    assert told.brain.wake_at_us == 300_000
    assert told(s.TimerFired(300_000)) == [s.SendStarted((2,))]
    assert starts(told.end(1, 0, 300_001)) == [(1, 1)]
    assert told(s.UnitStarted(500_000, (1, 1))) == [], "once a lease is enough"
    told(s.Disconnected(600_000))
    assert told(s.Connected(700_000))[-1] == s.SendStarted((1, 2))


def test_a_killed_unit_takes_room_until_it_has_ended() -> None:
    told = Told(SMALL)
    told.give(1)
    told.give(2)
    assert told(s.Kept(0, (2,))) == [s.KillUnit((1, 0))]
    assert told.brain.held() == ((2, ((0, 1),)),)
    assert starts(told.end(1, 0)) == [(2, 0)]


def test_a_worker_that_leaves_says_so_whenever_it_is_given_something() -> None:
    told = Told()
    told.give(1)
    assert s.AskForNoMore() in told(s.Drain(0))
    assert told(s.Disconnected(0)) == []
    assert s.AskForNoMore() in told(s.Connected(0))
    said = told.give(2)
    assert said.index(s.AskForNoMore()) < said.index(s.GiveBack(2, (0, 1)))
    assert s.AskForNoMore() not in told.end(1, 0)


def test_what_a_quitting_worker_kills_is_neither_reported_nor_given_back() -> None:
    told = Told()
    told.give(1, 3)
    told.give(2)
    said = told(s.Quit(0, 7))
    assert [one for one in said if isinstance(one, s.KillUnit)] == [s.KillUnit((1, 0), 7), s.KillUnit((2, 0), 7)]
    assert s.GiveBack(1, (1, 2)) in said
    assert told(s.UnitEnded(0, (1, 0), UnitEnd(-15, 1))) == []
    assert len(reports(told.end(2, 0))) == 1, "it had ended by itself"
    told(s.Reported(0, 2))
    assert told(s.GaveBack(0, 1)) == [s.Leave(((1, ((0, 1),)),))]
