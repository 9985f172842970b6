"""Two domains share what a third does not use; then it comes: what it gets, and what all of them are owed meanwhile.

python examples/returning.py FOLDER    # writes FOLDER/returning.svg
"""

from __future__ import annotations

from pathlib import Path

from meted.simulations.plot import COLOURS, LINES, label, panels, save, script
from meted.simulations.scenario import Scenario

HOUR_S = 3_600
UNIT_S = {"early": 60, "also early": 150, "late": 240}
SLOTS, COMES_S, EVERY_S = 8, 2 * HOUR_S, 240
LONGEST_S = max(UNIT_S.values())


def draw(folder: Path) -> None:
    """Run eight hours; draw cpus, and lag between its bounds for the domain with the longest units."""
    pool = Scenario(SLOTS)
    for name, unit_s in UNIT_S.items():
        pool.domain(name)
        pool.submit(COMES_S if name == "late" else 0, name, units=100_000, unit_s=unit_s)
    samples = pool.run(until_s=10 * HOUR_S, every_s=EVERY_S)

    figure, (rates, lags) = panels(2)
    hours = [sample.at_s / HOUR_S for sample in samples]
    for colour, line, name in zip(COLOURS, LINES, UNIT_S, strict=False):
        ends = samples[5::5]
        cpus = [(b.service_s[name] - a.service_s[name]) / EVERY_S / 5 for a, b in zip(samples[::5], ends, strict=False)]
        rates.step([end.at_s / HOUR_S for end in ends], cpus, color=colour, linestyle=line, label=name)
        owed = [sample.lag_s[name] / 60 for sample in samples]
        lags.plot(hours, owed, color=colour, linewidth=1, label=f"{name}, units of {UNIT_S[name] / 60:g} min")
    rates.axhline(0.75 * SLOTS / 3, color="black", linewidth=0.8, linestyle=":", label="guaranteed: 0.75 of a third")
    rates.set_ylim(0, SLOTS)
    label(rates, "Who comes late has its part at once, and the rest until all have had alike", "received (cpus)")
    rates.legend(ncols=2)
    highest, lowest = LONGEST_S + 0.75 / 3 * LONGEST_S, -LONGEST_S
    for bound_s in (highest, lowest):
        lags.axhline(bound_s / 60, color="black", linewidth=0.8, linestyle=":")
    label(lags, "Nobody is owed more than a unit or two, whatever happened before", "lag (cpu-minutes)", "time (hours)")
    lags.set_ylim(-5.5, 8)
    lags.legend(ncols=3, fontsize=8)
    save(figure, folder / "returning.svg")
    extremes = [owed for sample in samples for owed in sample.lag_s.values()]
    print(f"lag from {min(extremes):.0f} to {max(extremes):.0f} cpu-seconds; bounds {lowest} and {highest:.0f}")


if __name__ == "__main__":
    script(__doc__, draw)
