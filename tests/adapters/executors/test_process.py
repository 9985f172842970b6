"""What real processes alone can show: environment, files, limits, groups, and that nothing is left of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from meted.adapters.executors import environment, launch, process
from meted.adapters.executors.contract import (
    EXIT_NOT_STARTED,
    EXIT_RESOURCE_LIMIT,
    EXIT_TIME_LIMIT,
    STDERR,
    STDOUT,
    UnitEnd,
    UnitToRun,
)
from meted.adapters.executors.options import ProcessOptions, make_limits
from meted.adapters.executors.process import ProcessExecutor
from meted.adapters.executors.running_process import RunningProcess
from meted.adapters.worker.keeper import list_children
from meted.core.record import replaced
from meted.core.resources import Resources
from meted.core.spec import Spec

from .conftest import Processes


def said(end: UnitEnd) -> str:
    return (end.result or b"").decode()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_command_that_is_not_there(processes: Processes) -> None:
    called: list[int] = []
    unit = processes.unit("no-such-command", "x")
    end = trio.run(processes.executor.run, unit, lambda: called.append(1))
    assert end.exit_code == EXIT_NOT_STARTED
    assert said(end).startswith('there is no command "no-such-command" on the worker; it was looked for in ')
    assert called == []
    assert processes.executor.usage().started == 0


@pytest.mark.parametrize(
    ("argv", "cwd", "sentence"),
    [
        ((), "/", "there is no command to run; give one"),
        (("/nowhere/x",), "/", "there is no program /nowhere/x on the worker (seen from the directory /)"),
        (("./plain",), "{here}", "./plain may not be executed on the worker; allow it with: chmod +x ./plain"),
        (("./text",), "{here}", "./text is no program that the worker can run; a script begins with a line like #!"),
        (("./odd",), "{here}", "the interpreter that the first line of ./odd names is not there on the worker"),
        (("true",), "relative", "the directory to run in must be a whole path, not 'relative'"),
        (("true",), "{here}/plain", "it cannot run in the directory {here}/plain on the worker: not a directory"),
        (("true", "a\0b"), "/", "an argument or value has a character that no command can be given"),
        (("true", "x" * 3_000_000), "/", "its arguments and environment are longer than the system takes"),
    ],
)
def test_what_cannot_be_started_has_a_sentence(
    processes: Processes, tmp_path: Path, argv: tuple[str, ...], cwd: str, sentence: str
) -> None:
    for name, text, mode in (("plain", "x", 0o600), ("text", "x\n", 0o700), ("odd", "#!/nowhere/sh\n", 0o700)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    [end] = processes.run(processes.unit(*argv, cwd=cwd.format(here=tmp_path)))
    assert end.exit_code == EXIT_NOT_STARTED
    assert said(end).startswith(sentence.format(here=tmp_path))


def test_a_payload_that_is_none_and_a_bad_variable(processes: Processes) -> None:
    unit = processes.unit("true", env=(("A=B", "x"),))
    bad = processes.unit("true")
    bad = type(bad)(bad.job_id, 0, 1, bad.lease_id, type(bad.spec)(("true",), payload=b"\xc1"))
    ends = processes.run(unit, bad)
    assert [end.exit_code for end in ends] == [EXIT_NOT_STARTED] * 2
    assert said(ends[0]) == "'A=B' is no name of an environment variable; give it as NAME=VALUE"
    assert said(ends[1]) == "the payload of the spec is not MessagePack; submit the job anew"


def test_directory_of_the_submitter_or_one_of_its_own(processes: Processes, tmp_path: Path) -> None:
    before = os.getcwd()
    there = processes.shell("pwd; echo $PWD", cwd=str(tmp_path))
    gone = processes.shell("pwd; echo $METED_SUBMIT_DIR; touch product", cwd="/nowhere/at/all")
    none = processes.shell("pwd", cwd=None)
    ends = processes.run(there, gone, none)
    own = f"{processes.directory}/worker/jobs/{gone.job_id}/0/0.1.d"
    assert said(ends[0]) == f"{tmp_path}\n{tmp_path}\n"
    assert said(ends[1]) == f"{own}\n/nowhere/at/all\n"
    assert os.listdir(own) == ["product"]
    own = f"{processes.directory}/worker/jobs/{none.job_id}/0/0.1.d"
    assert said(ends[2]) == f"{own}\n"
    assert not os.path.exists(own)  # nothing was left in it
    assert os.getcwd() == before


def test_environment(processes: Processes) -> None:
    unit = processes.unit(
        "env",
        index=4,
        env=(("LANG", "xx"), ("METED_UNIT", "mine")),
        secrets={"TOKEN": "geheim"},
        count=9,
        told={"name": "sweep", "domain": "lab"},
        request=Resources(2_500, 7),
        options=ProcessOptions(lines=("a", "b", "c", "d", "é"), first_index=10, index_step=3),
    )
    [end] = processes.run(unit)
    got = dict(line.split("=", 1) for line in said(end).splitlines())
    assert got == {
        **environment.inherited(os.environ),
        "LANG": "xx",
        "TOKEN": "geheim",
        "PWD": "/",
        "METED_JOB": "1",
        "METED_UNIT": "4",
        "METED_INDEX": "22",
        "METED_LINE": "é",
        "METED_COUNT": "9",
        "METED_ATTEMPT": "1",
        "METED_CPUS": "2",
        "METED_MEM_BYTES": "7",
        "METED_JOB_NAME": "sweep",
        "METED_DOMAIN": "lab",
        "METED_SUBMIT_DIR": "/",
    }


def test_secrets_are_on_no_command_line_and_in_no_file(processes: Processes) -> None:
    limits = make_limits({"open_files": 50})
    unit = processes.shell(
        "tr '\\0' ' ' < /proc/$$/cmdline; test \"$TOKEN\" = geheim || exit 9",
        secrets={"TOKEN": "geheim"},
        options=ProcessOptions(limits=limits),
    )
    [end] = processes.run(unit)
    assert end.exit_code == 0
    command_line = said(end)
    assert "test" in command_line
    assert command_line.count("geheim") == 1  # the test's own text
    for folder, _, names in os.walk(processes.directory):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                assert file.read() in (b"", command_line.encode())


def test_one_process_is_started_at_a_time(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row N35: each start is over before the next begins, as the worker itself goes into its directory."""
    launcher = processes.executor._launcher
    start, inside, peaks = launcher.start, [0], []

    def counted(unit: UnitToRun) -> tuple[int, str]:
        inside[0] += 1
        peaks.append(inside[0])
        time.sleep(0.01)  # so that another thread would have its turn
        found = start(unit)
        inside[0] -= 1
        return found

    monkeypatch.setattr(launcher, "start", counted)
    ends = processes.run(*(processes.shell("sleep 0.2") for _ in range(6)))
    assert [end.exit_code for end in ends] == [0] * 6
    assert peaks == [1] * 6


def test_one_process_is_reaped_at_a_time(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row N35: each end is over before the next begins, though all others wait for theirs meanwhile."""
    executor = processes.executor
    reap, inside, peaks, threads = executor._reap, [0], list[int](), set[int]()

    def counted(running: RunningProcess) -> process._Ended:
        inside[0] += 1
        peaks.append(inside[0])
        threads.add(threading.get_ident())
        for other in executor._running.values():
            os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has reaped it
        found = reap(running)
        inside[0] -= 1
        return found

    async def scenario() -> None:
        units = [processes.shell("exec sleep 60") for _ in range(6)]
        async with trio.open_nursery() as nursery:
            for unit in units:
                begun = trio.Event()
                nursery.start_soon(executor.run, unit, begun.set)
                await begun.wait()
            assert [executor.kill(unit.key, 0) for unit in units] == [True] * 6

    monkeypatch.setattr(executor, "_reap", counted)
    trio.run(scenario)
    assert peaks == [1] * 6
    assert threads == {threading.get_ident()}
    assert (executor.usage().running, executor.usage().ended) == (0, 6)


def test_arguments_are_filled_in(processes: Processes) -> None:
    options = ProcessOptions(lines=("x y", "{index}"), first_index=1)
    ends = processes.run(
        processes.unit("echo", "{index}:{line}", "{other}", index=1, options=options),
        processes.unit("echo", "{line}", index=2, options=options),
    )
    assert said(ends[0]) == "2:{index} {other}\n"
    assert ends[1].exit_code == EXIT_NOT_STARTED
    assert said(ends[1]) == "there is no line for unit 2: the job has 2 lines"


def test_stdin(processes: Processes) -> None:
    ends = processes.run(
        processes.unit("cat", options=ProcessOptions(stdin=b"\x00to read")), processes.shell("cat; echo $?")
    )
    assert [end.result for end in ends] == [b"\x00to read", b"0\n"]


def test_cpu_limit(processes: Processes) -> None:
    """Row P39: it ends with a status of its own, which no exit code of a program is."""
    unit = processes.shell("while :; do :; done", options=ProcessOptions(limits=make_limits({"cpu_s": 1})))
    [end] = processes.run(unit)
    assert (end.exit_code, said(end)) == (EXIT_RESOURCE_LIMIT, "it used more processor time than its limit of 1 s")
    assert end.cpu_us >= 300_000, end  # the limit is checked against ticks, which a busy machine counts generously


def test_file_memory_and_descriptor_limits(processes: Processes) -> None:
    """Row P39."""

    def limited(command: str, **limits: int) -> UnitToRun:
        return processes.shell(command, options=ProcessOptions(limits=make_limits(limits)))

    ends = processes.run(
        limited("exec head -c 5000 /dev/zero", file_bytes=4_096),
        limited("head -c 5000 /dev/zero; exit $?", file_bytes=4_096),
        limited("ulimit -v", mem_bytes=64 << 20),
        limited("ulimit -n", open_files=33),
        limited("echo \"$0\" '$x'", open_files=33),
    )
    sentence = "it wrote a file larger than its limit of 4096 bytes"
    assert [end.exit_code for end in ends] == [EXIT_RESOURCE_LIMIT] * 2 + [0] * 3
    assert [said(end).split("\n")[0] for end in ends] == [sentence, sentence, "65536", "33", "/bin/sh $x"]


def test_what_all_processes_of_a_unit_hold_together_is_limited(processes: Processes) -> None:
    """Row P39."""
    hold = 'python3 -c "import time; held = bytearray(48 << 20); time.sleep({})"'

    def limited(command: str) -> UnitToRun:
        return processes.shell(command, options=ProcessOptions(limits=make_limits({"rss_bytes": 100 << 20})))

    two, one = f"{hold.format(60)} & {hold.format(60)} & wait", f"{hold.format(1)}; echo done"
    began_s = time.monotonic()
    ends = processes.run(limited(two), limited(one))
    assert time.monotonic() - began_s < 30
    assert [end.exit_code for end in ends] == [EXIT_RESOURCE_LIMIT, 0]
    assert said(ends[0]).startswith("its processes held 1")
    assert said(ends[0]).endswith(" bytes of memory together, more than its limit of 104,857,600 bytes")
    assert said(ends[1]) == "done\n"


def within(processes: Processes, command: str, time_limit_us: int | None = None) -> UnitToRun:
    """Return a unit whose processes may hold 100 MiB together."""
    unit = processes.shell(command, options=ProcessOptions(limits=make_limits({"rss_bytes": 100 << 20})))
    return replaced(unit, time_limit_us=time_limit_us)


def hold(seconds: float) -> str:
    """Return a command that holds more than that."""
    return f"python3 -c 'import time; held = bytearray(150 << 20); time.sleep({seconds})'"


def test_what_went_into_a_group_of_its_own_is_counted_and_so_it_is_killed(processes: Processes) -> None:
    """As timeout(1) does, with whatever it runs."""
    unit = within(processes, f"timeout 60 {hold(60)} & echo $!; wait")
    [end] = processes.run(unit)
    assert end.exit_code == EXIT_RESOURCE_LIMIT
    written = processes.executor.read(unit.job_id, 0, None, STDOUT, 0, 100).data
    leader = int(written)
    for _ in range(200):
        if not alive(leader) and leader not in groups():
            break
        time.sleep(0.01)
    assert not alive(leader)
    assert leader not in groups(), "what timeout runs is in its group"


def groups() -> set[int]:
    """The groups of all processes that run."""
    found: set[int] = set()
    for pid in filter(alive, map(int, filter(str.isdigit, os.listdir("/proc")))):
        with suppress(ProcessLookupError):
            found.add(os.getpgid(pid))
    return found


def test_memory_is_seen_to_while_a_unit_is_suspended(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> UnitEnd:
        executor, ends = processes.executor, list[UnitEnd]()
        unit = within(processes, "sleep 60")

        async def run() -> None:
            ends.append(await executor.run(unit, lambda: note(executor.suspend(unit.key))))

        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run)
                await trio.sleep(1)
                assert not ends, "it holds little"
                monkeypatch.setattr(executor._memory, "held_bytes", lambda _: 1 << 40)
        return ends[0]

    def note(is_so: bool) -> None:
        assert is_so

    end = trio.run(scenario)
    assert end.exit_code == EXIT_RESOURCE_LIMIT
    assert end.run_us < 900_000, "the time it was suspended does not count"


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("exit 0", 0), ("kill -TERM $$", -15)])
def test_a_unit_that_ends_in_the_moment_it_is_too_large(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, command: str, code: int
) -> None:
    """How it ended by itself stands."""

    def too_late(pid: int) -> int:
        while alive(pid):
            time.sleep(0.001)
        return 1 << 40

    monkeypatch.setattr(processes.executor._memory, "held_bytes", too_late)
    [end] = processes.run(within(processes, command))
    assert end.exit_code == code


def test_memory_and_time_are_limited_together(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit that was reached first is named, also where it takes a while to be gone."""
    memory, grace_us = processes.executor._memory, 200_000
    ends = processes.run(
        within(processes, hold(60), 60_000_000), within(processes, f"trap '' TERM; sleep 1; {hold(60)}", 300_000)
    )
    assert [end.exit_code for end in ends] == [EXIT_RESOURCE_LIMIT, EXIT_TIME_LIMIT]

    lost = [signal.SIGKILL]
    send = RunningProcess.signal

    def late(running: Any, number: signal.Signals) -> None:
        if number in lost:
            lost.remove(number)
        else:
            send(running, number)

    monkeypatch.setattr(RunningProcess, "signal", late)
    monkeypatch.setattr(process, "end_session", lambda _: None)
    monkeypatch.setattr(memory, "held_bytes", lambda _: 1 << 40)
    began_s = time.monotonic()
    [end] = processes.run(within(processes, "trap '' TERM; sleep 30 & while :; do wait; done", 300_000))
    assert time.monotonic() - began_s >= (300_000 + grace_us) / 1e6
    assert end.exit_code == EXIT_RESOURCE_LIMIT


def test_a_worker_without_descriptors_ends_no_unit_for_that(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: str) -> list[str]:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", fail)
        [end] = processes.run(within(processes, "sleep 0.3; exit 4"))
    assert (end.exit_code, said(end)) == (4, "it ended with exit code 4")


def test_units_of_limited_memory_are_cancelled_and_killed_as_others_are(processes: Processes) -> None:
    async def scenario() -> list[UnitEnd]:
        executor, ends = processes.executor, list[UnitEnd]()
        units = [within(processes, "sleep 60") for _ in range(60)]

        async def run(unit: UnitToRun) -> None:
            ends.append(await executor.run(unit))

        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                for unit in units:
                    nursery.start_soon(run, unit)
                await trio.sleep(0.2)
                for unit in units[:30]:
                    assert executor.kill(unit.key, 1_000_000)
                while len(ends) < 30:
                    await trio.sleep(0.01)
                nursery.cancel_scope.cancel()
        assert executor.usage().running == 0
        return ends

    others = set(list_children())
    ends = trio.run(scenario)
    assert [end.exit_code for end in ends] == [-signal.SIGTERM] * 30
    assert set(list_children()) <= others, "no child, so no zombie"


def test_signals_and_descriptors_are_those_of_a_fresh_command(processes: Processes) -> None:
    def mask(name: str) -> int:
        return int(dict(line.split(":", 1) for line in said(ends[0]).splitlines())[name], 16)

    ends = processes.run(processes.unit("cat", "/proc/self/status"), processes.unit("ls", "/proc/self/fd"))
    assert mask("SigBlk") == 0
    assert mask("SigIgn") & (1 << (signal.SIGPIPE - 1)) == 0
    assert mask("SigIgn") & (1 << (signal.SIGXFSZ - 1)) == 0
    assert said(ends[1]).split() == ["0", "1", "2", "3"]  # 3 is the directory that ls reads


def test_nothing_of_its_group_outlives_a_unit(processes: Processes) -> None:
    [end] = processes.run(processes.shell("sleep 30 & echo $!"))
    assert end.exit_code == 0
    for _ in range(100):
        if not alive(int(said(end))):
            break
        time.sleep(0.01)
    assert not alive(int(said(end)))


def test_output_is_read_while_it_grows(processes: Processes) -> None:
    async def scenario() -> None:
        unit = processes.shell("echo one; echo two >&2; sleep 30")
        executor = processes.executor
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(executor.run, unit)
                while executor.read(unit.job_id, 0, None, STDERR, 0, 100).size < 4:
                    await trio.sleep(0.01)
                assert executor.read(unit.job_id, 0, None, STDOUT, 0, 100).data == b"one\n"
                part = executor.read(unit.job_id, 0, None, STDOUT, 4, 100)
                assert (part.data, part.next_offset, part.size) == (b"", 4, 4)
                executor.kill(unit.key, 0)

    trio.run(scenario)


def test_a_job_forgotten_while_it_runs(processes: Processes) -> None:
    async def scenario() -> None:
        units = [processes.shell("sleep 0.1; echo x"), processes.shell("sleep 0.1; exit 2")]
        ends: list[UnitEnd] = []

        async def one(unit: UnitToRun) -> None:
            ends.append(await processes.executor.run(unit, lambda: processes.executor.forget(unit.job_id)))

        async with trio.open_nursery() as nursery:
            for unit in units:
                nursery.start_soon(one, unit)
        assert sorted((end.exit_code, end.result) for end in ends) == [(0, None), (2, b"it ended with exit code 2")]

    trio.run(scenario)


def test_a_job_cannot_hide_from_its_keeper(tmp_path: Path) -> None:
    executor = ProcessExecutor(str(tmp_path), {"METED_KEPT_BY": "me", "AWS_TOKEN": "x"})
    executor.open()
    unit = UnitToRun(1, 0, 1, 1, Spec(("env",), (("METED_KEPT_BY", "nobody"),), "/"))
    end = trio.run(executor.run, unit)
    executor.close()
    assert "METED_KEPT_BY=me" in said(end).splitlines()
    assert "AWS_TOKEN" not in said(end)


def test_something_deleted_the_directories(processes: Processes) -> None:
    options = ProcessOptions(stdin=b"read me")
    unit = processes.unit("cat", options=options)
    assert processes.run(unit)[0].result == b"read me"
    processes.executor.store.forget(unit.job_id)  # the executor itself does not know of it
    assert processes.run(unit)[0].result == b"read me"


def test_no_zombie_and_no_descriptor_is_left(processes: Processes) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    others = set(list_children())  # of tests before

    async def scenario() -> tuple[int, int]:
        executor = processes.executor
        units = [processes.unit("true" if number % 5 else "false") for number in range(500)]
        units += [processes.unit("no-such-command") for _ in range(20)]
        await executor.run(units[0])
        before = descriptors()

        async def lane() -> None:
            while units:
                await executor.run(units.pop())

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(lane)
        return before, descriptors()

    before, after = trio.run(scenario)
    assert before == after
    assert set(list_children()) <= others, "no child, so no zombie"


def test_a_pidfd_that_cannot_be_had(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", fail)
    [end] = processes.run(processes.unit("sleep", "30"))
    assert end.exit_code == EXIT_NOT_STARTED
    assert said(end) == "the worker cannot watch another process now (Too many open files)"


def test_many_jobs_are_kept_ready_but_not_all(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "JOBS_READY_MAX", 3)
    ends = processes.run(*[processes.unit("echo", str(number)) for number in range(8)])
    assert [said(end) for end in ends] == [f"{number}\n" for number in range(8)]
