"""Tables and amounts for people."""

from __future__ import annotations

import json
from typing import cast

import pytest
from rich.console import Console

from meted.adapters.cli import tables
from meted.adapters.cli.columns import fitted
from meted.adapters.cli.domain_show import lag_text
from meted.adapters.cli.jobs import why
from meted.adapters.cli.show import exit_text
from meted.adapters.cli.tables import (
    ago,
    amount,
    compact_span,
    narrowed,
    print_facts,
    print_table,
    rich_table,
    size,
    span,
)
from meted.adapters.cli.watch import Reasons
from meted.adapters.domain_views import DomainView
from meted.adapters.executors.ends import exit_sentence, limit_sentence, time_sentence
from meted.adapters.views import JobView

S = 1_000_000
ROWS = [("1", "first", "why it waits, in so many words that no terminal is wide enough"), ("20", "x", "")]
HEADINGS = ("job", "name", "reason")


def test_plain_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEADINGS, ROWS, ("job",))
    assert capsys.readouterr().out == f"job  name   reason\n  1  first  {ROWS[0][2]}\n 20  x\n"


@pytest.mark.parametrize("one_line", [True, False])
def test_a_table_fits_its_terminal(one_line: bool) -> None:
    console = Console(width=40, record=True, force_terminal=True)
    console.print(rich_table(HEADINGS, ROWS, ("job",), room=40, one_line=one_line))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 40
    assert any(line.rstrip().endswith("…") for line in lines) is one_line
    assert any("no terminal" in line for line in lines) is not one_line


@pytest.mark.parametrize(
    ("count", "reason", "words"),
    [
        (1, "1 of 1 units failed; unit 0: it ended with exit code 3", "exit code 3"),
        (9, "2 of 9 units failed; unit 4: it ended with exit code 3", "unit 4: exit code 3"),
        (1, "1 of 1 units failed; unit 0: there is no command; it was looked for in /bin", "there is no command"),
        (9, "2 of 9 units failed; unit 4: ValueError: no", "unit 4: ValueError: no"),
        (9, "2 of 9 units failed.", "2 of 9 units failed."),
        (9, "3 units failed, more than the 2 that were allowed; unit 0: no", None),
        (9, "It was to run after job 1, and not all of that succeeded.", None),
    ],
)
def test_why_a_job_failed_is_said_in_few_words(count: int, reason: str, words: str | None) -> None:
    row = cast(JobView, {"count": count, "state": "failed", "reason": reason})
    assert why(row) == (words or reason)


def test_why_a_job_waits_is_shorter_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "It is only prepared; start job 5 to let it run. It runs after job 3 (pending).": "start job 5 to let it run",
        "A unit needs 64 cpu, but no worker has more than 8 cpu; start one that has, or ask for less.": (
            "no worker has 64 cpu"
        ),
        "A unit needs 2 gpu, but no worker that would take it now has any gpu; start one that has, or ask for less.": (
            "no worker has 2 gpu"
        ),
        "A unit needs 0.5 cpu and 2 GB mem: worker 1 (a: b) has 0 cpu free of 2 cpu. "
        "Its domain 'vision' is next (owed 0.059 cpu-seconds).": "no room for 0.5 cpu and 2 GB mem",
        "No worker is connected; start one.": "No worker is connected; start one.",
    }
    rows = [{"count": 1, "state": "pending", "reason": sentence} for sentence in said]
    assert [why(cast(JobView, row)) for row in rows] == [f"{each.rstrip('.').partition('. ')[0]}." for each in said]
    monkeypatch.setattr("meted.adapters.cli.jobs.is_terminal", lambda: True)
    assert [why(cast(JobView, row)) for row in rows] == list(said.values())


def test_how_a_unit_failed_is_an_exit_code_a_signal_or_a_limit() -> None:
    said = (
        *(exit_sentence(3, False), exit_sentence(-11, False), exit_sentence(-9, False), time_sentence(1_500_000)),
        *(limit_sentence(name, 2, 3) for name in ("cpu_s", "rss_bytes", "file_bytes")),
    )
    rows = [{"count": 1, "state": "failed", "reason": f"1 of 1 units failed; unit 0: {words}"} for words in said]
    assert [why(cast(JobView, row)) for row in rows] == [
        *("exit code 3", "SIGSEGV", "SIGKILL from outside", "time limit of 1.5 s"),
        *("cpu limit of 2 s", "memory limit of 2 bytes", "file limit of 2 bytes"),
    ]


def test_a_terminal_that_is_too_narrow_goes_without_spare_columns() -> None:
    headings = ("job", "name", "user", "state", "units", "reason")
    rows = [("100", "", "somebody", "succeeded", "1,000,000", "It is only prepared.")]

    def told(room: int) -> tuple[list[str], str]:
        found, cells, lost = narrowed(
            headings, rows, ("job", "units"), room=room, one_line=True, spare=("units", "user", "name")
        )
        assert len(cells[0]) == len(found)
        return found, lost

    assert told(100) == (list(headings), "")
    assert told(60) == (["job", "user", "state", "units", "reason"], ""), "an empty one says nothing"
    assert told(36) == (["job", "user", "state", "reason"], "Left out for want of room: units.")
    assert told(20) == (["job", "state", "reason"], "Left out for want of room: user, units.")


def test_a_live_table_asks_once_how_a_job_failed() -> None:
    asked: list[int] = []

    def why(job_id: int) -> str | None:
        asked.append(job_id)
        return "1 of 1 units failed; unit 0: no"

    rows = {
        number: cast(JobView, {"job": number, "state": state, "pending": 0, "reason": "1 of 1 units failed."})
        for number, state in ((1, "failed"), (2, "succeeded"))
    }
    reasons = Reasons(list, why)
    assert reasons.told(rows, reachable=False) == rows
    for _ in range(2):
        told = reasons.told(rows, reachable=True)
        assert [row["reason"] for row in told.values()] == [why(0), "1 of 1 units failed."]
    assert asked.count(1) == 1
    assert 2 not in asked


@pytest.mark.parametrize(("lag_us", "text"), [(-37, "0 (2 s)"), (60, "+0.1 ms (2 s)"), (-1_500_000, "-1.5 s (2 s)")])
def test_what_nobody_could_notice_is_no_lag(lag_us: int, text: str) -> None:
    assert lag_text(cast(DomainView, {"lag_cpu_us": lag_us, "lag_bound_cpu_us": 2_000_000})) == text


STATEMENT = ("time", "amount", "note")
LINES = [("2026-11-22 07:36:10", "-5,268.60 to -1,548.73", "for the weekend"), ("2026-11-22 07:36:11", "+1", "")]


def test_numbers_are_never_cut_and_no_column_goes() -> None:
    for width in (80, 50, 45, 20):
        console = Console(width=100, record=True, force_terminal=True)
        console.print(rich_table(STATEMENT, LINES, ("amount",), room=width, one_line=False))
        text = console.export_text()
        assert "-5,268.60 to -1,548.73" in text
        assert all(word in text for row in (STATEMENT, *LINES) for cell in row for word in cell.split())
        if width >= 45:
            assert max(map(len, text.splitlines())) <= width


def test_a_table_of_jobs_fits_eighty_columns() -> None:
    headings = ("job", "name", "user", "domain", "state", "units", "done", "failed", "age", "reason")
    row = ("100", "a" * 30, "somebody", "default", "succeeded", "1000", "100%", "12", "12 min", "It is only prepared.")
    numbers = ("job", "units", "done", "failed", "age")
    widths = fitted(headings, [row], numbers, 80, cut=True)
    assert widths == [3, 7, 8, 7, 8, 5, 4, 6, 6, 8]
    short = ("100", "render", "ada", "default", "succeeded", "1000", "100%", "12", "12 min", "It is only prepared.")
    assert fitted(headings, [short], numbers, 80, cut=True)[:-1] == [3, 6, 4, 7, 9, 5, 4, 6, 6]
    assert fitted(headings, [short], numbers, 200, cut=True)[-1] == len("It is only prepared.")


def test_headings_are_broken_before_cells() -> None:
    assert fitted(("a long heading", "b"), [("1", "some words here")], ("a long heading",), 24, cut=False) == [7, 15]
    assert fitted(("a", "b"), [("1", "some words here")], ("a",), 10, cut=False) == [1, 7]
    assert fitted(("a", "b"), [("1", "x" * 40)], ("a",), 10, cut=False) == [1, 16]


def test_what_is_indented_is_not_broken_for_it() -> None:
    """The name of a sub-domain stays in one line, with the blanks that say how deep it lies."""
    rows = [("lab", "some words here"), ("  optics", "more of them"), ("    ab", "and more")]
    assert fitted(("domain", "said"), rows, (), 16, cut=False) == [8, 6]


def test_a_table_on_a_narrow_terminal_is_as_wide_as_its_numbers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    print_table(("a", "b"), [("1,234,567,890", "9,876,543,210")], ("a", "b"))
    assert "1,234,567,890  9,876,543,210" in capsys.readouterr().out


def test_facts(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"job": "7", "name": "", "state": "running"})
    assert capsys.readouterr().out == "job    7\nstate  running\n"


def test_amounts_for_people() -> None:
    assert [span(us) for us in (None, 900, 20_000, 1_250_000, 65 * S, 7_800 * S)] == [
        "",
        "0.9 ms",
        "20 ms",
        "1.2 s",
        "1 min 05 s",
        "2 h 10 min",
    ]
    assert [size(b) for b in (None, 0, 999, 1_500, 999_600_000, 2 * 10**12)] == [
        "",
        "0 B",
        "999 B",
        "1.5 kB",
        "1000 MB",
        "2 TB",
    ]
    assert [amount(milli) for milli in (4000, 500)] == ["4", "0.5"]
    assert [ago(0, now * S) for now in (0, 40, 720, 7_200, 3 * 86_400)] == ["now", "40 s", "12 min", "2 h", "3 d"]
    assert [exit_text(code) for code in (None, 0, 3, -9, -99, 256, 257, 258)] == [
        "",
        "0",
        "3",
        "SIGKILL",
        "signal 99",
        "time limit",
        "not started",
        "over a limit",
    ]


def test_a_name_breaks_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("a\nb\x1b[2J", "é"), ("\u2028", "x\ty")]
    print_table(("name", "other"), rows)
    print_facts({"name": "a\nb"})
    assert capsys.readouterr().out == "name         other\na\\nb\\x1b[2J  é\n\\u2028       x\\ty\nname  a\\nb\n"
    console = Console(width=60, record=True, force_terminal=True)
    console.print(rich_table(("name", "other"), rows, room=60, one_line=False))
    assert "a\\nb\\x1b[2J" in console.export_text()


def test_spans_in_narrow_columns() -> None:
    found = [compact_span(us) for us in (0, 12_000, 1_500_000, 90 * S, 7_800 * S, 3 * 86_400 * S)]
    assert found == ["0", "12 ms", "1.5 s", "1.5 min", "2.2 h", "3 d"]


HOSTILE = "\x1b[2J\x7f\x9b31m\u202e\u200b\u2028\U000e0041\n"


def test_no_json_commands_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"name": HOSTILE, HOSTILE: ["漢字 ünïcödé \U0001f4a9"]}
    tables.print_json(document)
    said = capsys.readouterr().out
    assert json.loads(said) == document
    assert all(char.isprintable() for line in said.splitlines() for char in line)
    assert "漢字 ünïcödé \U0001f4a9" in said
