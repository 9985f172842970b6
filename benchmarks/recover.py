"""Recovery from a real SQLite log: from a snapshot, and cold from the first event.

Jobs of ten units each are submitted, leased and finished one by one in batches like a server's, until ``--units`` are
done; a snapshot is taken at the end. Then a new process opens the log and rebuilds the engine, index and all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fold import record_into
from harness import arguments, rss_mib, show

from meted.adapters.log import SQLiteLog
from meted.adapters.recovery import read_state
from meted.core.engine import Engine
from meted.core.policy.meted import Meted


def reopen(folder: str, *, from_snapshot: bool) -> dict[str, float]:
    """Rebuild the engine from a log and return how long it took."""
    began = time.perf_counter()
    with SQLiteLog.open(Path(folder)) as log:
        found = read_state(log, from_snapshot=from_snapshot)
        if from_snapshot:
            Engine(Meted(), found.state, found.chain)
        state = found.state
    return {"seconds": time.perf_counter() - began, "events": state.seq, "rss_mib": rss_mib()}


def measured(folder: str, how: str) -> dict[str, float]:
    """Return what :func:`reopen` says in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--reopen", how, folder], check=True, capture_output=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Write a log, or reopen one."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--reopen", nargs=2, metavar=("HOW", "FOLDER"), help="used by the benchmark itself")
    options = parser.parse_args()
    if options.reopen:
        how, folder = options.reopen
        print(json.dumps(reopen(folder, from_snapshot=how == "snapshot")))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with SQLiteLog.open(data) as log:
            record_into(log, options.units)
        snapshot, cold = measured(str(data), "snapshot"), measured(str(data), "cold")
    row = {
        "units": options.units,
        "events": int(cold["events"]),
        "from_snapshot_s": round(snapshot["seconds"], 2),
        "cold_s": round(cold["seconds"], 2),
        "rss_mib": snapshot["rss_mib"],
    }
    show("recover", [row], options.json)


if __name__ == "__main__":
    main()
