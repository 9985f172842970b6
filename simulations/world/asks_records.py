"""What clients want of domains whose records come from elsewhere, and of domains that are to be as a file says."""

from __future__ import annotations

from random import Random

from .asks import DOMAINS, Ask, loan_terms, now_us

REGISTERED = ("registry one", "registry two", "registry three")
"""The domains that there are records of; they are also applied, as others are."""

AGE_US = (0, 4_000_000)
"""How old records are when they come."""

LASTS_US = (-1_000_000, 20_000_000)
"""When a record expires, from now."""


def record_asks(random: Random) -> list[Ask]:
    """Return what a client may want of records and of domains as they are wanted."""
    named = random.sample(REGISTERED, random.randint(0, len(REGISTERED)))
    delivery = {"stamp_us": now_us() - random.randint(*AGE_US), "records": [_record(random, name) for name in named]}
    wanted = [_wanted(random, name) for name in random.sample((*DOMAINS, *REGISTERED), random.randint(1, 3))]
    return [
        ("domain.records", {**delivery, "full": False}),
        ("domain.records", {**delivery, "full": True}),
        ("domain.apply", {"domains": wanted, "dry_run": random.random() < 0.2}),
    ]


def _record(random: Random, name: str) -> dict[str, object]:
    # The last is most often below the first, which then can have no jobs, or cannot be its parent as it has some.
    below = name == REGISTERED[-1] and random.random() < 0.9
    return {
        "name": name,
        "stamp_us": now_us() - random.randint(*AGE_US) if random.random() < 0.5 else None,
        "parent": REGISTERED[0] if below else "",
        "share": random.randint(1, 3),
        "guarantee": {"cpu_milli": random.choice((0, 0, 1000))},
        "expires_us": now_us() + random.randint(*LASTS_US) if random.random() < 0.5 else None,
    }


def _wanted(random: Random, name: str) -> dict[str, object]:
    if name in REGISTERED and random.random() < 0.3:
        return {"name": name, "absent": True}
    lends = random.random() < 0.4
    return {
        "name": name,
        "share": random.randint(1, 9),
        "guarantee": {"cpu_milli": random.choice((0, 1000))},
        "loans": [loan_terms(random, name, 2) for _ in range(random.randint(0, 2))] if lends else None,
    }
