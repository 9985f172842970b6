"""What clients want of domains: loans, rules of fairness, domains in domains; :mod:`.asks_credit` has the rest."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import cast

import trio

from .options import EPOCH_US
from .witness import Call

Ask = tuple[str, dict[str, object]]
"""A method and its parameters."""

DOMAINS = ("default", "red", "blue")
PARENT = "green"
"""The domain that sub-domains are made in."""

SUB_DOMAINS = ("green one", "green two")
TOP_DOMAINS = (*DOMAINS, PARENT)

START_US = (-1_000_000, 5_000_000)
"""When a loan may begin, from now."""

TERM_US = (500_000, 30_000_000)
"""When a loan may end after that."""

NOTICE_US = (1, 8_000_000)


def now_us() -> int:
    """Return what time it is in the world, by the clock on the wall of whoever asks."""
    return EPOCH_US + round(trio.current_time() * 1_000_000)


def loan_asks(random: Random, calls: Sequence[Call]) -> list[Ask]:
    """Return what a client may want of loans; an entry for each kind of wish."""
    lender = random.choice(DOMAINS)
    terms = [loan_terms(random, lender, 2) for _ in range(random.randint(0, 3))]
    base: dict[str, object] = {"name": random.choice(DOMAINS), "share": random.randint(1, 9)}
    base |= {"guarantee": {"cpu_milli": random.choice((0, 1000, 3000))}, "floor_share": random.choice((1, 1, 3))}
    asks: list[Ask] = [
        ("loan.offer", {"lender": lender, **loan_terms(random, lender, 1)}),
        ("loan.offer", {"lender": lender, **loan_terms(random, lender, 1)}),
        ("loans.set", {"lender": random.choice((lender, PARENT)), "loans": terms}),
        ("domain.set", base),
    ]
    made = [call.answer["loan"] for call in calls if call.method == "loan.offer" and call.answer is not None]
    listed = [call.answer["made"] for call in calls if call.method == "loans.set" and call.answer is not None]
    loans = [*cast("list[int]", made), *(loan for found in listed for loan in cast("list[int]", found))]
    if loans:
        asks += [("loan.recall", {"loan": random.choice(loans)})] * 2
    return asks


def loan_terms(random: Random, lender: str, least: int) -> dict[str, object]:
    """Return the terms of a loan: amounts are odd where it is offered, and even in lists, so the log tells which."""
    resource = random.choice(("share", "share", "cpu"))
    amount = 2 * random.randint(0, 2) if resource == "share" else 2 * random.randint(0, 800)
    begins = random.random() < 0.3
    start_us = now_us() + random.randint(*START_US)
    terms: dict[str, object] = {
        "borrower": random.choice([name for name in DOMAINS if name != lender]),
        "resource": resource,
        "amount": amount + least,
        "start_us": start_us if begins else None,
        "expiry_us": max(start_us, now_us()) + random.randint(*TERM_US) if random.random() < 0.5 else None,
        "notice_us": random.randint(*NOTICE_US) if random.random() < 0.4 else 0,
    }
    return terms


def rule_asks(random: Random) -> list[Ask]:
    """Return how a client may want the rules of fairness to be."""
    asks: list[dict[str, object]] = [
        {"alpha_milli": random.choice((1, 250, 500, 1000))},
        {"pool": random.choice(("decay", "fifo", "karma"))},
        {"pool": "karma", "start_mc": random.choice((0, 500, 10**9))},
        {"half_life_us": random.choice((1_000_000, 7_000_000, 3_600_000_000))},
        {"aging_us": 2_000_000} if random.random() < 0.5 else {"no_aging": True},
        {"usage": random.choice(("all", "pool"))},
    ]
    return [("rules.set", random.choice(asks))]


def tree_asks(random: Random) -> list[Ask]:
    """Return what a client may want of domains in domains."""
    share = random.randint(1, 5)
    guarantee = {"cpu_milli": random.choice((0, 1000))}
    name = random.choice(SUB_DOMAINS)
    parent = random.choice((PARENT, PARENT, PARENT, "blue"))
    return [
        ("domain.create", {"name": name, "parent": parent, "share": share, "guarantee": guarantee}),
        ("domain.create", {"name": name, "parent": parent, "share": share, "guarantee": guarantee}),
        ("domain.remove", {"name": random.choice((*SUB_DOMAINS, PARENT))}),
        ("domain.set", {"name": name, "share": share}),
    ]
