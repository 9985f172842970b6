"""One domain lends most of its share for an hour: shares and service before, during and after, and the way back.

python examples/loan.py FOLDER    # writes FOLDER/loan.svg
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from meted.core.commands import OfferLoan, RecallLoan
from meted.core.ids import LoanId
from meted.simulations.plot import COLOURS, LINES, label, panels, save, script
from meted.simulations.scenario import Scenario

MINUTE_S, US = 60, 1_000_000
NAMES, SHARE, LENT = ("lender", "borrower", "other"), 10, 8
SLOTS, UNIT_S, EVERY_S = 6, 30, 5 * MINUTE_S
LENDS_S, RECALLS_S, ENDS_S = 60 * MINUTE_S, 120 * MINUTE_S - 10, 300 * MINUTE_S


def draw(folder: Path) -> None:
    """Run five hours with a loan in the second, and draw them."""
    pool = Scenario(SLOTS)
    for name in NAMES:
        pool.domain(name, SHARE)
        pool.submit(0, name, units=100_000, unit_s=UNIT_S)
    pool.at(LENDS_S, OfferLoan(LENDS_S * US, "lender", "borrower", "share", LENT))
    pool.at(RECALLS_S, RecallLoan(RECALLS_S * US, LoanId(1)))
    samples = pool.run(until_s=ENDS_S, every_s=EVERY_S)

    waited_s = min(it.at_s for it in pool.starts if it.domain == "lender" and it.at_s >= RECALLS_S) - RECALLS_S
    whole, g = 3 * SHARE, 0.75 * SHARE
    bound_s = UNIT_S + whole * 2 * UNIT_S / (g * SLOTS)
    print(f"the lender is served {waited_s:g} s after the recall; the bound P12 is {bound_s:g} s")

    figure, (shares, rates) = panels(2)
    minutes = [sample.at_s / MINUTE_S for sample in samples]
    for colour, line, name in zip(COLOURS, LINES, NAMES, strict=False):
        effective = [sample.share[name] for sample in samples]
        shares.step(minutes, effective, where="post", color=colour, linestyle=line, label=name)
        cpus = [(b.service_s[name] - a.service_s[name]) / EVERY_S for a, b in pairwise(samples)]
        rates.step(minutes[1:], cpus, color=colour, linestyle=line, label=name)
    label(shares, f"A loan of {LENT} of {SHARE} moves a share and makes none", "effective share")
    shares.set_ylim(0, 2 * SHARE)
    shares.legend(loc="upper right")
    title = "Recalled, it counts at once; the pool evens out what was used meanwhile"
    label(rates, title, "received (cpus)", "time (minutes)")
    rates.set_ylim(0, SLOTS)
    save(figure, folder / "loan.svg")


if __name__ == "__main__":
    script(__doc__, draw)
