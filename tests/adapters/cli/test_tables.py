"""Tables and amounts for people."""

from __future__ import annotations

import pytest
from rich.console import Console

from meted.adapters.cli.jobs import exit_text
from meted.adapters.cli.tables import ago, amount, compact_span, print_facts, print_table, rich_table, size, span

S = 1_000_000
ROWS = [("1", "first", "why it waits, in so many words that no terminal is wide enough"), ("20", "x", "")]
HEADINGS = ("job", "name", "reason")


def test_plain_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEADINGS, ROWS, ("job",))
    assert capsys.readouterr().out == f"job  name   reason\n  1  first  {ROWS[0][2]}\n 20  x\n"


@pytest.mark.parametrize("one_line", [True, False])
def test_a_table_fits_its_terminal(one_line: bool) -> None:
    console = Console(width=40, record=True, force_terminal=True)
    console.print(rich_table(HEADINGS, ROWS, ("job",), one_line_of=40 if one_line else None))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 40
    assert any(line.rstrip().endswith("…") for line in lines) is one_line
    assert any("no terminal" in line for line in lines) is not one_line


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
    console.print(rich_table(("name", "other"), rows))
    assert "a\\nb\\x1b[2J" in console.export_text()


def test_spans_in_narrow_columns() -> None:
    found = [compact_span(us) for us in (0, 12_000, 1_500_000, 90 * S, 7_800 * S, 3 * 86_400 * S)]
    assert found == ["0", "12 ms", "1.5 s", "1.5 min", "2.2 h", "3 d"]
