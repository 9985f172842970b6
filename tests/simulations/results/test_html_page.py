"""The report: one page that stands alone, shows what there is and nothing else, and can be read without seeing it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from meted.core.record import replaced
from meted.simulations import plot
from meted.simulations.errors import SimulationError
from meted.simulations.results.charts import shown, time_unit
from meted.simulations.results.gantt_plot import gantt_plot, placed
from meted.simulations.results.html_page import RUNS_MAX, report_page, write_report
from meted.simulations.results.html_tables import USERS_SHOWN
from meted.simulations.results.plots import lag_plot, load_plot, waits_plot
from meted.simulations.results.run_record import Bar, LoanSeries, RunRecord
from meted.simulations.traces.job import TraceJob

from ..driving import make_trace
from .recording import S, record, recorded

EMPTY_TAGS = {"meta", "br", "path", "use", "rect"}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return where figures are put as they are drawn."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: object, **more: object) -> None:
        save(figure, *args, **more)  # type: ignore[arg-type]
        figures.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


class Reader(HTMLParser):
    """Collects the ids, the references, the titles of sections and plots, and what is open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.uses: list[str] = []
        self.titles: list[str] = []
        self.plots: list[str] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert tag not in ("script", "link", "iframe", "img", "object", "base")
        if found.get("id"):
            self.ids.append(str(found["id"]))
        for name in ("href", "xlink:href", "src"):
            self.uses += [str(found[name])] if name in found else []
        self.uses += [f"#{name}" for value in found.values() for name in re.findall(r"url\(#([^)]*)\)", value or "")]
        if tag == "svg":
            self.plots.append(str(found["aria-labelledby"]))
            assert found["role"] == "img"
        if tag not in EMPTY_TAGS:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY_TAGS:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY_TAGS:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            (self.titles if self._open[-1] == "h2" else self.text).append(data)


@pytest.mark.parametrize("policies", [("easy",), ("fcfs", "easy", "meted")])
def test_a_page_stands_alone(policies: tuple[str, ...]) -> None:
    page = report_page([recorded(policy) for policy in policies])
    found = Reader(page)
    assert len(set(found.ids)) == len(found.ids)
    assert {use for use in found.uses if not use.startswith("#")} == set()
    assert {use[1:] for use in found.uses} <= set(found.ids)
    assert set(found.plots) <= set(found.ids)
    assert [plot.removesuffix("-about") for plot in found.plots] == ["load", "service", "lag", "waits", "gantt"]
    assert "http" not in page.replace("http://www.w3.org/", "")
    assert len(page) < 400_000 * len(policies)
    text = " ".join(found.text)
    for policy in policies:
        assert policy in text
    for row in recorded(policies[0]).rules:
        assert row[0] in text
        assert row[1] in text
    assert str(recorded(policies[0]).figures["trace_sha256"]) in text
    # No colour is left that only stood for one of the page's.
    assert not re.search("#0[123]0[234]0[345]", page)


@pytest.mark.parametrize("plot", [load_plot, lag_plot, waits_plot])
def test_no_name_of_a_run_stands_on_a_line(plot: Callable[[list[RunRecord]], str], drawn: list[Figure]) -> None:
    """What the lines are is said above the panels, not in them, however many there are."""
    runs = [replaced(recorded("easy"), label=f"a policy with a long name {place}") for place in range(RUNS_MAX)]
    plot(runs)
    (figure,) = drawn
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [shown(run.label) for run in runs]
    box = legend.get_window_extent()
    for axes in figure.axes:
        assert axes.get_legend() is None
        assert not box.overlaps(axes.get_window_extent())
    assert figure.bbox.contains(box.x0, box.y0)
    assert figure.bbox.contains(box.x1, box.y1)


def test_a_chart_of_the_schedule_is_as_high_as_the_machine(tmp_path: Path, drawn: list[Figure]) -> None:
    """So what nobody uses is seen as that."""
    gantt_plot([record(make_trace(tmp_path, [TraceJob(1, 1, 0, S, S, 1)], 8), "fcfs")])
    assert drawn[0].axes[0].get_ylim() == (0, 8)


def test_where_nobody_waits_the_axis_is_of_whole_jobs(tmp_path: Path, drawn: list[Figure]) -> None:
    load_plot([record(make_trace(tmp_path, [TraceJob(1, 1, 0, S, S, 1)], 8), "fcfs")])
    assert drawn[0].axes[0].get_ylim() == (0, 1)


def test_what_is_not_there_is_not_shown() -> None:
    run = recorded("easy")
    assert "Loans" not in Reader(report_page([run])).titles
    loans = (
        LoanSeries("a & b", "share", (0.0, 60.0, 120.0), (0, 4, 0), (0, 0, 0)),
        LoanSeries("<i>", "share", (0.0, 60.0, 120.0), (0, 0, 0), (0, 4, 0)),
    )
    lent = replaced(run, series=replaced(run.series, loans=loans))
    page = report_page([run, lent])
    found = Reader(page)
    assert "Loans" in found.titles
    assert {"a & b", "<i>"} <= {text.strip() for text in found.text}


def test_names_are_text_and_nothing_else() -> None:
    names = ("<script>alert(1)</script>$x^2$", r"$\bad{$", "_hidden", "x" * 256, "&amp;", "")
    run = recorded("easy")
    rows = tuple(replaced(row, user=name) for row, name in zip(run.users, names, strict=False))
    users = tuple(replaced(user, user=name) for user, name in zip(run.series.users, names, strict=True))
    changed = replaced(run, label=r"<b>$\bad$", users=rows, series=replaced(run.series, users=users))
    text = Reader(report_page([changed, run])).text
    assert r"<b>$\bad$: received, and owed (dashed)" in text
    for name in names[:-1]:
        assert name in text
        assert shown(name).replace(r"\$", "$") in text


@pytest.mark.filterwarnings("error")
def test_a_plot_takes_names_in_any_writing() -> None:
    """Letters that the font does not have are no news for the terminal, and controls stand as escapes."""
    run = recorded("easy")
    names = ("漢字", "\U0001f4a9", "a\x1b[2J\x9b2J", "a\u202eb", "ü", "مرحبا")
    users = tuple(replaced(user, user=name) for user, name in zip(run.series.users, names, strict=True))
    text = Reader(report_page([replaced(run, series=replaced(run.series, users=users)), run])).text
    assert {"漢字", r"a\x1b[2J\x9b2J", r"a\u202eb"} <= {line.strip() for line in text}


def test_the_smallest_run(tmp_path: Path) -> None:
    run = record(make_trace(tmp_path, [TraceJob(1, 1, 0, S, S, 1)], 1), "fcfs")
    assert "gantt-about" in Reader(report_page([run])).plots


def test_the_largest_tables_and_charts_are_bounded() -> None:
    run = recorded("easy")
    many = replaced(run, users=tuple(replaced(run.users[0], user=f"name {place}") for place in range(5_000)))
    page = report_page([many] * RUNS_MAX)
    assert page.count('<th scope="row">name ') == USERS_SHOWN * RUNS_MAX
    assert "4,750 more users in the file of --csv" in page
    assert len(page) < 4_000_000


@pytest.mark.parametrize("runs", [0, RUNS_MAX + 1])
def test_too_few_and_too_many_runs(runs: int) -> None:
    with pytest.raises(SimulationError, match="1 to 8 runs"):
        report_page([recorded("easy")] * runs)


def test_the_same_run_is_the_same_page() -> None:
    assert report_page([recorded("easy")]) == report_page([recorded("easy")])


def test_without_the_library_and_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SimulationError, match="cannot be written"):
        write_report(str(tmp_path / "none" / "page.html"), [recorded("easy")])
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    with pytest.raises(SimulationError, match=r"pip install 'meted\[plot\]'"):
        write_report(str(tmp_path / "page.html"), [recorded("easy")])
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(("span_s", "unit"), [(10, "seconds"), (180, "minutes"), (4 * 3_600, "hours"), (9e6, "days")])
def test_units_of_time(span_s: float, unit: str) -> None:
    assert time_unit(span_s)[1] == unit


def test_a_job_is_drawn_on_processors_that_nobody_else_has() -> None:
    run: RunRecord = recorded("easy")
    drawn: list[tuple[Bar, float, float]] = []
    for bar, spans in placed(run.gantt.bars):
        assert sum(count for _, count in spans) == bar.procs
        for low, count in spans:
            for other, from_proc, to_proc in drawn:
                apart = bar.start_s >= other.end_s or low >= to_proc or low + count <= from_proc
                assert apart or other is bar
            drawn.append((bar, low, low + count))
