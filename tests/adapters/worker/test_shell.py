"""A worker against a scripted server: it joins, works, loses the connection, comes back, leaves."""

from __future__ import annotations

import itertools

import msgpack
import trio

from meted.adapters.executors.contract import EXIT_NOT_STARTED
from meted.adapters.executors.options import ProcessOptions, make_limits, pack_options
from meted.adapters.executors.simulated import Behaviour
from meted.adapters.wire.convert import plain
from meted.adapters.wire.errors import CallError
from meted.adapters.wire.messages import Notification
from meted.adapters.wire.params_to_workers import Run
from meted.adapters.worker.link import now_us
from meted.adapters.worker.stimuli import LeaseGiven, LeasesCame, Stimulus, Stopped, UnitEnded
from meted.adapters.worker.worker_end import WorkerEnd
from meted.core.record import replaced
from meted.core.resources import Resources
from meted.core.spec import Spec, pack_spec, spec_digest

from .scripted import BODY, DIGEST, HELLO, Peer, Stage, lease, play


def test_it_joins_and_says_what_it_offers() -> None:
    async def scene(stage: Stage) -> None:
        request = await (await stage.peer()).join()
        assert request.params["name"] == "box"
        assert request.params["instance"] == "a" * 16
        assert request.params["cpu_milli"] == 2_000
        assert request.params["labels"] == {"host": "here", "lacks": "limits"}
        await trio.sleep(0.01)
        assert stage.joined == [(7, "a" * 16)]
        assert stage.told == ["Connected to the server as worker 7."]

    play(scene)


def test_it_runs_a_lease_and_reports_it() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 2, cpu_milli=2_000))
        started = await peer.next()
        assert started == Notification("worker.started", {"worker": 7, "leases": (1,)})
        report = await peer.answer("worker.finish")
        assert trio.current_time() < 1.1
        assert report.params["done"] == ((0, 1),)
        assert report.params["results"] == ((0, b"said"),)
        assert report.params["run_us"] == (1_000_000,)
        assert (await peer.answer("worker.finish")).params["done"] == ((1, 1),)
        await peer.quiet(60)
        assert not stage.worker.brain.leases

    play(scene)


def test_short_units_are_reported_together() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 100, cpu_milli=2_000))
        reports: list[tuple[tuple[int, int], ...]] = []
        while sum(count for report in reports for _, count in report) < 100:
            reports.append((await peer.answer("worker.finish")).params["done"])
        assert trio.current_time() < 0.13
        assert len(reports) <= 3

    play(scene, run_us=1_000)


def test_what_does_not_fit_waits() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(*(lease(number) for number in range(1, 7)))
        await trio.sleep(0.1)
        assert stage.executor.usage().running == 2
        for _ in range(6):
            await peer.answer("worker.finish")
        assert 0.6 <= trio.current_time() < 0.7

    play(scene, run_us=200_000)


def test_four_units_start_three_seconds_apart() -> None:
    """Row N36: at 0, 3, 6 and 9 s; none of them goes back meanwhile."""
    at_s: dict[int, int] = {}

    def behave(job: int, _index: int, _attempt: int) -> Behaviour:
        at_s[job] = round(trio.current_time())
        return Behaviour(20_000_000)

    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(*(lease(number, job=number, cpu_milli=500) for number in (1, 2, 3, 4)))
        ends_s = []
        for _ in range(4):
            await peer.answer("worker.finish")
            ends_s.append(round(trio.current_time()))
        assert at_s == {1: 0, 2: 3, 3: 6, 4: 9}
        assert ends_s == [20, 23, 26, 29]

    play(scene, behave=behave, stagger_us=3_000_000)


def test_what_waits_for_too_long_goes_back() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(*(lease(number) for number in (1, 2, 3)))
        assert (await peer.answer("worker.give_back")).params == {"worker": 7, "lease": 3, "spans": ((0, 1),)}
        assert 1 <= trio.current_time() < 1.1

    play(scene, run_us=10_000_000)


def test_units_go_on_without_a_connection_and_are_reported_when_it_is_back() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 2), lease(2, 200))
        await trio.sleep(0.1)
        await peer.cut()
        stage.down = True
        await trio.sleep(100)
        stage.down = False
        peer = await stage.peer()
        again = await peer.rejoin((1, 2))
        assert again.params["worker"] == 7
        assert again.params["held"] == ((1, ((0, 2),)), (2, ((0, 200),)))
        reports = [await peer.answer("worker.finish") for _ in range(2)]
        assert reports[0].params["done"] == ((0, 2),)
        assert reports[1].params["done"][0][1] >= 100
        assert stage.told[1].startswith("No server: the server closed the connection. What runs goes on")
        assert len(stage.told) == 3

    play(scene)


def test_a_report_without_an_answer_is_said_again() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1))
        first = await peer.expect("worker.finish")
        await peer.cut()
        peer = await stage.peer()
        assert (await peer.rejoin((1,))).params["held"] == ((1, ((0, 1),)),)
        assert (await peer.answer("worker.finish")).params == first.params
        await peer.cut()
        peer = await stage.peer()
        assert (await peer.rejoin(())).params["held"] == ()

    play(scene)


def test_a_server_that_cannot_write_is_told_again_later() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1))
        times = []
        for _ in range(9):
            await peer.answer("worker.finish", error=CallError(104, "failed", "The disk is full."))
            times.append(trio.current_time())
        gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
        assert [round(gap, 1) for gap in gaps] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
        await peer.answer("worker.finish")
        await peer.quiet(60)

    play(scene)


def test_a_refused_report_drops_the_lease() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 3, cpu_milli=2_000))
        await peer.answer("worker.finish", error=CallError(102, "unknown_lease", "There is no such lease."))
        await peer.quiet(60)
        assert stage.worker.brain.is_idle

    play(scene)


def test_a_report_that_makes_no_sense_to_the_server_is_settled_by_coming_back() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1))
        await peer.answer("worker.finish", error=CallError(102, "bad_spans", "These units are not of that lease."))
        peer = await stage.peer()
        assert (await peer.rejoin(())).params["held"] == ()

    play(scene)


def test_it_gives_back_what_has_not_started() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 10), lease(2, 10, cpu_milli=2_000))
        await trio.sleep(0.1)
        await peer.tell("ask_back", leases=(1, 2, 99))
        first, second = [await peer.answer("worker.give_back") for _ in range(2)]
        assert (first.params["lease"], first.params["spans"]) == (1, ((1, 9),))
        assert (second.params["lease"], second.params["spans"]) == (2, ((0, 10),))
        assert (await peer.answer("worker.finish")).params["done"] == ((0, 1),)
        await peer.quiet(60)

    play(scene)


def test_it_stops_what_it_is_told_to_stop() -> None:
    """Row N19: what has not started comes back, then what ran is killed."""

    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 10, cpu_milli=2_000))
        await trio.sleep(0.1)
        await peer.tell("stop", leases=(1,))
        assert (await peer.answer("worker.give_back")).params["spans"] == ((1, 9),)
        report = await peer.answer("worker.finish")
        assert report.params["exits"] == ((0, -15),)
        assert trio.current_time() < 0.2

    play(scene)


def test_it_kills_what_is_no_longer_its_own() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 100), lease(2, 100))
        await trio.sleep(0.1)
        await peer.cut()
        peer = await stage.peer()
        await peer.rejoin((2,))
        await trio.sleep(0.01)
        assert stage.executor.usage().running == 1
        assert stage.worker.brain.leases.keys() == {2}

    play(scene)


def test_a_worker_that_is_not_known_any_more_joins_anew_when_nothing_runs() -> None:
    behave = Behaviour(10**9, stubborn=True)

    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1))
        await trio.sleep(0.1)
        await peer.cut()
        peer = await stage.peer()
        await peer.answer("hello", {"protocol": 1})
        await peer.answer("worker.rejoin", error=CallError(102, "unknown_worker", "There is no worker 7."))
        peer = await stage.peer()
        assert trio.current_time() > 5, "its unit has a grace to end in"
        assert stage.worker.brain.is_idle
        request = await peer.join(8)
        assert request.params["instance"] != "a" * 16
        await trio.sleep(0.01)
        assert [worker for worker, _ in stage.joined] == [7, 8]

    play(scene, behave=lambda *_: behave)


def test_it_does_not_dial_again_where_the_versions_differ() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.answer("hello", error=CallError(103, "version", "Upgrade the worker."))
        assert await stage.ended() == WorkerEnd(1, "Upgrade the worker.")

    play(scene)


def test_it_gives_up_when_its_patience_ends() -> None:
    async def scene(stage: Stage) -> None:
        stage.down = True
        end = await stage.ended()
        assert end.exit_code == 3
        assert 60 <= trio.current_time() < 66

    stage = play(scene, patience_s=60)
    assert stage.told == ["No server: nobody listens. The worker dials again."]


def test_it_notices_a_silent_server() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await trio.sleep(29)
        assert stage.is_connected()
        await trio.sleep(2)
        assert not stage.is_connected()
        await (await stage.peer()).rejoin(())
        assert "the server said nothing for 30 s" in stage.told[1]

    play(scene)


def test_it_beats_while_it_has_nothing_to_say() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.quiet(100)
        assert 85 <= peer.beats <= 100, "as often as the server wants, but where a ping has been sent"
        assert stage.is_connected()

    play(scene)


def test_it_drains_and_leaves() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 3, cpu_milli=2_000))
        await trio.sleep(0.1)
        stage.worker.drain()
        assert (await peer.answer("drain")).params == {"worker": 7, "draining": True, "key": None}
        assert (await peer.answer("worker.give_back")).params["spans"] == ((1, 2),)
        await peer.run(lease(2))
        assert (await peer.answer("drain")).params["draining"], "somebody may have told the server that it stays"
        assert (await peer.answer("worker.give_back")).params["lease"] == 2
        assert (await peer.answer("worker.finish")).params["done"] == ((0, 1),)
        assert (await peer.answer("worker.leave")).params == {"worker": 7, "instance": "a" * 16}
        assert await stage.ended() == WorkerEnd(0, is_known=True)

    play(scene)


def test_it_quits_and_says_what_had_started() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 3, cpu_milli=2_000))
        await trio.sleep(1.5)
        await peer.answer("worker.finish")
        stage.worker.quit()
        await peer.answer("drain")
        assert (await peer.answer("worker.give_back")).params["spans"] == ((2, 1),)
        assert (await peer.answer("worker.lost")).params["started"] == ((1, ((1, 1),)),)
        assert await stage.ended() == WorkerEnd(0, is_known=True)
        assert trio.current_time() < 1.7

    play(scene)


def test_it_quits_without_a_server_after_a_while() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1))
        await trio.sleep(0.1)
        stage.down = True
        await peer.cut()
        stage.worker.quit(1_000_000)
        assert (await stage.ended()).exit_code == 0
        assert trio.current_time() < 10

    play(scene)


def test_it_sends_output_and_follows_it() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1))
        where = {"job": 1, "index": 0, "attempt": 1, "stream": "out", "limit": 3}
        await peer.tell("read", request=1, offset=0, wait_us=0, **where)
        early = (await peer.expect("worker.output")).params
        assert (early["data"], early["ended"], early["whole"]) == (b"", False, True)
        await peer.tell("read", request=2, offset=0, wait_us=10_000_000, **where)
        messages = [await peer.expect(name) for name in ("worker.finish", "worker.output")]
        assert (messages[1].params["data"], messages[1].params["ended"]) == (b"sai", False)
        assert 1 <= trio.current_time() < 1.2
        await peer.tell("read", request=3, offset=3, wait_us=0, **where)
        last = (await peer.expect("worker.output")).params
        assert (last["data"], last["next"], last["ended"]) == (b"d", 4, True)
        await peer.tell("forget", jobs=(1,))
        await peer.tell("read", request=4, offset=0, wait_us=0, **where)
        assert (await peer.expect("worker.output")).params["data"] == b""

    play(scene)


def test_an_exception_of_one_unit_leaves_the_others_alone() -> None:
    """Row N34."""

    def behave(_job: int, index: int, _attempt: int) -> Behaviour:
        if index == 1:
            raise KeyError("a fault in the executor")
        return Behaviour(1_000)

    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 3))
        report = await peer.answer("worker.finish")
        assert report.params["done"] == ((0, 3),)
        assert report.params["exits"] == ((1, 257),)
        assert b"KeyError" in report.params["results"][0][1]

    play(scene, behave=behave)


def test_garbage_and_nonsense_end_the_connection_only() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 1_000))
        await peer.stream.send_all(b"\xc1" * 100)
        peer = await stage.peer()
        await peer.rejoin((1,))
        await peer.send(Notification("run", {"leases": "many"}))
        peer = await stage.peer()
        await peer.rejoin((1,))
        await peer.send(Notification("news_of_tomorrow", {"of": 1}))
        await peer.run(lease(2))
        assert (await peer.expect("worker.finish")).params["lease"] in (1, 2)
        await peer.stream.send_all(msgpack.packb([1, 9_999, None, {}]))
        peer = await stage.peer()
        await peer.rejoin((1, 2))

    play(scene)


def test_a_lease_whose_spec_was_never_told_is_not_taken() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        bare = lease(1)
        assert bare.spec == DIGEST
        await peer.tell("run", leases=[{"lease": 1, "job": 1, "first": 0, "count": 1, "attempt": 1, "spec": DIGEST}])
        again: Peer = await stage.peer()
        assert (await again.rejoin(())).params["held"] == ()

    play(scene)


def test_a_server_that_says_goodbye_is_dialled_again() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.tell("closing", sentence="The server stops.")
        await (await stage.peer()).rejoin(())
        assert stage.told[1] == "No server: The server stops. The worker dials again."

    play(scene)


def test_a_server_that_takes_nothing_is_told_of_once_and_dialled_until_it_does() -> None:
    """Its log is damaged, say: what ran and ended meanwhile is kept, and reported when it takes the worker back."""
    error = CallError(104, "read_only", "The pool is read-only.")

    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1))
        await trio.sleep(0.1)
        await peer.cut()
        stage.down = True
        await trio.sleep(10)
        stage.down = False
        for _ in range(20):
            peer = await stage.peer()
            await peer.answer("hello", HELLO)
            await peer.answer("worker.rejoin", error=error)
        assert trio.current_time() > 50  # it takes its time between two
        again = await stage.peer()
        assert (await again.rejoin((1,))).params["held"] == ((1, ((0, 1),)),)
        assert (await again.answer("worker.finish")).params["done"] == ((0, 1),)
        assert stage.told == [
            "Connected to the server as worker 7.",
            "No server: the server closed the connection. What runs goes on; the worker dials again.",
            "No server: The pool is read-only. The worker dials again.",
            "Connected to the server as worker 7.",
        ]

    play(scene)


HOUR_US = 3_600_000_000


def test_a_unit_that_is_stopped_in_the_moment_it_was_given_never_starts() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        given = Notification("run", plain(Run((lease(1, 2),), ((DIGEST, BODY),))))
        await peer.send(given, Notification("stop", {"leases": (1,)}))
        assert (await peer.answer("worker.give_back")).params["spans"] == ((1, 1),)
        report = (await peer.answer("worker.finish")).params
        assert trio.current_time() < 1
        assert (report["done"], report["exits"], report["run_us"]) == (((0, 1),), ((0, -15),), (0,))
        assert report["results"] == ((0, b"it was killed as asked before it had started (SIGTERM)"),)
        assert stage.executor.usage().started == 0
        await peer.quiet(10)
        assert stage.worker.brain.is_idle

    play(scene, run_us=HOUR_US)


def test_a_unit_that_is_stopped_when_the_one_before_it_has_just_ended_never_starts() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 3, cpu_milli=2_000))
        await trio.sleep(0.5)
        feel = stage.worker.feel

        def and_stop(stimulus: Stimulus) -> None:
            feel(stimulus)
            if isinstance(stimulus, UnitEnded) and stimulus.key == (1, 0):
                feel(Stopped(stimulus.now_us, (1,)))

        stage.worker.feel = and_stop  # type: ignore[method-assign]
        assert (await peer.answer("worker.finish")).params["exits"] == ()
        assert (await peer.answer("worker.give_back")).params["spans"] == ((2, 1),)
        assert (await peer.answer("worker.finish")).params["exits"] == ((1, -15),)
        assert trio.current_time() < 1.5
        assert stage.executor.usage().started == 1

    play(scene, behave=lambda _job, index, _attempt: Behaviour(HOUR_US if index else 1_000_000))


def test_a_unit_of_a_lease_that_is_dropped_in_the_moment_it_was_given_never_starts() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        given = Notification("run", plain(Run((lease(1),), ((DIGEST, BODY),))))
        await peer.send(given, Notification("keep", {"leases": ()}))
        await peer.quiet(1)
        assert stage.worker.brain.is_idle
        assert not stage.worker.brain.ghosts
        assert stage.executor.usage().started == 0

    play(scene, run_us=HOUR_US)


def test_a_unit_that_was_given_in_the_moment_of_quitting_never_starts() -> None:
    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await trio.sleep(0.01)
        given = LeaseGiven(1, 1, 0, 1, 1, Resources(1_000))
        stage.worker.feel(LeasesCame(now_us(), (given,)))
        stage.worker.quit()
        await peer.answer("drain")
        assert (await peer.answer("worker.lost")).params["started"] == ((1, ((0, 1),)),)
        assert await stage.ended() == WorkerEnd(0, is_known=True)
        assert trio.current_time() < 1
        assert stage.executor.usage().started == 0

    play(scene, run_us=HOUR_US)


def test_an_executor_that_cannot_kill_need_not_start_what_was_stopped() -> None:
    async def scene(stage: Stage) -> None:
        stage.executor._features = frozenset()
        peer = await stage.peer()
        await peer.join()
        given = Notification("run", plain(Run((lease(1),), ((DIGEST, BODY),))))
        await peer.send(given, Notification("stop", {"leases": (1,)}))
        assert (await peer.answer("worker.finish")).params["exits"] == ((0, -15),)
        assert stage.told == ["Connected to the server as worker 7."]

    play(scene, run_us=HOUR_US)


def test_a_unit_that_cannot_be_killed_runs_to_its_end_and_is_reported() -> None:
    """Row G08: what was asked happens as far as it can; nothing more of the lease starts."""

    async def scene(stage: Stage) -> None:
        stage.executor._features = frozenset()
        peer = await stage.peer()
        await peer.join()
        await peer.run(lease(1, 3, cpu_milli=2_000))
        await trio.sleep(1)
        await peer.tell("stop", leases=(1,))
        assert (await peer.answer("worker.give_back")).params["spans"] == ((1, 2),)
        report = (await peer.answer("worker.finish")).params
        assert (report["done"], report["exits"], report["run_us"]) == (((0, 1),), (), (HOUR_US,))
        assert stage.executor.usage().started == 1
        assert stage.told[1].startswith("Unit 0 of lease 1 should end and goes on: this executor cannot do ")

    play(scene, run_us=HOUR_US)


def test_limits_that_the_executor_cannot_hold_a_unit_to_keep_it_from_starting() -> None:
    """Row G08."""
    options = ProcessOptions(limits=make_limits({"rss_bytes": 1, "cpu_s": 1}))
    body = pack_spec(Spec(("true",), payload=pack_options(options)))
    given = replaced(lease(1, 2), spec=spec_digest(body))

    async def scene(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.join()
        await peer.send(Notification("run", plain(Run((given,), ((given.spec, body),)))))
        report = (await peer.answer("worker.finish")).params
        assert report["exits"] == ((0, EXIT_NOT_STARTED), (1, EXIT_NOT_STARTED))
        sentence = (
            b"the executor of the worker cannot hold a unit to limits (cpu_s, rss_bytes): submit the job without "
            b"them, or drain the worker and have the job run where units are processes"
        )
        assert report["results"] == ((0, sentence), (1, sentence))
        assert stage.executor.usage().started == 0

    play(scene)
