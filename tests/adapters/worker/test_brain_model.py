"""The worker's mind against a server that does all that a server may: it gives, asks back, stops, forgets, is away."""

from __future__ import annotations

import random
from collections import Counter

import attrs
from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.executors.contract import UnitEnd, UnitKey
from meted.adapters.worker import stimuli as s
from meted.adapters.worker.brain import Brain
from meted.adapters.worker.brain_check import check
from meted.core.resources import NOTHING, Resources

CAPACITY = Resources(4_000, 1_000, (("gpu", 2_000),))
REQUESTS = (
    Resources(1_000),
    Resources(1_000),
    Resources(2_000, 100),
    Resources(4_000),
    Resources(500, 400),
    Resources(1_000, 0, (("gpu", 1_000),)),
)


class FakeServer:
    """Keeps of every lease which units are out, as the real one does, and talks to one mind in steps drawn by dice.

    What is said travels in two queues, as on a connection; when that breaks, both are lost.
    """

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.brain = Brain(CAPACITY, dice.choice((0, 0, 1_000, 2_000_000)))
        self.now_us = 0
        self.is_known = True
        self.connected = False
        self.to_server: list[s.Instruction] = []
        self.to_worker: list[s.Stimulus] = []
        self.running: dict[UnitKey, s.LeaseGiven] = {}
        self.started: Counter[UnitKey] = Counter()
        self.outcome: dict[UnitKey, str] = {}
        self.out: dict[int, set[int]] = {}
        self.given: dict[int, s.LeaseGiven] = {}
        self.killed: set[UnitKey] = set()
        self.truth: dict[UnitKey, int] = {}
        self.has_left: s.Leave | None = None

    # what the worker does

    def feel(self, stimulus: s.Stimulus) -> None:
        for instruction in self.brain.handle(stimulus):
            match instruction:
                case s.StartUnit(lease=lease, index=index):
                    key = (lease.lease_id, index)
                    assert key not in self.running
                    self.running[key] = lease
                    self.started[key] += 1
                    assert self.started[key] == 1, "a unit of a lease runs once"
                case s.KillUnit(key=key):
                    assert key in self.running
                    self.killed.add(key)
                case _:
                    assert self.connected
                    self.to_server.append(instruction)
        used = NOTHING
        for lease in self.running.values():
            used = used.plus(lease.request)
        assert used.fits(CAPACITY)
        assert len({key[0] for key in self.running}) == len(self.running), "units of a lease run one after another"
        check(self.brain)

    def end_unit(self) -> None:
        key = self.dice.choice(sorted(self.running))
        code = -15 if key in self.killed else self.dice.choice((0, 0, 0, 1))
        result = self.dice.choice((None, b"x" * 10, b"y" * 40_000))
        self.truth[key] = code
        if self.dice.random() < 0.5:
            self.feel(s.UnitStarted(self.now_us, key))
        del self.running[key]
        self.feel(s.UnitEnded(self.now_us, key, UnitEnd(code, 5, 3, 2, result)))

    # what the server does

    def give(self) -> None:
        leases = []
        for _ in range(self.dice.randint(1, 3)):
            lease_id, first = len(self.given) + 1, self.dice.randint(0, 50)
            count = self.dice.randint(1, 6)
            lease = s.LeaseGiven(lease_id, 1, first, count, 1, self.dice.choice(REQUESTS))
            self.given[lease_id] = lease
            self.out[lease_id] = set(range(first, first + count))
            leases.append(lease)
        self.to_worker.append(s.LeasesCame(0, tuple(leases)))

    def some_leases(self) -> tuple[int, ...]:
        return tuple(lease for lease in self.given if self.dice.random() < 0.3)

    def hear(self) -> None:
        """Take the next thing that the worker said, and answer it, or refuse it."""
        said = self.to_server.pop(0)
        match said:
            case s.SendStarted() | s.AskForNoMore() | s.Leave():
                if isinstance(said, s.Leave):
                    self.has_left = said
            case s.Report(lease_id=lease_id, done=(first, count)):
                codes = dict(said.exits)
                assert len(said.run_us) == len(said.cpu_us) == len(said.peak_bytes) == count
                self.answer(lease_id, range(first, first + count), True, codes)
            case s.GiveBack(lease_id=lease_id, units=(first, count)):
                self.answer(lease_id, range(first, first + count), False, {})
            case _:
                raise AssertionError(said)

    def answer(self, lease_id: int, units: range, was_report: bool, codes: dict[int, int]) -> None:
        if lease_id in self.out and self.dice.random() < 0.1:
            self.to_worker.append(s.Failed(0, lease_id, was_report))
            return
        if not self.out.get(lease_id):
            # The lease is over: the real one accepts that silently as well.
            refused = self.dice.random() < 0.5
            self.to_worker.append(s.Refused(0, lease_id) if refused else self._taken(lease_id, was_report))
            return
        for index in units:
            key = (lease_id, index)
            if index in self.out[lease_id]:
                self.out[lease_id].remove(index)
                self.outcome[key] = "reported" if was_report else "given back"
            if was_report:
                assert codes.get(index, 0) == self.truth[key], "what is reported is what happened"
            else:
                assert key not in self.started, "what is given back has not started"
        self.to_worker.append(self._taken(lease_id, was_report))

    def _taken(self, lease_id: int, was_report: bool) -> s.Stimulus:
        return s.Reported(0, lease_id) if was_report else s.GaveBack(0, lease_id)

    def tell(self) -> None:
        """Deliver the next thing that the server said."""
        stimulus = self.to_worker.pop(0)
        self.feel(attrs.evolve(stimulus, now_us=self.now_us))

    def connect(self) -> None:
        if not self.is_known:
            self.feel(s.Disowned(self.now_us))
            if not self.brain.is_idle:
                return  # it joins anew when nothing of the old one runs
            self.is_known = True
            self.connected = True
            self.feel(s.Connected(self.now_us))
            return
        held = {
            lease: {i for first, count in runs for i in range(first, first + count)}
            for lease, runs in self.brain.held()
        }
        for lease_id, out in self.out.items():
            for index in sorted(out - held.get(lease_id, set())):
                self.outcome[lease_id, index] = "not held"
            self.out[lease_id] = out & held.get(lease_id, set())
        if self.dice.random() < 0.2:  # it gave something up meanwhile
            for lease_id in self.some_leases():
                self.lose(lease_id)
        self.connected = True
        self.feel(s.Connected(self.now_us))
        self.to_worker.append(s.Kept(0, tuple(lease for lease, out in self.out.items() if out)))

    def lose(self, lease_id: int) -> None:
        for index in self.out[lease_id]:
            self.outcome[lease_id, index] = "elsewhere"
        self.out[lease_id] = set()

    def disconnect(self) -> None:
        self.connected = False
        self.to_server.clear()
        self.to_worker.clear()
        if self.dice.random() < 0.1:
            self.is_known = False
            for lease_id in self.out:
                self.lose(lease_id)
        self.feel(s.Disconnected(self.now_us))

    def step(self) -> None:
        self.now_us += self.dice.choice((0, 1, 1_000, 60_000, 1_000_000))
        moves = [lambda: self.feel(s.TimerFired(self.now_us))]
        if self.running:
            moves += [self.end_unit] * 4
        if self.connected:
            moves += [self.give, self.disconnect]
            moves += [self.hear] * 6 if self.to_server else []
            moves += [self.tell] * 6 if self.to_worker else []
            moves.append(lambda: self.to_worker.append(s.AskedBack(0, self.some_leases())))
            moves.append(lambda: self.to_worker.append(s.Stopped(0, self.some_leases())))
        else:
            moves += [self.connect] * 2
        self.dice.choice(moves)()

    def settle(self) -> None:
        """No more faults: everything must come to an end."""
        for _ in range(20_000):
            if not self.connected:
                self.connect()
            elif self.to_server:
                self.hear()
            elif self.to_worker:
                self.tell()
            elif self.running:
                self.end_unit()
            elif self.brain.wake_at_us is not None:
                self.now_us = max(self.now_us, self.brain.wake_at_us)
                self.feel(s.TimerFired(self.now_us))
            else:
                return
            if not self.connected and self.running:
                self.end_unit()
        raise AssertionError("it never comes to an end")


@given(st.integers(0, 2**32), st.integers(10, 150))
def test_every_unit_is_accounted_for_exactly_once(seed: int, steps: int) -> None:
    world = FakeServer(random.Random(seed))
    for _ in range(steps):
        world.step()
    world.settle()
    assert not world.brain.leases
    assert world.brain.is_idle
    assert not world.brain.waiting
    for lease_id, lease in world.given.items():
        assert not world.out[lease_id], f"lease {lease_id} is not accounted for"
        for index in range(lease.first, lease.first + lease.count):
            assert (lease_id, index) in world.outcome


@given(st.integers(0, 2**32), st.integers(10, 80), st.booleans())
def test_a_worker_that_leaves_accounts_for_everything(seed: int, steps: int, at_once: bool) -> None:
    world = FakeServer(random.Random(seed))
    for _ in range(steps):
        world.step()
    world.feel(s.Quit(world.now_us, 0) if at_once else s.Drain(world.now_us))
    for _ in range(20):
        world.step()
    world.settle()
    assert world.has_left is not None
    struck = {(lease, i) for lease, runs in world.has_left.struck for first, n in runs for i in range(first, first + n)}
    still_out = {(lease_id, index) for lease_id, out in world.out.items() for index in out}
    assert still_out <= struck
    assert all(key in world.outcome for key in struck - still_out), "what it lost meanwhile is somebody else's by now"
    assert struck <= world.started.keys() & world.killed
    assert at_once or not struck
