"""What the pages on simulation tell people to type is typed: each block is run by a shell, in the order of the page.

The archive's traces are not part of the project, so small ones that are made up stand under their names; so does a log
that was recorded here for that of ``meted demo``, which has tests of its own. A block must end with exit code 0.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from .simulations.test_own_log import S, recorded
from .test_docs import FENCE, ROOT, text_of

PAGES = ("simulation", "inputs", "policies", "reports", "what-if", "reproduction", "karma")

STAND_INS = ("KTH-SP2-1996-sc15.swf.gz", "CTC-SP2.easy.swf.gz", "LCG-2005-1.swf.gz")

STATED = "CTC-SP2-1996-3.1-cln.swf.gz"
"""Another, whose jobs say how long they take."""

MATRICES = ("demands.txt.gz", "snowflake-100users-3600s.txt.gz")

MODULE = "meted.adapters.cli"

SACCT = """\
printf '1767225600|1767225660|600|4|4|20|1001|100\\n'
printf '1767225700|1767226300|1200|8|8|UNLIMITED|1002|100\\n'
printf '1767225800|1767226900|60|1|1|5|1001|101\\n'
printf '1767225900|Unknown|0|1|1|5|1001|101\\n'
"""
"""What Slurm's ``sacct`` prints: the last job never ran."""


def script(place: Path, name: str, body: str) -> None:
    """Put a program in a place."""
    path = place / name
    path.write_text(f"#!/bin/sh\n{body}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def prepared(place: Path) -> dict[str, str]:
    """Make all that the pages speak of in a place, and return the environment in which they are true."""
    programs = place / "programs"
    programs.mkdir()
    script(programs, "python", f'exec "{sys.executable}" "$@"\n')
    script(programs, "sacct", SACCT)
    demo = f'if [ "$1" = demo ]; then exec cp -r "{place}/recorded" "$2"; fi\n'
    script(programs, "meted", f'{demo}exec "{sys.executable}" -m {MODULE} "$@"\n')
    here = place / "here"
    here.mkdir()
    for name in ("examples", "benchmarks"):
        (here / name).symlink_to(ROOT / name)
    environ = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
    for name in STAND_INS:
        words = ["meted", "generate", "lublin", "--jobs", "60", "--procs", "64", "--users", "6", "--out", name]
        subprocess.run(words, cwd=here, env=environ, check=True)
    words = ["meted", "generate", "poisson", "--jobs", "60", "--procs", "64", "--set", "estimate=3", "--out", STATED]
    subprocess.run(words, cwd=here, env=environ, check=True)
    rows = "".join(" ".join(str((row * column) % 7) for column in range(12)) + "\n" for row in range(30))
    for name in MATRICES:
        (here / name).write_bytes(gzip.compress(rows.encode()))
    with recorded(place / "recorded", "meted") as made:
        made.pool.domain("a", share=1)
        made.pool.domain("b", share=3)
        workers = [made.pool.join("one"), made.pool.join("two")]
        jobs = [made.pool.submit(name, count=5, time_request_us=S) for name in "ab"]
        made.run_all(workers, {(job, index): S for job in jobs for index in range(5)})
    return environ


def run(body: str, place: Path, environ: dict[str, str]) -> None:
    """Have a shell run a block, which has to end well."""
    done = subprocess.run(
        ["sh", "-e", "-c", body], cwd=place / "here", env=environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{body}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_tells_people_to_type_works(page: str, tmp_path: Path) -> None:
    blocks = [body for language, body in FENCE.findall(text_of(ROOT / f"docs/{page}.md")) if language == "sh"]
    assert blocks
    environ = prepared(tmp_path)
    for body in blocks:
        run(body, tmp_path, environ)


@pytest.mark.slow
def test_a_walk_through_the_readme_leaves_nothing_that_git_would_show(tmp_path: Path) -> None:
    """It is typed in a clone. What it makes is somebody's data, so it stays; but it is no change of the project."""
    page = text_of(ROOT / "README.md")
    blocks = [body.replace(". .venv/bin/activate\n", "") for language, body in FENCE.findall(page) if language == "sh"]
    environ = prepared(tmp_path)
    before = {path.name for path in (tmp_path / "here").iterdir()}
    for body in blocks:
        if not body.startswith(("make ", "meted up ")):  # these have tests of their own
            run(body, tmp_path, environ)
    made = {path.name for path in (tmp_path / "here").iterdir()} - before
    made |= set(re.findall(r'Pool\.open\("(\w+)"\)', page))
    assert {"demo-log", "primes", "pool"} < made
    assert {name for name in made if f"/{name}" not in (ROOT / ".gitignore").read_text("utf-8")} == set()
