"""What became of events of earlier versions: events are never edited, only versioned, and read as those of today."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from .codec import Fields
from .limits import KARMA_START_MC
from .tags import ENTITLED

Upcast = Callable[[Fields], Fields]


_NOTHING_CHARGED: Fields = {"usage": 0, "epoch": 0, "inner": (), "above": ()}


def _without(fields: Fields, name: str) -> Fields:
    return {key: value for key, value in fields.items() if key != name}


def _arrived(tag: object) -> Fields:
    return {"domain_tag": tag, "user_tag": 0, "job_tag": 0, "above": ()}


_NO_RESOURCES: Fields = {"cpu_milli": 0, "mem_bytes": 0, "generic": ()}


_NO_GUARANTEE: Fields = {
    "guarantee": _NO_RESOURCES,
    "floor_share": 1,
    "floor": _NO_RESOURCES,
    "stamp_us": 0,
    "expires_us": None,
}


UPCASTS: dict[tuple[str, int], Upcast] = {
    # Nothing was prefetched before, and no worker could say that it may be.
    ("units_leased", 1): lambda fields: {**fields, "behind": 0},
    ("worker_joined", 1): lambda fields: {**fields, "prefetch": False},
    # No job waited for others before.
    ("job_submitted", 1): lambda fields: {
        **fields,
        "terms": {**cast(Fields, fields["terms"]), "after": ()},
        "waits_for": (),
    },
    # What a unit used of cpu and memory was not reported before.
    ("units_finished", 1): lambda fields: {**fields, "cpu_us": (), "peak_bytes": ()},
    # All domains were at the top level, made by hand, and had no guarantees and no floors before.
    ("domain_created", 1): lambda fields: {**fields, "parent": 0, **_NO_GUARANTEE},
    ("domain_changed", 1): lambda fields: {**fields, **_NO_GUARANTEE},
    # No priority was bought or sold.
    ("priority_changed", 1): lambda fields: {**fields, "points": 0},
    # Workers had no owners.
    ("worker_joined", 2): lambda fields: {**fields, "owner": 0, "restricted": False},
    # Domains had one tier, and no tree; users and jobs had no tags of their own, and usage was not counted.
    ("job_submitted", 2): lambda fields: (
        _without(fields, "start_tag")
        | {"domain_tag": fields["start_tag"], "user_tag": 0, "job_tag": 0, "above": (), "requested_cpu_us": 0}
    ),
    ("job_started", 1): lambda fields: _without(fields, "start_tag") | _arrived(fields["start_tag"]),
    ("units_reopened", 1): lambda fields: _without(fields, "start_tag") | _arrived(fields["start_tag"]),
    ("units_leased", 2): lambda fields: {**fields, "charged": ENTITLED, **_NOTHING_CHARGED},
    ("units_finished", 2): lambda fields: {**fields, "used_cpu_us": 0, **_NOTHING_CHARGED},
    ("units_returned", 1): lambda fields: {**fields, **_NOTHING_CHARGED},
    # No tag fell when too much had been charged.
    ("units_finished", 3): lambda fields: {**fields, "fallen": ()},
    ("units_returned", 2): lambda fields: {**fields, "fallen": ()},
    ("account_reweighted", 1): lambda fields: {**fields, "start": ()},
    # There was no karma in a live pool, so nobody began with credit.
    ("rules_changed", 1): lambda fields: {**fields, "start_mc": KARMA_START_MC},
    # Whoever had made room was paid.
    ("credit_rules_changed", 1): lambda fields: {**fields, "donors": "all"},
    # Each call that was kept had an event of its own.
    ("call_kept", 1): lambda fields: (
        _without(_without(fields, "key"), "answer") | {"calls": ((fields["key"], fields["answer"]),)}
    ),
}
"""(tag, version) -> the fields of version + 1. Each entry says what changed and when; none is ever removed."""
