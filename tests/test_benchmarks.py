"""What other programs read of a benchmark's document: its figures are members of the document itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "figures"),
    [
        (("fold.py", "--units", "200"), {"events_per_s", "decode_events_per_s"}),
        (("recover.py", "--units", "200"), {"from_snapshot_s", "cold_s", "events"}),
        (("simulate.py", str(ROOT / "examples/tiny.swf"), "--runs", "1"), {"jobs_per_s", "rss_mib"}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_the_document_has_its_figures(words: tuple[str, ...], figures: set[str]) -> None:
    name, *rest = words
    command = [sys.executable, str(ROOT / "benchmarks" / name), *rest, "--json", "-"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert figures <= json.loads(done.stdout).keys()
