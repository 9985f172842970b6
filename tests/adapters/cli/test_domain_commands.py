"""``meted domain``, ``loan``, ``rules`` and ``priority`` against a real server."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meted.adapters.cli import config
from meted.adapters.cli.main import meted

from ..live import LiveServer, live_server


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server with ``org``, below it ``lab`` and ``guests``."""
    with live_server() as made:
        for arguments in (
            ("org", "--share", "3", "--guarantee", "cpu=8,mem=16G"),
            ("lab", "--parent", "org", "--share", "4", "--guarantee", "cpu=4,gpu=1", "--floor", "cpu=1"),
            ("guests", "--parent", "org"),
        ):
            assert made.run("domain", "create", *arguments).returncode == 0
        yield made


@pytest.fixture(autouse=True)
def environ(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let commands in this process find the server."""
    for name in ("METED_SERVER", "METED_DATA", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, server.environ[name])
    config._read.cache_clear()
    yield
    config._read.cache_clear()


def run(*arguments: str, text: str | None = None, code: int = 0) -> Result:
    """Run a command in this process and see that it ends with ``code``, and in a sentence where that is not 0."""
    result = CliRunner().invoke(meted, arguments, prog_name="meted", input=text)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def read(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_the_tree_is_set_in() -> None:
    lines = run("domain", "ls").stdout.splitlines()
    assert lines[0].split(maxsplit=5)[:5] == ["domain", "share", "jobs", "service", "usage"]
    at = next(number for number, line in enumerate(lines) if line.startswith("org"))
    assert [line[:10].rstrip() for line in lines[at : at + 3]] == ["org", "  guests", "  lab"]
    rows = {row["domain"]: row for row in read("domain", "ls")}
    assert (rows["lab"]["parent"], rows["lab"]["depth"], rows["org"]["children"]) == ("org", 2, 2)
    assert read("domain", "show", "lab").keys() == rows["lab"].keys()
    shown = run("domain", "show", "lab").stdout
    assert "guarantee         4 cpus, gpu=1" in shown
    assert "floor of lending  share 1, 1 cpu" in shown


def test_a_domain_keeps_what_is_not_named() -> None:
    run("domain", "create", "kept", "--guarantee", "cpu=2,mem=4G", "--cap", "cpu=4,mem=8G", "--floor-share", "1")
    run("domain", "create", "kept", "--guarantee", "cpu=2,mem=4G", "--cap", "cpu=4,mem=8G")
    run("domain", "set", "kept", "--guarantee", "cpu=3", "--cap", "gpu=1", "--floor", "cpu=1")
    row = read("domain", "show", "kept")
    assert row["guarantee"] == {"cpu_milli": 3_000, "mem_bytes": 4 * 10**9, "generic": {}}
    assert row["cap"] == {"cpu_milli": 4_000, "mem_bytes": 8 * 10**9, "generic": {"gpu": 1_000}}
    run("domain", "set", "kept", "--guarantee", "none", "--cap", "none", "--share", "7")
    row = read("domain", "show", "kept")
    assert (row["share"], row["cap"], row["guarantee"]["cpu_milli"], row["floor"]["cpu_milli"]) == (7, None, 0, 1_000)
    assert "create or change" not in run("domain", "create", "kept", code=1).stderr
    run("domain", "rm", "kept")


def test_an_unknown_domain_is_said_how_to_make() -> None:
    for arguments in (
        ["submit", "--domain", "nowhere", "x"],
        ["domain", "show", "nowhere"],
        ["domain", "rm", "nowhere"],
    ):
        said = run(*arguments, code=1).stderr
        make = "make it with `meted domain create NAME`, or see `meted domain ls`."
        assert said == f"Error: There is no domain 'nowhere'; {make}\n"
    assert "sub-domains" in run("submit", "--domain", "org", "x", code=1).stderr
    assert "2 sub-domains" in run("domain", "rm", "org", code=1).stderr


def test_loans_are_offered_shown_and_recalled() -> None:
    first = run("loan", "offer", "lab", "guests", "cpu=1.5", "--until", "2h", "--notice", "10m").stdout.strip()
    second = run("loan", "offer", "lab", "guests", "share=2", "--start", "now+1h").stdout.strip()
    rows = read("loan", "ls", "--domain", "guests")
    assert [(str(row["loan"]), row["resource"], row["amount"], row["state"]) for row in rows] == [
        (first, "cpu", 1_500, "running"),
        (second, "share", 2, "waiting"),
    ]
    table = run("loan", "ls").stdout.splitlines()
    assert table[0].split() == ["loan", "lender", "borrower", "lent", "state", "from", "until", "notice"]
    assert len(table) == 3
    lines = read("loan", "statement", "lab")
    assert [(line["what"], line["balance"]) for line in lines if line["resource"] == "cpu"] == [
        ("base", 4_000),
        ("lent", 2_500),
        ("effective", 2_500),
    ]
    said = run("loan", "statement", "guests").stdout
    assert "  borrowed" in said
    assert "+1.5 cpus" in said
    assert "4 cpus, gpu=1 → 2.5 cpus, gpu=1" in run("domain", "ls").stdout
    assert "1.5 cpus (loan" in run("domain", "show", "guests").stdout
    assert run("loan", "recall", second).stdout == f"Loan {second} is over.\n"
    assert run("loan", "recall", first).stdout.startswith(f"Loan {first} ends at 20")
    assert "never was" in run("loan", "recall", "999", code=1).stderr
    assert "1 cpu" in run("loan", "offer", "lab", "guests", "cpu=4", code=1).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["loan", "offer", "lab", "guests", "cpu=0"],
        ["loan", "offer", "lab", "guests", "cpu=nan"],
        ["loan", "offer", "lab", "guests", "share=1.5"],
        ["loan", "offer", "lab", "guests", "cpu=1", "--until", "2020-01-01"],
        ["loan", "offer", "lab", "guests", "cpu=1", "--start", "now+2h", "--until", "1h"],
        ["loan", "offer", "lab", "guests", "cpu=1", "--notice", "-1s"],
        ["loan", "recall", "0"],
        ["domain", "create", "x", "--share", "0"],
        ["domain", "create", "x", "--share", "1.5"],
        ["domain", "set", "x", "--cap", "cpu=-1"],
        ["rules", "set"],
        ["rules", "set", "--alpha", "1.5"],
        ["rules", "set", "--half-life", "0"],
        ["rules", "set", "--pool", "dice"],
        ["priority", "1", "2000"],
        ["priority", "1", "high"],
        ["submit", "--time-limit", "0", "x"],
    ],
)
def test_what_makes_no_sense_has_code_2(arguments: list[str]) -> None:
    said = run(*arguments, code=2).stderr
    assert said.startswith("Error: ")
    assert said.count("\n") == 1


def test_a_list_of_loans_and_records_from_files(tmp_path: Path) -> None:
    loans = tmp_path / "loans.json"
    loans.write_text(
        '[{"borrower": "guests", "resource": "gpu", "amount": 0.5}, {"borrower": "x", "resource": "cpu", "amount": 1}]'
    )
    refused = run("loan", "set", "lab", str(loans), code=1)
    assert refused.stdout.endswith("; 1 refused\n")
    assert refused.stderr.startswith("Refused 1 cpu to x: There is no domain 'x'")
    assert run("loan", "set", "lab", "-", text="[]").stdout == "0 made; 0 refused\n"
    records = '[{"name": "below", "parent": "above"}, {"name": "above", "share": 2}, {"name": "bad", "share": "abc"}]'
    taken = run("domain", "import", "-", text=records, code=1)
    assert taken.stdout == "2 created, 0 changed, 0 unchanged, 0 opened, 0 closed, 0 removed, 1 refused\n"
    assert taken.stderr == "Refused bad: Share: 'abc' is no share; write a whole number, like 3.\n"
    assert "Nothing was changed" in run("domain", "import", "-", "--full", text=records, code=1).stderr
    done = json.loads(run("domain", "import", "-", "--full", "--json", text="[]").stdout)
    assert (sorted(done["closed"]), sorted(done["removed"]), done["refused"]) == (
        ["above", "below"],
        ["above", "below"],
        [],
    )


def test_domains_are_as_a_file_says_and_a_second_time_nothing_happens(tmp_path: Path) -> None:
    """Rows N30-N32."""
    file = tmp_path / "domains.json"
    file.write_text(
        """[{"name": "optics", "parent": "science", "cap": {"cpu": 8}, "share": 2,
             "loans": [{"borrower": "guests", "resource": "share", "amount": 1}]},
            {"name": "science", "share": 3, "guarantee": {"cpu": 16, "mem": "64G"}},
            {"name": "nobody", "absent": true}]"""
    )
    seq = read("state")["seq"]
    assert run("domain", "apply", str(file), "--dry-run", code=1).stdout == (
        "optics would be created\nscience would be created\n1 is so already\n"
    )
    assert read("state")["seq"] == seq
    refused = run("domain", "apply", str(file), code=1)
    assert refused.stdout == "optics created\nscience created\n1 is so already\n"
    assert refused.stderr.startswith("Refused optics: ")
    more = file.read_text().replace("guests", "heat").replace("[", '[{"name": "heat", "parent": "science"}, ', 1)
    file.write_text(more)
    done = "heat created\noptics changed: its loans as listed\n2 are so already\n"
    assert run("domain", "apply", str(file)).stdout == done
    seq = read("state")["seq"]
    assert run("domain", "apply", str(file)).stdout == "4 are so already\n"
    assert read("domain", "apply", str(file))["unchanged"] == ["heat", "optics", "science", "nobody"]
    assert read("state")["seq"] == seq + 2, "nothing happened, but that two calls are kept"
    file.write_text('[{"name": "science", "share": 3}, {"name": "optics", "parent": "science"}]')
    changed = run("domain", "apply", str(file)).stdout.splitlines()
    assert changed == [
        "science changed: guarantee 16 cpus, 64 GB → nothing",
        "optics changed: share 2 → 1, at most 8 cpus → no cap",
    ]
    gone = '[{"name": "science", "absent": true}, {"name": "heat", "absent": true}, {"name": "optics", "absent": true}]'
    said = run("domain", "apply", "-", text=gone).stdout
    assert said == "science removed\nheat removed\noptics removed\n"
    assert run("domain", "apply", "-", text=gone).stdout == "3 are so already\n"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{}", "must hold a list"),
        ('[{"share": 1}]', "Domain 1 of the list is wrong: it has no name; add one. Nothing was done."),
        ('[{"name": "a"}, {"name": "b", "stamp": 1}]', "Domain 2 of the list is wrong: there is no 'stamp' in it"),
        ('[{"name": "a", "absent": 1}]', "absent: say true or false."),
        ('[{"name": "a", "absent": true, "share": 2}]', "it is to be absent, so give nothing else but its name."),
        ('[{"name": "a", "loans": {}}]', "loans: it is no list"),
        ('[{"name": "a", "loans": [{"borrower": "b"}]}]', "it has no resource; add one."),
    ],
)
def test_a_file_of_domains_that_is_wrong_does_nothing(text: str, wrong: str) -> None:
    seq = read("state")["seq"]
    assert wrong in run("domain", "apply", "-", text=text, code=1).stderr
    assert read("state")["seq"] == seq


def test_rules_are_shown_and_set() -> None:
    before = read("rules")
    assert before == {
        "alpha_milli": 750,
        "half_life_us": 86_400_000_000,
        "aging_us": 86_400_000_000,
        "pool": "decay",
        "usage": "all",
        "start_mc": 10**9,
    }
    run("rules", "set", "--alpha", "0.5", "--aging", "none", "--usage", "pool")
    assert read("rules") == {**before, "alpha_milli": 500, "aging_us": None, "usage": "pool"}
    assert "0.5: this part of the pool" in run("rules").stdout
    run("rules", "set", "--start", "12.5")
    shown = run("rules").stdout
    assert "12.5 credits for each unit of share" in shown
    run("rules", "set", "--start", "1000000")
    run("rules", "set", "--alpha", "0.75", "--aging", "1d", "--usage", "all", "--half-life", "1d", "--pool", "decay")
    assert read("rules") == before


def test_a_priority_is_changed_and_shown() -> None:
    job = run("submit", "--hold", "--domain", "lab", "--mem", "1G", "--time", "10s", "--", "echo", "a b").stdout.strip()
    run("priority", job, "-3")
    row = read("show", job)
    assert (row["priority"], row["argv"], row["request"]["mem_bytes"]) == (-3, ["echo", "a b"], 10**9)
    shown = {line[:15].strip(): line[15:].strip() for line in run("show", job).stdout.splitlines()}
    assert (shown["command"], shown["priority"], shown["thought to take"]) == ("echo 'a b'", "-3", "10 s")
    run("cancel", job)
    assert "counts no more" in run("priority", job, "1", code=1).stderr
    assert "no job 9999" in run("priority", "9999", "1", code=1).stderr


def test_an_unknown_command_says_what_is_like_it() -> None:
    assert (
        run("domian", code=2).stderr == "Error: No such command 'domian'. Did you mean 'domain'? Try 'meted --help'.\n"
    )
    assert run("zzzzz", code=2).stderr == "Error: No such command 'zzzzz'. Try 'meted --help'.\n"


def test_loans_are_watched(server: LiveServer) -> None:
    command = [sys.executable, "-u", "-m", "meted.adapters.cli", "loan", "watch", "--domain", "watched"]
    run("domain", "create", "watched", "--parent", "org")
    first = run("loan", "offer", "lab", "watched", "share=1").stdout.strip()
    assert read("loan", "watch", "--domain", "watched") == {"loans": read("loan", "ls", "--domain", "watched")}
    with subprocess.Popen(command, env=server.environ, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        lines = [watching.stdout.readline()]
        run("loan", "recall", first)
        lines.append(watching.stdout.readline())
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=20)
    assert watching.returncode == 0
    assert [line.split(maxsplit=1)[1].strip() for line in lines] == [
        f"loan {first}  lab → watched  share 1  running",
        f"loan {first}  lab → watched  share 1  ended: recalled",
    ]


def files_shown() -> Iterator[tuple[str, str]]:
    """Yield the files that help pages and the page on the command line show, each after the command that takes it."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text("utf-8")
    for text in re.findall(r"^```text\n(\[\{.*?)^```$", page, re.DOTALL | re.MULTILINE):
        command = (
            "loan set physics" if '"borrower"' in text[:15] else "domain apply" if "absent" in text else "domain import"
        )
        yield command, text
    for command in ("domain apply", "domain import", "loan set"):
        found = re.search(r"(\[\{.*?\}\])\n", run(*command.split(), "--help").stdout, re.DOTALL)
        assert found is not None
        yield f"{command} physics" if command == "loan set" else command, found[1]


def test_the_files_that_are_shown_are_taken_as_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = list(files_shown())
    assert len(shown) == 6
    for command, text in shown:
        with live_server() as fresh:
            monkeypatch.setenv("METED_SERVER", fresh.environ["METED_SERVER"])
            if command.startswith("loan"):
                run("domain", "create", "physics", "--guarantee", "cpu=16,mem=64G")
                run("domain", "create", "biology")
                run("domain", "create", "guests")
            run(*command.split(), "-", text=text)
