"""The commands against a real server in a process of its own, with a worker that the test plays."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meted.adapters.cli import config
from meted.adapters.cli.jobs import HEADINGS
from meted.adapters.cli.main import meted
from meted.adapters.cli.serve import next_step
from meted.adapters.wire.address import Address, TcpAddress, UnixAddress

from ..faults.pool import wait_until
from ..live import Call, HandWorker, LiveServer, live_server


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server with the domain ``lab``."""
    with live_server() as made:
        assert made.run("domain", "set", "lab").returncode == 0
        yield made


@pytest.fixture
def worker(server: LiveServer) -> Iterator[HandWorker]:
    """A worker of one cpu."""
    made = HandWorker(server.address)
    yield made
    made.leave()


@pytest.fixture(autouse=True)
def environ(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let commands in this process find the server and charge ``lab``."""
    for name in ("METED_SERVER", "METED_DATA", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, server.environ[name])
    monkeypatch.setenv("METED_DOMAIN", "lab")
    monkeypatch.setenv("METED_TAG", "ada")
    config._read.cache_clear()
    yield
    config._read.cache_clear()


def run(*arguments: str, text: str | None = None, code: int = 0) -> Result:
    """Run a command in this process and see that it ends with ``code``."""
    result = CliRunner().invoke(meted, arguments, prog_name="meted", input=text)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def submit(*arguments: str, text: str | None = None) -> str:
    """Submit a job and return what was printed: its id."""
    printed = run("submit", *arguments, text=text).stdout
    assert printed.rstrip("\n").isdecimal()
    return printed.rstrip("\n")


def row(job: str) -> dict[str, object]:
    """Return the row of a job."""
    found: dict[str, object] = json.loads(run("show", job, "--json").stdout)
    return found


def done(job_id: int, index: int) -> bytes | None:
    """A unit that writes its index."""
    return f"{index}\n".encode()


def fail(job_id: int, index: int) -> bytes | None:
    """A unit that fails."""
    raise ValueError("no")


def test_submit_show_and_ls(worker: HandWorker) -> None:
    job = submit("--name", "first", "--tag", "run=a", "--count", "3", "--", "echo", "{index}")
    found = row(job)
    keys = "job domain user name state count pending running succeeded failed cancelled submitted_us tags reason"
    more = "priority points purse_mc argv request time_request_us time_limit_us after begin_us ended_us"
    last = "cwd limits first_index index_step retries backoff_us max_failures max_losses"
    assert list(found) == [*keys.split(), *more.split(), *last.split()]
    assert (found["domain"], found["user"], found["count"], found["tags"]) == ("lab", "ada", 3, {"run": "a"})
    worker.work(done)
    assert row(job)["state"] == "succeeded"
    listed = json.loads(run("ls", "--name", "first", "--json").stdout)
    assert [found["job"] for found in listed] == [int(job)]
    table = run("ls", "--tag", "run=a", "--state", "succeeded", "--last", "1").stdout
    assert table.splitlines()[0].split() == list(HEADINGS)
    assert table.splitlines()[1].split()[:7] == [job, "first", "ada", "lab", "succeeded", "3", "100%"]
    assert "3 succeeded" in run("show", job).stdout
    assert run("ls", "--name", "nothing").stderr == "There are no such jobs.\n"


def test_ls_shows_the_jobs_of_a_time() -> None:
    """Row P15."""

    def listed(*options: str) -> list[int]:
        return [found["job"] for found in json.loads(run("ls", "--name", "timed", *options, "--json").stdout)]

    first, second = (submit("--hold", "--name", "timed", "--", "x") for _ in range(2))
    both = [int(first), int(second)]
    submitted_us = row(second)["submitted_us"]
    assert isinstance(submitted_us, int)
    moment = datetime.fromtimestamp(submitted_us // 10**6, UTC).replace(microsecond=submitted_us % 10**6).isoformat()
    assert listed("--since", moment) == both[1:]
    assert listed("--until", moment) == both[:1]
    assert listed("--since", "now-2h") == listed("--since", "now-2h", "--until", "now") == both
    assert listed("--since", "now+1m") == listed("--until", "now-2h") == []
    assert listed("--since", moment, "--until", moment) == []
    assert listed("--since", "now-2h", "--last", "1") == both[1:]
    assert "is no time" in run("ls", "--since", "2h", code=2).stderr
    said = run("ls", "--since", "now", "--until", "now-1s", code=2).stderr
    assert "Error: --since is later than --until; give the earlier time to --since. Try" in said
    run("cancel", first, second)


def test_ls_says_in_one_sentence_why_a_job_waits(worker: HandWorker) -> None:
    running, waiting = submit("--count", "9", "--time", "1h", "x"), submit("--time", "1h", "x")
    reason = str(row(waiting)["reason"])
    assert reason.count(". ") == 1, "what it needs, and who is before it"
    table = run("ls", "--last", "1")
    assert table.stdout.splitlines()[1].endswith(f"  {reason.partition('. ')[0]}.")
    assert table.stderr == ""
    run("cancel", running, waiting)


def test_shapes_of_a_job(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text("a\nb\n\n")
    assert row(submit("--hold", "--array", "10-30:10", "--", "x"))["count"] == 3
    assert row(submit("--hold", "--each-line", str(lines), "--", "x", "{line}"))["count"] == 3
    assert row(submit("--hold", "--each-line", "-", "x", text="one\ntwo\n"))["count"] == 2
    wrong = run("submit", "--count", "2", "--array", "0-1", "--", "x", code=2)
    assert "give one of them" in wrong.stderr
    both = run("submit", "--each-line", str(lines), "--stdin", str(lines), "x", code=2)
    assert "read the same" in both.stderr
    assert "has no lines" in run("submit", "--each-line", "-", "x", text="", code=1).stderr
    assert "no UTF-8" in run("submit", "--each-line", "/bin/sh", "x", code=1).stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--resource", "gpu=1", "--resource", "gpu=2"), "'--resource': 'gpu' is given twice; give each name once."),
        (("--limit", "cpu_s=1", "--limit", "cpu_s=2"), "'--limit': 'cpu_s' is given twice; give each name once."),
        (("--tag", "run=1", "--tag", "run=2"), "'--tag': 'run' is given twice; give each name once."),
        (("--gpus", "1", "--resource", "gpu=2"), "--gpus and --resource gpu=N say the same; give one of them."),
        (("--resource", "cpu=2"), "'--resource': cpu has an option of its own; give it with --cpus."),
        (("--resource", "mem=2"), "'--resource': mem has an option of its own; give it with --mem."),
        (("--stdin", "nowhere"), "'--stdin': 'nowhere': No such file or directory."),
    ],
)
def test_nothing_that_is_given_counts_for_nothing(given: tuple[str, ...], said: str) -> None:
    said = said if said.startswith("--") else f"Invalid value for {said}"
    assert run("submit", *given, "--", "x", code=2).stderr == f"Error: {said} Try 'meted submit --help'.\n"


def test_every_option_of_submit_is_taken(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_bytes(b"\x00input")
    first = submit("--hold", "x")
    options = (
        "--domain lab --user bob --name n --count 2 --cpus 0.5 --gpus 1 --mem 1Gi --resource licence=2 --time 90s "
        "--time-limit 2h --limit cpu_s=10 --limit open_files=64 --priority 3 --retries 1 --backoff 1s --max-failures 2 "
        f"--no-rerun --env A=b --cwd / --stdin {given} --tag k=v --hold --after {first} --begin now+1h"
    )
    found = row(submit(*options.split(), "--", "cmd", "--flag"))
    assert (found["user"], found["name"], found["state"], found["tags"]) == ("bob", "n", "held", {"k": "v"})
    told = run("show", str(found["job"])).stdout.splitlines()
    assert (
        dict(re.split("  +", line, maxsplit=1) for line in told).items()
        >= {
            "runs in": "/",
            "time limit": "2 h 00 min",
            "held to": "cpu_s 10 s, open_files 64",
            "retries": "1, the first after 1 s",
            "failures allowed": "2",
            "worker lost": "its units fail",
            "tags": "k=v",
        }.items()
    )
    plain = run("show", first).stdout
    assert not any(word in plain for word in ("held to", "retries", "failures allowed", "worker lost", "indices"))
    tens = submit("--hold", "--array", "10-30:10", "--", "x")
    assert re.search("^indices +10 to 30 by 10$", run("show", tens).stdout, re.MULTILINE)


def test_a_dry_run_submits_nothing() -> None:
    before = run("ls", "--json").stdout
    said = run("submit", "--dry-run", "--mem", "900T", "--", "x").stdout
    assert said == "It would be accepted, but no worker that is connected could ever hold one of its units.\n"
    assert run("ls", "--json").stdout == before


def test_refusals_are_sentences_with_code_1() -> None:
    for arguments in (
        ["submit", "--domain", "nowhere", "x"],
        ["show", "999999"],
        ["cancel", "999999"],
        ["drain", "99"],
    ):
        stderr = run(*arguments, code=1).stderr
        assert stderr.startswith("Error: ")
        assert stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["submit"], ["submit", "--mem", "much", "x"], ["show", "first"], ["rerun", "1"], ["logs", "1", "--out", "--err"]],
)
def test_misuse_has_code_2(arguments: list[str]) -> None:
    assert "Try 'meted " in run(*arguments, code=2).stderr


def test_what_is_no_number_is_said_to_be_none() -> None:
    for arguments in (["submit", "--count", "many", "x"], ["drain", "first"], ["logs", "1", "all"]):
        assert f"{arguments[-2 if 'x' in arguments else -1]!r} is no whole number. " in run(*arguments, code=2).stderr


def test_where_no_server_is_the_code_is_3() -> None:
    for arguments in (["ls"], ["submit", "x"], ["wait", "1"], ["watch"]):
        found = (
            run(*arguments, "--server", "unix:/no/server", code=3)
            if arguments != ["submit", "x"]
            else run("submit", "--server", "unix:/no/server", "x", code=3)
        )
        assert found.stderr == (
            "Error: No server runs at unix:/no/server; start one with: meted up --listen unix:/no/server\n"
        )
    assert "no address" in run("ls", "--server", "nonsense", code=2).stderr


def test_hold_start_cancel_delete_and_rerun(worker: HandWorker) -> None:
    job = submit("--hold", "--", "x")
    assert f"start job {job}" in run("explain", job).stdout
    assert "--eta" not in run("explain", job).stdout, "when it starts is up to somebody"
    run("start", job)
    worker.work(fail)
    assert row(job)["state"] == "failed"
    run("rerun", "--failed", job)
    worker.work(done)
    assert row(job)["state"] == "succeeded"
    assert run("explain", job).stdout == f"No unit of job {job} waits.\n"
    other = submit("--hold", "--", "x")
    run("cancel", other, job)
    assert row(other)["state"] == "cancelled"
    run("delete", other, job)
    run("show", other, code=1)


def test_deleting_several_jobs_says_which_are_gone_when_one_cannot_be(worker: HandWorker) -> None:
    ended, held = submit("--hold", "--", "x"), submit("--hold", "--", "x")
    run("cancel", ended)
    said = run("delete", ended, held, code=1).stderr
    assert said == f"Error: Job {held} has not ended; cancel it first. Deleted before it: {ended}.\n"
    assert run("delete", held, code=1).stderr == f"Error: Job {held} has not ended; cancel it first.\n"


def test_a_job_is_told_when_to_begin() -> None:
    """Row N33."""
    job = submit("--begin", "now+1h", "--", "x")
    found = row(job)
    assert found["state"] == "pending"
    assert str(found["reason"]).startswith("It begins in ")
    assert isinstance(found["begin_us"], int)
    assert "begins" in run("show", job).stdout
    assert run("explain", job).stdout.startswith("It begins in ")
    assert run("explain", job).stdout.splitlines()[1:] == [f"`meted explain {job} --eta` says when it should start."]
    assert "is no time" in run("submit", "--begin", "soon", "x", code=2).stderr
    run("cancel", job)


def test_what_is_kept_of_units_that_failed_ends_its_lines(server: LiveServer) -> None:
    worker = HandWorker(server.address)
    job = submit("--count", "2", "x")
    worker.work(fail)
    worker.leave()
    assert run("logs", job, "--err").stdout == "no\nno\n"
    assert run("logs", job, "1").stderr == "no\n"
    assert run("logs", job, "2", code=1).stderr == f"Error: Job {job} has units 0 to 1; give one of these.\n"
    one = submit("--hold", "x")
    assert run("logs", one, "1", code=1).stderr == f"Error: Job {one} has no unit but 0.\n"


def test_units_of_an_array_are_named_by_their_index(server: LiveServer) -> None:
    """``logs JOB 3`` is the unit in which {index} was 3, also where the array begins with 1."""
    worker = HandWorker(server.address)
    job = submit("--array", "1-5:2", "--", "echo", "{index}")
    worker.work(done)  # which writes the number of the unit
    worker.leave()
    for number, index in enumerate((1, 3, 5)):
        assert run("logs", job, str(index)).stdout == f"{number}\n"
        found = json.loads(run("logs", job, str(index), "--json", "--out").stdout)
        assert found == [{"unit": number, "out": f"{number}\n"}]
    for index in (0, 2, 6):
        said = run("logs", job, str(index), code=1).stderr
        assert said == f"Error: Job {job} has units with the indices 1 to 5 by 2; give one of these.\n"
    table = [line.split()[:2] for line in run("show", job, "--units").stdout.splitlines()[-4:]]
    assert table == [["index", "unit"], ["1", "0"], ["3", "1"], ["5", "2"]]


def test_changes_from_job_to_job_are_counted(worker: HandWorker) -> None:
    """Row P24."""
    for _ in range(3):
        submit("x")
    worker.work(done)
    (found,) = json.loads(run("workers", "--json").stdout)
    assert found["switches"] == 2
    heading, line = run("workers").stdout.splitlines()[:2]
    assert line[heading.index("switches") :].split()[0] == "2"


def test_wait_says_how_it_ended(worker: HandWorker) -> None:
    good, bad = submit("--count", "2", "x"), submit("x")
    with working(worker, lambda job, index: done(job, index) if job == int(good) else fail(job, index)):
        run("wait", good)
        assert run("wait", good, bad, code=1).stderr == f"Job {bad}: failed. 1 of 1 units failed; unit 0: no\n"
    assert [found["state"] for found in json.loads(run("wait", good, bad, "--json", code=1).stdout)] == [
        "succeeded",
        "failed",
    ]
    held = submit("--hold", "x")
    late = run("wait", "--timeout", "50ms", held, code=1)
    assert late.stderr == f"Error: The time is over; job {held} goes on.\n"


def test_submit_can_wait(worker: HandWorker) -> None:
    with working(worker, done):
        assert run("submit", "--wait", "x").stdout.strip().isdecimal()
    with working(worker, fail):
        run("submit", "--wait", "x", code=1)


def has_socket(pid: int) -> bool:
    links = Path(f"/proc/{pid}/fd").iterdir()
    with contextlib.suppress(OSError):  # a file that was closed meanwhile
        return any(os.readlink(link).startswith("socket:") for link in links)
    return False


def test_ctrl_c_leaves_the_job_running(server: LiveServer) -> None:
    job = submit("--hold", "x")
    command = [sys.executable, "-m", "meted.adapters.cli", "wait", job]
    with subprocess.Popen(command, env=server.environ, stderr=subprocess.PIPE, text=True) as waiting:
        wait_until(lambda: has_socket(waiting.pid), "it speaks to the server")
        time.sleep(0.5)  # until it has asked
        waiting.send_signal(signal.SIGINT)
        _, said = waiting.communicate(timeout=20)
    assert waiting.returncode == 130
    assert said.strip() == f"Job {job} goes on; `meted cancel` stops what `meted wait` waits for."
    assert row(job)["state"] == "held"


def test_workers_and_drain(worker: HandWorker) -> None:
    (found,) = json.loads(run("workers", "--json").stdout)
    assert (found["worker"], found["state"], found["cpu_milli"]) == (worker.worker, "ready", 1000)
    run("drain", str(worker.worker))
    assert run("workers").stdout.splitlines()[1].split()[1:6] == ["hand", "draining", "0", "of", "1"]
    run("drain", "--undo", str(worker.worker))
    assert json.loads(run("workers", "--json").stdout)[0]["state"] == "ready"


def test_domains() -> None:
    run("domain", "set", "guests", "--share", "3", "--cap", "cpu=1.5,mem=2G,gpu=1")
    rows = {found["domain"]: found for found in json.loads(run("domain", "ls", "--json").stdout)}
    assert rows["guests"]["cap"] == {"cpu_milli": 1500, "mem_bytes": 2 * 10**9, "generic": {"gpu": 1000}}
    table = run("domain", "ls").stdout
    (guests,) = (line for line in table.splitlines() if line.startswith("guests"))
    assert guests.split()[1:4] == ["3", "(60%)", "0"]
    assert guests.endswith("  at most 1.5 cpus, 2 GB, gpu=1")
    run("domain", "rm", "guests")
    assert "guests" not in run("domain", "ls").stdout


def test_state() -> None:
    found = json.loads(run("state", "--json").stdout)
    assert set(found) == {"seq", "digest"}
    assert len(bytes.fromhex(found["digest"])) == 32


def test_watch_prints_lines_where_there_is_no_terminal(worker: HandWorker) -> None:
    job = submit("--name", "seen", "--", "x")
    with working(worker, done):
        lines = run("watch", job).stdout.splitlines()
    assert lines[-1].split(maxsplit=1)[1] == f"job {job} (seen)  succeeded:  1 succeeded"


def test_completion_scripts_and_words(server: LiveServer, worker: HandWorker) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_METED_COMPLETE" in run("completion", shell).stdout
    job = submit("--hold", "--name", "complete", "x")
    words = {"_METED_COMPLETE": "bash_complete", "COMP_WORDS": "meted show ", "COMP_CWORD": "2"}
    assert f"plain,{job}" in server.run(environ=words).stdout.splitlines()
    words |= {"COMP_WORDS": "meted submit --domain l", "COMP_CWORD": "3"}
    assert server.run(environ=words).stdout.splitlines() == ["plain,lab"]
    for line, offered in (("meted drain ", "plain,"), ("meted loan recall ", ""), ("meted up --policy d", "plain,drf")):
        words |= {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        said = server.run(environ=words)
        assert (said.stdout.startswith(offered), said.stderr) == (True, "")
    words |= {"COMP_WORDS": "meted submit --domain l", "COMP_CWORD": "3"}
    nowhere = server.run(environ=words | {"METED_SERVER": "unix:/no/server"})
    assert (nowhere.stdout.strip(), nowhere.stderr) == ("", "")


def test_a_start_without_a_data_directory_of_its_own_is_a_sentence(server: LiveServer) -> None:
    for command in ("serve", "up"):
        found = server.run(command, "--listen", f"unix:{server.directory}/other")
        assert found.returncode == 1
        assert found.stderr.startswith("Error: ")
        assert found.stderr.count("\n") == 1
    for command in ("serve", "up"):
        wrong = server.run(command, "--policy", "dice", "--data", str(server.directory / "d"))
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert "'dice' is no policy of a live pool; choose one of conservative, drf, " in wrong.stderr
        assert not (server.directory / "d").exists()


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        ([UnixAddress("/run/m")], "Next, on this machine: meted worker --server unix:/run/m"),
        ([TcpAddress("pool.example", 7), UnixAddress("/run/m")], "/token: meted worker --server tcp://pool.example:7"),
        ([TcpAddress("0.0.0.0", 7)], f"/token: meted worker --server tcp://{platform.node()}:7"),
        ([TcpAddress("::", 7)], f"/token: meted worker --server tcp://{platform.node()}:7"),
    ],
)
def test_a_server_names_an_address_that_a_worker_can_dial(bound: list[Address], said: str) -> None:
    assert next_step(bound).endswith(said)


@contextlib.contextmanager
def working(worker: HandWorker, call: Call) -> Iterator[None]:
    """Let the worker run what comes while the block lasts."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            worker.work(call, 0.05)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_submission_loads_nothing_that_it_does_not_need(server: LiveServer) -> None:
    program = """
import sys
from meted.adapters.cli import main
sys.argv = ["meted", "submit", "--hold", "--domain", "lab", "x"]
try:
    main()
finally:
    print(*({"trio", "rich", "sqlite3", "cattrs", "immutables", "tomllib"} & sys.modules.keys()), file=sys.stderr)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=server.environ, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip().isdecimal()
    assert done.stderr.strip() == ""


def test_logs_as_one_document(server: LiveServer) -> None:
    job = submit("--count", "2", "--", "x")
    worker = HandWorker(server.address)
    worker.work(lambda _job, index: b"\xffout" if index == 0 else None)
    worker.leave()  # so that nobody asks it for the output, which it does not keep
    printed = run("logs", job, "0", "--out", "--json")
    assert json.loads(printed.stdout) == [{"unit": 0, "out": "\ufffdout"}]
    whole = json.loads(run("logs", job, "--json").stdout)
    assert whole == [{"unit": 0, "out": "\ufffdout", "err": ""}, {"unit": 1, "out": "", "err": ""}]
    assert "contradict each other" in run("logs", job, "--json", "-f", code=2).stderr


def test_watch_as_one_document(worker: HandWorker) -> None:
    job = submit("--hold", "x")
    shown = json.loads(run("watch", "--json").stdout)
    assert list(shown) == ["jobs", "workers"]
    assert shown["jobs"] == json.loads(run("ls", "--json").stdout)
    assert shown["workers"] == json.loads(run("workers", "--json").stdout)
    assert [row["job"] for row in json.loads(run("watch", job, "--json").stdout)["jobs"]] == [int(job)]


def test_an_unknown_worker_is_named_to_people() -> None:
    assert run("drain", "77", code=1).stderr == "Error: There is no worker 77; see: meted workers\n"


def test_what_a_domain_is_not_told_stays_as_it_is() -> None:
    def found() -> dict[str, object]:
        (row,) = (row for row in json.loads(run("domain", "ls", "--json").stdout) if row["domain"] == "guests")
        return {"share": row["share"], "cap": row["cap"]}

    run("domain", "set", "guests", "--share", "3")
    run("domain", "set", "guests", "--cap", "cpu=2,mem=1G")
    assert found() == {"share": 3, "cap": {"cpu_milli": 2000, "mem_bytes": 10**9, "generic": {}}}
    run("domain", "set", "guests", "--cap", "cpu=1")
    run("domain", "set", "guests", "--share", "5")
    assert found() == {"share": 5, "cap": {"cpu_milli": 1000, "mem_bytes": 10**9, "generic": {}}}
    run("domain", "set", "guests", "--cap", "none")
    assert found() == {"share": 5, "cap": None}
    run("domain", "rm", "guests")


def test_explain_eta_says_when_what_waits_should_start(worker: HandWorker) -> None:
    first, second = submit("--time", "20m", "--", "true"), submit("--count", "2", "--time", "20m", "--", "true")
    huge = submit("--cpus", "64", "--", "true")
    worker.hear(1)
    assert (
        run("explain", second).stdout.splitlines()[-1] == f"`meted explain {second} --eta` says when it should start."
    )
    assert not any("--eta" in sentence for sentence in json.loads(run("explain", second, "--json").stdout))
    assert "--eta" not in run("explain", huge).stdout, "nothing is foreseen of it"
    said = run("explain", second, "--eta").stdout.splitlines()
    assert re.fullmatch(r"The next of 2 units that wait should start at [-\d]+ [:\d]+, in about (19|20) min\.", said[0])
    assert re.fullmatch(r"The last should start at .*, in about (39|40) min\.", said[1])
    assert said[3] == "A unit of it is taken to run for 20 min 00 s, by what was asked for."
    assert said[4].startswith("One more point (+1) would cost no credit")
    assert said[5].startswith("Foreseen from event ")
    assert re.search(r"Of \d+ units that wait, something is known of the time of \d+ \(\d+ %\)\.$", said[5])
    assert "no worker has more than" in run("explain", huge, "--eta").stdout
    of_all = run("explain", "--eta").stdout
    never = [line.split()[0] for line in of_all.splitlines() if " not foreseen " in line]
    assert re.search(
        rf"^No start is foreseen of {len(never)} jobs?; `meted explain {never[0]}` says why\.$", of_all, re.M
    )
    table = {line.split()[0]: line for line in of_all.splitlines()}
    assert "not foreseen" in table[huge]
    assert "what was asked for" in table[second]
    assert first not in table
    (found,) = json.loads(run("explain", second, "--eta", "--json").stdout)["jobs"]
    assert (found["job"], found["waiting"], found["basis"]) == (int(second), 2, "requested")
    assert run("explain", first, "--eta").stdout == f"No unit of job {first} waits.\n"
    assert run("explain", code=2).stderr.startswith("Error: Name a job, or ask with --eta")
    for job in (first, second, huge):
        run("cancel", job)
    worker.hear(1)


def test_explain_says_what_a_point_costs_and_how_to_see_what_it_brings(worker: HandWorker) -> None:
    hint = "--eta` says how much earlier it would start with the point."
    run("domain", "set", "shop")
    run("credit", "grant", "shop", "20")
    jobs = [submit("--domain", "shop", "--time", "30m", "--", "true") for _ in range(3)]
    worker.hear(1)
    *_, cost, last = run("explain", jobs[-1]).stdout.splitlines()
    assert cost.endswith(f"would cost 0.5 credits for the rest of it, and bring it before job {jobs[1]}.")
    assert last == f"`meted explain {jobs[-1]} {hint}"
    assert "says when" not in run("explain", jobs[-1]).stdout
    assert hint not in json.loads(run("explain", jobs[-1], "--json").stdout)[-1]
    assert "One more point (+1) would cost 0.5 credits and " in run("explain", jobs[-1], "--eta").stdout
    run("nice", jobs[1], "+1")
    assert " 1 unit ahead of it was paid for at +1. " in run("explain", jobs[-1]).stdout
    free = submit("--time", "30m", "--", "true")
    assert run("explain", free).stdout.splitlines()[-1] == f"`meted explain {free} --eta` says when it should start."
    run("cancel", *jobs, free)
