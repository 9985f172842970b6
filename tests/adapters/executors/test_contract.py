"""What holds for every executor (rows G07, G08, G11-G14, N31, N34, N35): real processes and simulated ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from meted.adapters.executors.contract import (
    EXIT_NOT_STARTED,
    EXIT_TIME_LIMIT,
    STDERR,
    STDOUT,
    Executor,
    NotFeatured,
    UnitEnd,
    UnitToRun,
)
from meted.adapters.executors.simulated import Behaviour, SimulatedExecutor
from meted.adapters.wire.limits import OUTPUT_KEPT_BYTES
from meted.core.resources import NOTHING, Resources

from .conftest import Bench


def run_one(bench: Bench, word: str, time_limit_us: int | None = None) -> UnitEnd:
    return bench.run(lambda executor: executor.run(bench.unit(word, time_limit_us)))


def run_and(
    bench: Bench,
    word: str,
    then: Callable[[Executor, UnitToRun], Awaitable[None]],
    time_limit_us: int | None = None,
    grace_us: int = 200_000,
) -> UnitEnd:
    """Run a unit, do ``then(executor, unit)`` as soon as it has begun, and return its end."""
    unit = bench.unit(word, time_limit_us)

    async def scenario(executor: Executor) -> UnitEnd:
        ends: list[UnitEnd] = []
        begun = trio.Event()

        async def one() -> None:
            ends.append(await executor.run(unit, begun.set))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            await begun.wait()
            await trio.sleep(0.1)  # a shell needs a moment until its trap is set
            await then(executor, unit)
        return ends[0]

    return bench.run(scenario, grace_us)


def test_success_has_its_output_and_its_measures(bench: Bench) -> None:
    """Row G12."""
    end = run_one(bench, "quick")
    assert (end.exit_code, end.result) == (0, b"done\n")
    assert end.run_us >= 20_000
    assert end.cpu_us > 0
    assert end.peak_bytes > 0


def test_a_kill_finds_a_unit_from_the_first_step_on(bench: Bench) -> None:
    """Row G13."""
    unit = bench.unit("long")

    async def scenario(executor: Executor) -> list[UnitEnd]:
        ends: list[UnitEnd] = []

        turn = trio.Event()

        async def one() -> None:
            turn.set()
            ends.append(await executor.run(unit))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            await turn.wait()
            assert executor.kill(unit.key)
        return ends

    assert bench.run(scenario)[0].exit_code == -15


def test_a_start_is_told_once_and_before_the_end(bench: Bench) -> None:
    """Row G11: whoever waits for the end has heard of the start; what could not start is told by its end alone."""

    async def scenario(executor: Executor) -> list[list[str]]:
        told: list[list[str]] = []
        for word in ("quick", "fails", "absent"):
            heard: list[str] = []
            end = await executor.run(bench.unit(word), lambda heard=heard: heard.append("started"))  # type: ignore[misc]
            told.append([*heard, str(end.exit_code)])
        return told

    assert bench.run(scenario) == [["started", "0"], ["started", "3"], [str(EXIT_NOT_STARTED)]]


def test_success_without_output_has_no_result(bench: Bench) -> None:
    assert run_one(bench, "silent").result is None


def test_failure_has_a_sentence_and_the_end_of_stderr(bench: Bench) -> None:
    """Row G12."""
    end = run_one(bench, "fails")
    assert (end.exit_code, end.result) == (3, b"it ended with exit code 3\nwhy")


def test_a_signal_is_a_negative_exit_code(bench: Bench) -> None:
    """Row G12."""
    end = run_one(bench, "crashes")
    assert (end.exit_code, end.result) == (-11, b"it was ended by SIGSEGV")


def test_long_output_is_kept_at_its_end_and_read_whole(bench: Bench) -> None:
    unit = bench.unit("loud")

    async def scenario(executor: Executor) -> None:
        end = await executor.run(unit)
        assert end.result == b"a" * OUTPUT_KEPT_BYTES
        offset = 0
        while (part := executor.read(unit.job_id, 0, None, STDOUT, offset, 70_000)).data:
            offset = part.next_offset
        assert offset == part.size == 200_000
        assert executor.read(unit.job_id, 0, 1, STDOUT, -10, 4).data == b"aaaa"
        assert executor.read(unit.job_id, 0, 7, STDOUT, 0, 4).size == 0
        assert executor.read(unit.job_id, 0, 1, STDERR, 0, 4).data == b""
        with pytest.raises(ValueError, match="no stream"):
            executor.read(unit.job_id, 0, 1, "../../x", 0, 4)
        executor.forget(unit.job_id)
        executor.forget(unit.job_id)
        assert executor.read(unit.job_id, 0, None, STDOUT, 0, 4).size == 0

    bench.run(scenario)


def test_kill(bench: Bench) -> None:
    """Row G13."""

    async def kill(executor: Executor, unit: UnitToRun) -> None:
        assert executor.kill(unit.key)
        assert executor.kill(unit.key)

    end = run_and(bench, "long", kill)
    assert end.exit_code == -15
    assert end.run_us < 5_000_000
    assert end.result == b"it was killed as asked (SIGTERM)\nbegun"


def test_kill_by_force_after_the_grace(bench: Bench) -> None:
    """Row G13."""

    async def kill(executor: Executor, unit: UnitToRun) -> None:
        assert executor.kill(unit.key, 300_000)

    end = run_and(bench, "stubborn", kill)
    assert end.exit_code == -9
    assert 400_000 <= end.run_us < 3_000_000


def test_the_shorter_grace_counts(bench: Bench) -> None:
    async def kill(executor: Executor, unit: UnitToRun) -> None:
        executor.kill(unit.key, 9_000_000)
        executor.kill(unit.key, 0)
        executor.kill(unit.key, 9_000_000)

    assert run_and(bench, "stubborn", kill).run_us < 3_000_000


def test_kill_of_what_does_not_run(bench: Bench) -> None:
    """Row G13."""

    async def scenario(executor: Executor) -> None:
        unit = bench.unit("silent")
        assert not executor.kill(unit.key)
        await executor.run(unit)
        assert not executor.kill(unit.key)
        assert not executor.suspend(unit.key)
        assert not executor.resume(unit.key)

    bench.run(scenario)


def test_time_limit(bench: Bench) -> None:
    """Row G12."""
    end = run_one(bench, "long", 300_000)
    assert end.exit_code == EXIT_TIME_LIMIT
    assert 300_000 <= end.run_us < 3_000_000
    assert end.result == b"it ran longer than its time limit of 0.3 s\nbegun"


def test_time_limit_of_a_stubborn_one(bench: Bench) -> None:
    end = run_one(bench, "stubborn", 200_000)
    assert end.exit_code == EXIT_TIME_LIMIT
    assert 400_000 <= end.run_us < 3_000_000


def test_suspended_time_counts_for_nothing(bench: Bench) -> None:
    """Row G14."""

    async def pause(executor: Executor, unit: UnitToRun) -> None:
        assert not executor.resume(unit.key)
        assert executor.suspend(unit.key)
        assert executor.usage().suspended == 1
        await trio.sleep(1.2)
        assert executor.resume(unit.key)
        assert not executor.resume(unit.key)

    end = run_and(bench, "half", pause, time_limit_us=900_000)
    assert end.exit_code == 0  # 1.7 s passed, 0.5 s of them running
    assert end.run_us < 900_000


def test_a_suspended_unit_can_be_killed(bench: Bench) -> None:
    async def kill(executor: Executor, unit: UnitToRun) -> None:
        executor.suspend(unit.key)
        executor.kill(unit.key, 5_000_000)

    end = run_and(bench, "long", kill)
    assert end.exit_code == -15
    assert end.run_us < 4_000_000


def test_cancelling_the_task_ends_the_unit(bench: Bench) -> None:
    """Row G07."""

    async def scenario(executor: Executor) -> None:
        with trio.move_on_after(0.1) as scope:
            await executor.run(bench.unit("stubborn"))
        assert scope.cancelled_caught
        assert executor.usage().running == 0

    bench.run(scenario)


def test_closing_ends_what_runs(bench: Bench) -> None:
    """Rows G07 and N31: twice is fine."""

    async def close(executor: Executor, unit: UnitToRun) -> None:
        executor.close()
        executor.close()

    end = run_and(bench, "stubborn", close)
    assert end.exit_code == -9


def test_opened_once_and_not_after_closing(bench: Bench) -> None:
    """Row G07."""

    async def scenario(executor: Executor) -> None:
        with pytest.raises(RuntimeError, match="once"):
            executor.open()
        executor.close()
        with pytest.raises(RuntimeError, match="not open"):
            await executor.run(bench.unit("silent"))
        with pytest.raises(RuntimeError, match="once"):
            executor.open()

    bench.run(scenario)


def test_one_that_fails_does_not_stop_the_others(bench: Bench) -> None:
    """Row N34."""
    words = ["quick", "fails", "quick", "crashes", "quick", "silent"]

    async def scenario(executor: Executor) -> dict[str, list[int]]:
        codes: dict[str, list[int]] = {}

        async def one(word: str) -> None:
            end = await executor.run(bench.unit(word))
            codes.setdefault(word, []).append(end.exit_code)

        async with trio.open_nursery() as nursery:
            for word in words:
                nursery.start_soon(one, word)
        usage = executor.usage()
        assert (usage.running, usage.started, usage.ended) == (0, 6, 6)
        assert usage.cpu_us > 0
        return codes

    assert bench.run(scenario) == {"quick": [0, 0, 0], "fails": [3], "crashes": [-11], "silent": [0]}


def test_usage_and_two_of_one_key(bench: Bench) -> None:
    """Row N35: of one try of a unit there is never a second beside it."""
    unit = bench.unit("long")
    unit = UnitToRun(unit.job_id, 0, 1, unit.lease_id, unit.spec, request=Resources(1_500, 10))

    async def scenario(executor: Executor) -> None:
        async with trio.open_nursery() as nursery:
            begun = trio.Event()
            nursery.start_soon(executor.run, unit, begun.set)
            await begun.wait()
            assert executor.usage().held == Resources(1_500, 10)
            with pytest.raises(RuntimeError, match="runs already"):
                await executor.run(unit)
            nursery.cancel_scope.cancel()
        assert executor.usage().held == NOTHING

    bench.run(scenario)


def test_a_verb_that_is_no_feature_is_refused() -> None:
    """Row G08."""
    executor = SimulatedExecutor(lambda *_: Behaviour(1), frozenset({"output"}))
    with pytest.raises(NotFeatured, match=r'cannot do "kill"; it can do: output'):
        executor.kill((1, 0))
    with pytest.raises(NotFeatured, match="suspend"):
        executor.suspend((1, 0))
    with pytest.raises(NotFeatured) as caught:
        SimulatedExecutor(lambda *_: Behaviour(1), frozenset()).forget(1)
    assert caught.value.sentence == 'this executor cannot do "output"; it can do: nothing of the kind'
