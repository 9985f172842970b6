"""The file of ``--credit``: what it may say, and the sentence for everything else."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from meted.core.credit.state import CreditRules
from meted.core.record import replaced
from meted.simulations.errors import SimulationError
from meted.simulations.trade.plan import CreditPlan, Trade
from meted.simulations.trade.plan_file import TRADES_MAX, read_plan
from meted.simulations.trade.toml_file import TOML_BYTES_MAX
from meted.simulations.trade.words import plan_rows

ROOT = Path(__file__).resolve().parents[3]
DAY = 86_400_000_000
TRADE = "[[trade]]\npoints = 2\n"

WHOLE = """
[rules]
price = 0.25
grant = 12.5
period = "12h"
cap = 100
half-life = "30d"
income = "treasury"
donors = "nice"
[accounts]
each = 50
begin = {"12" = 200, physics = "0.5"}
without = [7]
unlimited = ["3"]
[[trade]]
domains = ["12", 14]
users = [1, "2"]
points = 3
time-min = 60
time-max = "1h"
procs-min = 2
procs-max = 4
part = 0.5
after = "10m"
[[trade]]
points = -1
"""


def read(folder: Path, text: str | bytes) -> CreditPlan:
    path = folder / "plan.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_plan(str(path))


def test_all_of_it_is_read_exactly(tmp_path: Path) -> None:
    assert replaced(read(tmp_path, WHOLE), sha256="") == CreditPlan(
        "plan.toml",
        CreditRules(12_500, DAY // 2, 100_000, 30 * DAY, 250, "treasury", "nice"),
        50_000,
        (("12", 200_000), ("physics", 500)),
        ("7",),
        ("3",),
        (
            Trade(3, ("12", "14"), (1, 2), 60_000_000, 3_600_000_000, 2, 4, 500, 600_000_000),
            Trade(-1),
        ),
    )


def test_what_is_left_out_is_as_in_a_new_pool(tmp_path: Path) -> None:
    found = read(tmp_path, TRADE)
    assert found.sha256 == sha256(TRADE.encode()).hexdigest()
    assert replaced(found, sha256="") == CreditPlan("plan.toml", CreditRules(), trades=(Trade(2),))
    idle = read(tmp_path, '[rules]\nprice = "none"\ncap = "none"\nhalf-life = "none"\n' + TRADE)
    assert replaced(idle, sha256="") == CreditPlan("plan.toml", CreditRules(), trades=(Trade(2),), is_idle=True)


def test_a_byte_order_mark_is_no_part_of_it(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + TRADE.encode()).trades == (Trade(2),)


def test_the_example_is_such_a_file() -> None:
    plan = read_plan(str(ROOT / "examples/prices.toml"))
    assert (plan.rules.price_mc, [trade.points for trade in plan.trades]) == (500, [2, -1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "plan.toml: nobody trades by it; say who does in an entry that begins with [[trade]]."),
        ("trade = 3", "nobody trades by it"),
        ("trade = [3]", "[[trade]] 1 has to be a table"),
        ("rules = 3\n" + TRADE, "[rules] has to be a table"),
        ("points = 3\n" + TRADE, "'points' is not known; use rules, accounts, trade"),
        ("[rules]\nprize = 3\n" + TRADE, "plan.toml, [rules]: 'prize' is not known; use price, grant, period"),
        ("[rules]\nprice = -1\n" + TRADE, "plan.toml, [rules]: price: '-1' is below 0"),
        ("[rules]\nprice = 0.0001\n" + TRADE, "'0.0001' is too fine"),
        ("[rules]\nprice = nan\n" + TRADE, "is no amount of credit"),
        ("[rules]\nprice = true\n" + TRADE, "price has to be a number or a text in quotes"),
        ('[rules]\ngrant = "none"\n' + TRADE, "'none' is no amount of credit"),
        ("[rules]\nperiod = 1\n" + TRADE, "period: '1' is too short"),
        ('[rules]\nhalf-life = "soon"\n' + TRADE, "'soon' is no duration"),
        ('[rules]\nincome = "mine"\n' + TRADE, "income: 'mine' is none; give funded or treasury."),
        ('[rules]\ndonors = "idle"\n' + TRADE, "donors: 'idle' is none; give all or nice."),
        ("[accounts]\neach = [1]\n" + TRADE, "[accounts]: each has to be a number"),
        ("[accounts]\nbegin = 3\n" + TRADE, "[accounts] begin has to be a table"),
        ("[accounts]\nwithout = 7\n" + TRADE, "[accounts]: without has to be a list of names"),
        ("[accounts]\nwithout = [true]\n" + TRADE, "without has to be a list of names"),
        ('[accounts]\nwithout = [7, "7"]\n' + TRADE, "without names something twice"),
        ("[[trade]]\npart = 0.5", "plan.toml, [[trade]] 1: it does not say how many points"),
        ("[[trade]]\npoints = 0", "points: '0' is no number of points"),
        ("[[trade]]\npoints = 11", "'11' are too many; a job has at most 10"),
        ("[[trade]]\npoints = 2.5", "'2.5' is no number of points"),
        (TRADE + "part = 0", "'0' is no part of their jobs"),
        (TRADE + "part = 1.5", "'1.5' is no part of their jobs"),
        (TRADE + "procs-max = 0", "procs-max: '0' is no whole number from 1 to"),
        (TRADE + "procs-min = 3\nprocs-max = 2", "procs-min is above procs-max, so no job fits"),
        (TRADE + 'time-min = "2h"\ntime-max = "1h"', "time-min is above time-max"),
        (TRADE + "domains = []", "domains is empty, so it is nobody's"),
        (TRADE + 'users = ["ann"]', "users: 'ann' is no whole number"),
        (TRADE + "when = 3", "[[trade]] 1: 'when' is not known; use points"),
        (TRADE + TRADE + "part = 2", "plan.toml, [[trade]] 2: part"),
        ("[rules", "plan.toml is no TOML in UTF-8"),
        (b"\xff", "plan.toml is no TOML in UTF-8"),
        ("x = " + "[" * 5_000, "plan.toml: something in it is nested too deeply; see docs/simulation.md"),
        ("x = " + "9" * 5_000, "plan.toml: something in it is a number beyond 9,223,372,036,854,775,807; see docs"),
        (
            "[rules]\nprice = 0x" + "f" * 5_000 + "\n" + TRADE,
            "price is a number beyond 9,223,372,036,854,775,807; give",
        ),
        ("[" + "x" * 5_000 + "]\n[" + "x" * 5_000 + "]", "plan.toml is no TOML in UTF-8 (it is written wrongly); see"),
        ('[accounts]\nbegin = {"\\u001b[2J" = -1}\n' + TRADE, "[accounts] begin: \\x1b[2J: '-1' is below 0"),
        ('[accounts]\nwithout = [""]\n' + TRADE, "without has to be a list of names"),
        (
            '[accounts]\nbegin = {7 = 1}\nwithout = ["7"]\n' + TRADE,
            "[accounts]: 7 is in without and in begin; name it in",
        ),
        ("[accounts]\nwithout = [7]\nunlimited = [7]\n" + TRADE, "7 is in without and in unlimited; name it in one"),
        (TRADE * (TRADES_MAX + 1), "and at most 1,000 are read"),
        ("#" * (TOML_BYTES_MAX + 1), "plan.toml has more than 1,048,576 bytes"),
    ],
)
def test_what_is_not_understood_is_refused_in_a_sentence(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    with pytest.raises(SimulationError) as refused:
        read(tmp_path, text)
    assert sentence in str(refused.value)
    assert str(refused.value).startswith("plan.toml")
    assert str(refused.value).endswith(".")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="cannot be opened"):
        read_plan(str(tmp_path / "absent.toml"))


def test_nothing_is_told_where_nothing_was_asked_for() -> None:
    assert list(plan_rows({})) == []
