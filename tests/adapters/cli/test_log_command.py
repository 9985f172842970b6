"""``meted log``: what it prints, its one JSON document, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meted.adapters.cli.events import line_of, print_tables, row_of
from meted.adapters.cli.main import meted
from meted.adapters.embedded import Pool, Unit
from meted.adapters.log import SQLiteLog
from meted.adapters.log.show import Entry
from meted.adapters.recovery import read_state, take_snapshot
from meted.core.commands import CreateDomain
from meted.core.engine import Engine
from meted.core.limits import RETENTION_US
from meted.core.policy.fcfs import Fcfs

DAMAGE = "UPDATE batches SET body = x'00' WHERE first_seq = 3"


def run(*arguments: str | Path, data: Path | None = None, answer: str | None = None) -> Result:
    """Run ``meted log`` with these arguments."""
    environment = {"METED_DATA": None if data is None else str(data)}
    return CliRunner().invoke(meted, ["log", *map(str, arguments)], input=answer, env=environment, prog_name="meted")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A real log: six domains were created, one a batch."""
    path = tmp_path / "data"
    with SQLiteLog.open(path) as log:
        engine = Engine(Fcfs())
        for number in range(6):
            engine.handle(CreateDomain(1_000_000 * (number + 1), f"domain-{number}"))
            sealed = engine.seal()
            assert sealed is not None
            log.append(sealed.batch)
            engine.publish(sealed)
            if number == 0:
                take_snapshot(log, engine)
    return path


def damage(data: Path, statement: str = DAMAGE) -> None:
    """Change the database behind the log's back."""
    with SQLiteLog.open(data) as log:
        list(log._database.writable().execute(statement))


def one_sentence(result: Result) -> str:
    """What a command that failed has said."""
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output
    return result.stderr


def test_show_prints_a_line_an_event(data: Path) -> None:  # row N46
    result = run("show", "--data", data, "--from", "2", "--limit", "2")
    assert result.exit_code == 0
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [line[:3] for line in lines] == [
        ["2", "1970-01-01T00:00:02.000000+00:00", "domain_created v2"],
        ["3", "1970-01-01T00:00:03.000000+00:00", "domain_created v2"],
    ]
    assert 'name="domain-1"' in lines[0][3]


def test_show_prints_one_json_document(data: Path) -> None:
    events = json.loads(run("show", "--json", data=data).stdout)
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5, 6]
    assert set(events[0]) == {"seq", "at_us", "tag", "version", "fields"}
    assert events[5]["fields"]["name"] == "domain-5"
    assert json.loads(run("show", "--json", "--from", "7", data=data).stdout) == []


def test_show_prints_a_table_on_a_terminal(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meted.adapters.cli.log.is_terminal", lambda: True)
    shown = run("show", "--all", data=data).stdout
    assert "time (UTC)" in shown
    assert "domain-5" in shown


def test_show_says_what_it_left_out(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meted.adapters.cli.log.SHOW_EVENTS", 4)
    result = run("show", data=data)
    assert (result.exit_code, result.stdout.count("\n")) == (0, 4)
    assert result.stderr == "2 more events follow; go on with --from 5, or show everything with --all.\n"
    assert run("show", "--from", "2", data=data).stderr.startswith("1 more event follows; go on with --from 6,")
    for arguments in (["--from", "3"], ["--all"], ["--limit", "2"]):
        assert run("show", *arguments, data=data).stderr == ""


def fail_at_first(unit: Unit) -> None:
    """Fail at the first attempt."""
    assert unit.attempt > 1


def test_show_tells_of_a_job_that_has_left(tmp_path: Path) -> None:
    """With --job there is all that happened to it, and nothing of others: a report names its lease and no job."""
    now_us = 1_000_000
    with Pool.open(tmp_path / "pool", clock=lambda: now_us) as pool:
        pool.domain("d")
        other, job = pool.submit("d", retries=1), pool.submit("d", retries=1)
        pool.run(pool.join("me"), fail_at_first)
        now_us += RETENTION_US
        pool.tick()
        assert pool.jobs() == []
    result = run("show", tmp_path / "pool", "--job", str(job), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [one["tag"] for one in found] == [
        *("job_submitted", "units_leased", "units_finished", "units_leased", "units_finished"),
        *("job_ended", "job_archived"),
    ]
    assert {one["fields"].get("job_id", job) for one in found} == {job} != {other}
    assert json.loads(run("show", tmp_path / "pool", "--job", "99", "--json").stdout) == []


@pytest.mark.parametrize("arguments", [("--from", "2"), ("--limit", "2")])
def test_a_job_is_shown_whole(data: Path, arguments: tuple[str, str]) -> None:
    result = run("show", "--data", data, "--job", "1", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--job shows all that happened" in result.stderr


def test_show_says_where_the_log_ends(data: Path, tmp_path: Path) -> None:
    result = run("show", "--from", "7", data=data)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "The log ends at seq 6.\n")
    SQLiteLog.open(tmp_path / "new").close()
    assert run("show", data=tmp_path / "new").stderr == "The log is empty.\n"


def test_lines_and_tables_have_the_beginning_of_what_is_very_long() -> None:
    """A spec or the times of a thousand units would hide all else; a digest is whole in a line, to be searched for."""
    fields: dict[str, object] = {
        "digest": bytes(32),
        "body": bytes(9_999),
        "run_us": [7] * 1_000,
        "terms": {"lines": [b"\1" * 33]},
    }
    entry = Entry(1, 0, "tag", 1, fields)
    line, row = line_of(entry)[3], row_of(entry)[3]
    assert line.startswith(f'digest="{"00" * 32}" body="000000000000…" run_us=[7, 7, ')
    assert row.startswith('digest="000000000000…" body="000000000000…" run_us=[7, 7, ')
    for said in (line, row):
        assert said.count("7, ") == 16
        assert '7, "… and 984 more"] terms={"lines": ["010101010101…"]}' in said
    assert "more" not in line_of(Entry(1, 0, "tag", 1, {"run_us": [7] * 16}))[3]


def test_what_the_log_holds_commands_no_terminal() -> None:
    entry = Entry(1, 0, "tag\x1b[2J", 1, {"name\x9b": "\x1b]0;title\x07\x9b2J\u202e\x7f", "user": "Zoë 漢"})
    for said in ("".join(row_of(entry)), "".join(line_of(entry))):
        assert said.isprintable()
        assert 'user="Zoë 漢"' in said


def test_a_table_fits_a_terminal_of_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    fields = {"at_us": 1_500_000, "digest": bytes(range(32)), "terms": {"key": b"ab", "names": ["n" * 30] * 3}}
    entry = Entry(123_456, 1_500_000, "job_submitted", 1, fields)
    assert row_of(entry)[1] == "1970-01-01 00:00:01"
    assert row_of(entry)[3].startswith('digest="000102030405…" terms={"key": "6162", ')
    assert "at_us=7" in row_of(Entry(1, 1_500_000, "tag", 1, {"at_us": 7}))[3]
    print_tables(iter([entry]))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.count("n") >= 90, "what is too long goes on in the next line"
    assert "1970-01-01 00:00:01   job_submitted v1   " in shown
    monkeypatch.setenv("COLUMNS", "60")
    print_tables(iter([entry]))
    shown = capsys.readouterr().out
    assert shown.startswith("123456  1970-01-01 00:00:01  job_submitted v1")
    assert '\n    digest="000102030405…" terms={' in shown, "below it, on nearly the whole width"
    assert max(map(len, shown.splitlines())) <= 60


def test_show_stops_at_damage_with_a_whole_document(data: Path) -> None:
    damage(data)
    result = run("show", "--json", data=data)
    assert result.exit_code == 1
    assert [event["seq"] for event in json.loads(result.stdout)] == [1, 2]
    assert "damaged at seq 3" in one_sentence(result)


def test_verify_a_good_log(data: Path) -> None:
    result = run("verify", data=data)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "6 events in 6 batches: all is what was written." in result.stdout
    report = json.loads(run("verify", "--json", data=data).stdout)
    assert (report["ok"], report["events"], report["first_bad_seq"], len(report["chain"])) == (True, 6, None, 64)


def test_verify_a_damaged_log(data: Path) -> None:
    damage(data)
    result = run("verify", data=data)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "good up to seq 2 and damaged at seq 3" in one_sentence(result)
    result = run("verify", "--json", data=data)
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert (report["ok"], report["first_bad_seq"], report["last_good_seq"], report["lost_from_seq"]) == (False, 3, 2, 3)


def test_export_writes_tables(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.sqlite3"
    result = run("export", "--sqlite", target, data=data)
    assert result.exit_code == 0
    assert "6 events" in result.stdout
    result = run("export", "--sqlite", target, data=data)
    assert result.exit_code == 1
    assert "is there already" in one_sentence(result)
    damage(data)
    result = run("export", "--sqlite", tmp_path / "part", data=data)
    assert result.exit_code == 1
    assert "The export is not complete" in one_sentence(result)
    assert (tmp_path / "part").exists()


def test_backup_copies(data: Path, tmp_path: Path) -> None:
    result = run("backup", tmp_path / "copy", data=data)
    assert result.exit_code == 0
    assert "6 events up to seq 6, verified" in result.stdout


def test_a_backup_is_read_like_a_data_directory(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    run("backup", copy, data=data)
    for command in (["show"], ["show", "--json"], ["verify"], ["verify", "--json"], ["refusals"]):
        there, here = run(*command, data=data), run(command[0], copy, *command[1:])
        assert (here.exit_code, here.output) == (0, there.output)
    assert "holds 6 events" in run("export", copy, "--sqlite", tmp_path / "tables").stdout
    assert "is a file" in run("repair", copy, "--yes").stderr
    other = tmp_path / "other"
    other.write_text("what somebody wrote")
    assert run("show", other).exit_code == 1


def test_repair_of_a_good_log_does_nothing(data: Path) -> None:
    result = run("repair", data=data)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Nothing is wrong" in result.stdout


@pytest.mark.parametrize("how", ["--yes", "answer"])
def test_repair_notes_what_was_lost(data: Path, how: str) -> None:
    damage(data)
    result = run("repair", "--yes", data=data) if how == "--yes" else run("repair", data=data, answer="y\n")
    assert result.exit_code == 0
    assert "Events 3 to 6 are lost" in result.stdout
    events = json.loads(run("show", "--json", data=data).stdout)
    assert [event["tag"] for event in events] == ["domain_created", "domain_created", "log_repaired"]
    assert (events[2]["fields"]["lost_first_seq"], events[2]["fields"]["lost_last_seq"]) == (3, 6)
    assert run("verify", data=data).exit_code == 0
    with SQLiteLog.open(data) as log:
        assert read_state(log).state.seq == 3


@pytest.mark.parametrize(("answer", "sentence"), [("n\n", "Nothing was changed."), ("", "give --yes to repair")])
def test_repair_asks_first(data: Path, answer: str, sentence: str) -> None:
    damage(data)
    result = run("repair", data=data, answer=answer)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "meted log repair" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: Nothing was changed")
    assert sentence in last
    assert run("verify", data=data).exit_code == 1


def test_repair_of_what_cannot_be_saved_does_not_ask(data: Path) -> None:
    (data / "log.sqlite3").write_bytes(b"garbage" * 1_000)
    assert "`meted log repair` cannot save it; put a backup in its place." in one_sentence(run("verify", data=data))
    result = run("repair", data=data)
    assert result.exit_code == 1
    assert "put a backup in its place" in one_sentence(result)


def test_help_speaks_of_what_is_there() -> None:
    for command in ("show", "verify", "export", "backup", "repair"):
        assert "server" not in run(command, "--help").stdout
    listed = run("--help").stdout
    assert "server" not in listed
    assert "..." not in listed.partition("Commands:")[2], "no short help is cut off"


def test_a_log_in_use_can_be_read_and_not_repaired(data: Path) -> None:
    damage(data)
    with SQLiteLog.open(data):
        assert run("verify", data=data).exit_code == 1
        result = run("repair", "--yes", data=data)
    assert result.exit_code == 1
    assert "is held by process" in result.stderr


@pytest.mark.parametrize("command", ["show", "verify", "repair"])
def test_there_must_be_a_log(tmp_path: Path, command: str) -> None:
    result = run(command, data=tmp_path)
    assert result.exit_code == 1
    assert f"There is no log in {tmp_path}" in one_sentence(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "--from", "0"],
        ["show", "--from", "x"],
        ["show", "--limit", "0"],
        ["show", "--all", "--limit", "3"],
        ["export"],
        ["backup"],
        ["verify", "--nonsense"],
        ["sing"],
    ],
)
def test_misuse_is_told_in_a_sentence(data: Path, arguments: list[str]) -> None:
    result = run(*arguments, data=data)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--help" in one_sentence(result)


def test_the_default_directory_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"no log in {tmp_path}/.local/share/meted;" in run("verify").stderr
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert f"no log in {tmp_path}/xdg/meted;" in run("verify").stderr


def test_the_data_directory_is_named_by_an_argument_or_an_option(data: Path, tmp_path: Path) -> None:
    for command in (["show", "--limit", "1"], ["verify"], ["export", "--sqlite"], ["backup"], ["repair", "--yes"]):
        writes = command[0] in {"export", "backup"}
        words = [[*command, *([str(tmp_path / f"{command[0]}-{n}")] if writes else [])] for n in range(2)]
        named = [run(words[0][0], data, *words[0][1:]), run(*words[1], "--data", data)]
        assert [result.exit_code for result in named] == [0, 0], named[0].output + named[1].output
        assert named[0].output.replace(f"{command[0]}-0", f"{command[0]}-1") == named[1].output
        twice = run(words[0][0], data, *words[0][1:], "--data", data)
        assert twice.exit_code == 2
        assert "named twice" in one_sentence(twice)
    assert run("verify", data=data).exit_code == 0  # and by the environment
    assert run("verify", data, data=tmp_path / "other").exit_code == 0, "an argument counts for more than that"
    assert "meted log backup DIR FILE" in one_sentence(run("backup", data, tmp_path / "x", tmp_path / "y"))
