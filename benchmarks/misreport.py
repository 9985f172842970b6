"""What a user gains by saying other than the truth while credit is traded; not speed.

Four users want the same work at the same moments (the model ``strategic`` of ``meted generate``, all of them honest).
One of them asks for three or ten times the time that it needs, or splits each job into eight: ``meted compare
--misreport`` says what it gains by that (docs/metrics.md), and the others, once for each seed. Under ``meted``, without
trade and with it by the file of ``--credit``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median

from harness import Row, arguments, show

METED = (sys.executable, "-m", "meted.adapters.cli")

ARRIVALS = 1_500
"""Times at which all users submit."""

LIAR = "2"
SAYS = ("x3", "x10", "split8")
"""Which user says other than the truth, and what."""


def gains(seed: int, credit: str | None) -> list[dict[str, float | str]]:
    """Return what ``meted compare`` says of the gains of one workload."""
    model = ["--jobs", str(4 * ARRIVALS), "--seed", str(seed), "--users", "4", "--load", "0.9", "--run", "30m"]
    truth = ["--set", "over=1", "--set", "under=1", "--set", "parts=1"]
    made = subprocess.run([*METED, "generate", "strategic", *model, *truth], stdout=subprocess.PIPE, check=True)
    trade = [] if credit is None else ["--credit", credit]
    told = [word for text in SAYS for word in ("--says", text)]
    command = [*METED, "compare", "-", "--policy", "meted", *trade, "--misreport", LIAR, *told]
    options = ["--resamples", "0", "--json", "-"]
    found = subprocess.run([*command, *options], input=made.stdout, stdout=subprocess.PIPE, check=True)
    document = json.loads(found.stdout)
    rows: list[dict[str, float | str]] = document["misreport"]["gains"]
    return rows


def table(seeds: int, credit: str | None) -> list[Row]:
    """Return the medians over the seeds, for each trade and each thing that is said."""
    found: dict[tuple[str, str], list[dict[str, float | str]]] = {}
    for seed in range(seeds):
        for one in gains(seed, credit):
            found.setdefault((str(one["policy"]), str(one["says"])), []).append(one)
    rows: list[Row] = []
    for (run, says), each in found.items():
        own = [float(one["gain"]) for one in each]
        rows.append(
            {
                "run": run,
                "says": says,
                "gain": round(median(own), 2),
                "least": round(min(own), 2),
                "most": round(max(own), 2),
                "of_others": round(median(float(one["of_others"]) for one in each), 2),
            }
        )
    return rows


def main() -> None:
    """Compare the truth with what is said, without trade and with it."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--credit", metavar="FILE", help="who trades, as for meted simulate")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    show("misreport", table(options.seeds, options.credit), options.json)


if __name__ == "__main__":
    main()
