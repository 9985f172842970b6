"""Who had an idle pool for long meets nine others: locked out by usage alone, and served at once in two tiers.

python examples/lockout.py FOLDER    # writes FOLDER/lockout.svg
"""

from __future__ import annotations

from math import log2
from pathlib import Path

from meted.core.state import Rules
from meted.simulations.plot import COLOURS, LINES, label, panels, save, script
from meted.simulations.scenario import Scenario

HALF_LIFE_S = 3_600
SLOTS, OTHERS, ALONE = 10, 9, 8
KINDS = {"usage alone (alpha 0.001)": 1, "two tiers (alpha 0.75)": 750}


def run(alpha_milli: int) -> tuple[list[float], list[float]]:
    """Return half-lives since the others came, and cpu-hours that the first has received since."""
    pool = Scenario(SLOTS, Rules(alpha_milli, HALF_LIFE_S * 1_000_000, None))
    pool.domain("first")
    pool.submit(0, "first", units=100_000, unit_s=60)
    for other in range(OTHERS):
        pool.domain(f"other {other}")
        pool.submit(ALONE * HALF_LIFE_S, f"other {other}", units=100_000, unit_s=60)
    samples = [it for it in pool.run((ALONE + 8) * HALF_LIFE_S, HALF_LIFE_S / 12) if it.at_s >= ALONE * HALF_LIFE_S]
    since = samples[0].service_s["first"]
    times = [sample.at_s / HALF_LIFE_S - ALONE for sample in samples]
    return times, [(sample.service_s["first"] - since) / 3_600 for sample in samples]


def draw(folder: Path) -> None:
    """Draw what the first receives from the moment on at which the others come."""
    figure, (axes,) = panels()
    theory = log2(OTHERS + 1)
    for colour, line, (name, alpha_milli) in zip(COLOURS, LINES, KINDS.items(), strict=False):
        times, received = run(alpha_milli)
        axes.plot(times, received, color=colour, linestyle=line, label=name)
        print(f"{name}: {received[times.index(3.0)]:.2f} cpu-hours in three half-lives")
    axes.plot([0, 8], [0, 8], color="black", linewidth=0.8, linestyle=":", label="its tenth of the machine")
    axes.axvline(theory, color="#888888", linewidth=0.8)
    axes.annotate(f" log2(10) = {theory:.2f}", (theory, 6.8), fontsize=9)
    title = "After a time alone, usage by itself locks out for 3.3 half-lives"
    label(axes, title, "received since (cpu-hours)", "time since the others came (half-lives)")
    axes.legend()
    save(figure, folder / "lockout.svg")


if __name__ == "__main__":
    script(__doc__, draw)
