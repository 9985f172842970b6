"""What a user gains by saying other than the truth while credit is traded; not speed.

Four users want the same work at the same moments (the model ``strategic`` of ``meted generate``). In one run all tell
the truth; in the others one of them asks for three or ten times the time that it needs, or splits each job into eight.
A gain is the delay of who tells the truth over the delay of who does not (docs/metrics.md): above 1 it paid. So is that
of the other three, by what that one says. Under ``meted``, without trade and with it by the file of ``--credit``.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from harness import Row, arguments, show

METED = (sys.executable, "-m", "meted.adapters.cli")

ARRIVALS = 1_500
"""Times at which all users submit."""

MISREPORTS = {"asks for 3 x its time": ("2", 3, 1), "asks for 10 x its time": ("2", 10, 1), "splits by 8": ("4", 1, 8)}
"""Which user says otherwise, how many times its time it asks for, and into how many it splits each job."""


def delays(seed: int, over: int, parts: int, credit: str | None) -> dict[str, float]:
    """Return the delay of each user in one run, in seconds."""
    says = [f"over={over}", "under=1", f"parts={parts}"]
    model = [
        "--jobs",
        str(ARRIVALS * (3 + parts)),
        "--seed",
        str(seed),
        "--users",
        "4",
        "--load",
        "0.9",
        "--run",
        "30m",
    ]
    settings = [word for value in says for word in ("--set", value)]
    made = subprocess.run([*METED, "generate", "strategic", *model, *settings], stdout=subprocess.PIPE, check=True)
    trade = [] if credit is None else ["--credit", credit]
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "users.csv")
        command = [*METED, "simulate", "-", "--policy", "meted", "--csv", str(rows), *trade]
        subprocess.run(command, input=made.stdout, stdout=subprocess.DEVNULL, check=True)
        with rows.open(encoding="utf-8", newline="") as lines:
            return {row["user"]: float(row["mean_delay_s"]) for row in csv.DictReader(lines)}


def gains(seeds: int, trade: str, credit: str | None) -> list[Row]:
    """Compare each misreport with the truth, and return the median gains over the seeds."""
    truthful = [delays(seed, 1, 1, credit) for seed in range(seeds)]
    rows: list[Row] = []
    for misreport, (user, over, parts) in MISREPORTS.items():
        told = [delays(seed, over, parts, credit) for seed in range(seeds)]
        own = [truth[user] / lie[user] for truth, lie in zip(truthful, told, strict=True)]
        others = [
            truth[who] / lie[who] for truth, lie in zip(truthful, told, strict=True) for who in lie if who != user
        ]
        rows.append(
            {
                "trade": trade,
                "misreport": misreport,
                "gain": round(median(own), 2),
                "least": round(min(own), 2),
                "most": round(max(own), 2),
                "of_others": round(median(others), 2),
            }
        )
    return rows


def main() -> None:
    """Compare without trade and with it."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--credit", metavar="FILE", help="who trades, as for meted simulate")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    rows = gains(options.seeds, "none", None)
    if options.credit is not None:
        rows += gains(options.seeds, Path(options.credit).name, options.credit)
    show("misreport", rows, options.json)


if __name__ == "__main__":
    main()
