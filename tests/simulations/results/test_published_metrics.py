"""The figures of a real trace in docs/metrics.md are those that come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from meted.simulations.traces.trace import read_trace
from meted.simulations.traces.trace_rules import TraceOptions

from .recording import record

PAGE = Path(__file__).resolve().parents[3] / "docs/metrics.md"

KEYS = (
    "jain_service",
    "gini_service",
    "max_lag_of_bound",
    "max_lead_units",
    "mean_envy_units",
    "max_envy_units",
    "users_worse_than_alone",
    "max_sharing_deficit_s",
    "mean_user_rho",
    "users_rho_above_1",
    "max_head_wait_s",
    "max_starvation",
)
"""The rows of the table, in its order."""


@pytest.mark.parametrize("policy", ["fcfs", "easy", "meted"])
def test_figures_of_a_real_trace(shared_traces: Path, policy: str) -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## On a trace")[2]
    head, _, *rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("|")]
    place = [cell.strip(" `") for cell in head].index(policy)
    trace = read_trace(str(shared_traces / "swf/KTH-SP2-1996-sc15.swf.gz"), TraceOptions(procs=100))
    figures = record(trace, policy).figures
    for key, row in zip(KEYS, rows, strict=True):
        said = row[place].strip().removesuffix(" s").replace(",", "")
        found = figures[key]
        assert isinstance(found, int | float)
        assert f"{found:.{len(said.partition('.')[2])}f}" == said, row[0]
