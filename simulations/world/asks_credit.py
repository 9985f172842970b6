"""What clients want of credit: to have, send, hold, lend and spend it, and other rules for it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import cast

from .asks import DOMAINS, Ask, now_us
from .witness import Call

AMOUNT_MC = (1, 4_000)
TERM_US = (500_000, 20_000_000)
"""How long a hold or a loan of credit lasts at most."""

PERIODS_US = (60_000_000, 60_000_000, 90_000_000)
PRICES_MC = (0, 1_000, 200_000, 3_000_000)
"""With these a point for the work of one job is free, cheap, or more than a domain has."""


def credit_asks(random: Random, calls: Sequence[Call], jobs: Sequence[int], mark: str) -> list[Ask]:
    """Return what a client may want of credit; ``mark`` is a note that no other call has."""
    payer, payee = random.sample(DOMAINS, 2)
    amount_mc = random.randint(*AMOUNT_MC)
    due_us = now_us() + random.randint(*TERM_US)
    until_us = due_us if random.random() < 0.6 else None
    asks: list[Ask] = [
        ("credit.grant", {"domain": payer, "amount_mc": 3 * amount_mc, "note": mark}),
        ("credit.grant", {"domain": payer, "amount_mc": random.choice((-1, 1)) * amount_mc, "note": mark}),
        ("credit.transfer", {"payer": payer, "payee": payee, "amount_mc": amount_mc, "note": mark}),
        ("credit.transfer", {"payer": payer, "payee": payee, "amount_mc": amount_mc, "note": mark}),
        ("credit.hold", {"domain": payer, "amount_mc": amount_mc, "until_us": until_us}),
        ("credit.lend", {"lender": payer, "borrower": payee, "amount_mc": amount_mc, "due_us": due_us}),
        ("credit.rules.set", _rules(random)),
        random.choice(_seldom(random, payer)),
    ]
    holds = _answers(calls, "credit.hold", "hold")
    if holds:
        hold = holds[-1]
        asks += [("credit.post", {"hold": hold, "payee": payee, "amount_mc": min(amount_mc, 500)})] * 2
        asks.append(("credit.void", {"hold": hold}))
    loans = _answers(calls, "credit.lend", "loan")
    if loans:
        asks.append(("credit.repay", {"loan": random.choice(loans)}))
    return asks + [points_ask(random, random.choice(jobs[-3:])) for _ in range(3) if jobs]


def points_ask(random: Random, job: int) -> Ask:
    """Return how many points a client may want to buy or sell for a job."""
    cost_us = random.choice((None, 1_000_000, 1_000_000, 20_000_000, 20_000_000))
    points = random.choice((1, 2, 5)) * random.choice((1, -1))
    return "job.nice", {"job": job, "points": points, "cost_us": cost_us}


def _rules(random: Random) -> dict[str, object]:
    choices: list[dict[str, object]] = [
        {"grant_mc": random.choice((0, 100, 2_000)), "period_us": random.choice(PERIODS_US)},
        {"cap_mc": random.choice((50, 3_000))} if random.random() < 0.6 else {"uncapped": True},
        {"half_life_us": 60_000_000} if random.random() < 0.6 else {"no_demurrage": True},
        {"price_mc": random.choice(PRICES_MC)},
        {"price_mc": random.choice(PRICES_MC)},
        {"income": random.choice(("funded", "treasury"))},
        {"donors": random.choice(("all", "nice"))},
        {"income": "treasury", "price_mc": PRICES_MC[2]},
    ]
    return random.choice(choices)


def _seldom(random: Random, domain: str) -> list[Ask]:
    return [
        ("credit.open", {"domain": domain}),
        ("credit.limit", {"domain": domain, "unlimited": random.random() < 0.5}),
        ("credit.limit", {"domain": domain, "unlimited": False}),
        ("credit.close", {"domain": domain}),
    ]


def _answers(calls: Sequence[Call], method: str, name: str) -> list[int]:
    return [cast(int, call.answer[name]) for call in calls if call.method == method and call.answer is not None]
