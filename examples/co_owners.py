"""Three co-owners of twelve cpus, one of whom needs none for two weeks: what it gets back, under karma and by usage.

python examples/co_owners.py FOLDER    # writes FOLDER/co_owners.svg
"""

from __future__ import annotations

from pathlib import Path

from meted.core.state import Rules
from meted.simulations.plot import COLOURS, LINES, label, panels, save, script
from meted.simulations.scenario import Sample, Scenario

NAMES, HOUR_S, DAY_S = ("genomics", "weather", "late"), 3_600, 24 * 3_600
DAYS, SLOTS = 28, 12


def received(pool: str) -> list[Sample]:
    """Return samples of four weeks, in which two always have work and the third has in the last two."""
    scenario = Scenario(SLOTS, Rules(alpha_milli=500, aging_us=None, pool=pool))
    for name in NAMES:
        scenario.domain(name)
    for name in NAMES[:2]:
        scenario.submit(0, name, units=DAYS * 24 * SLOTS, unit_s=HOUR_S)
    scenario.submit(DAYS // 2 * DAY_S, NAMES[2], units=DAYS * 24 * SLOTS, unit_s=HOUR_S)
    return scenario.run(DAYS * DAY_S, DAY_S)


def draw(folder: Path) -> None:
    """Draw what each has received under both."""
    figure, both = panels(2)
    titles = {"karma": "Karma: what was left to others comes back", "decay": "By usage with a half-life of a day"}
    for axes, (pool, title) in zip(both, titles.items(), strict=True):
        samples = received(pool)
        for colour, line, name in zip(COLOURS, LINES, NAMES, strict=False):
            days = [sample.at_s / DAY_S for sample in samples]
            hours = [sample.service_s[name] / HOUR_S for sample in samples]
            axes.plot(days, hours, color=colour, linestyle=line, label=name)
        axes.set_ylim(0, 4_000)
        label(axes, title, "received (cpu-hours)")
        print(f"{pool}:", *(f"{name} {samples[-1].service_s[name] / HOUR_S:,.0f}" for name in NAMES))
    both[0].legend()
    both[1].set_xlabel("time (days)")
    save(figure, folder / "co_owners.svg")


if __name__ == "__main__":
    script(__doc__, draw)
