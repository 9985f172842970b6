"""What a run is asked to do, as a value that can be sent to another process and told from every other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from io import BufferedReader
from typing import Final, cast

import attrs
import msgspec

from meted.adapters.version import VERSION
from meted.core.record import record
from meted.core.state import Rules

from ..errors import TraceError
from ..event_orders import EventOrder
from ..results.metrics import JsonValue
from ..traces.source import open_source, reason_of
from ..traces.trace_rules import TraceOptions, side_paths
from ..trade.plan import CreditPlan

REQUEST_FORMAT: Final = 2
"""Goes up when a run of the same request comes to something else without a new version of the program."""


@record
class RunRequest:
    """One run of one policy.

    Attributes:
        path: The trace.
        options: How it is read.
        policy: Who is next.
        event_order: The order of what happens in one instant.
        rules: The parameters of fairness; None is as in a new pool.
        label: What to call it where it stands beside others.
        fairness: Whether to measure all of fairness, and to make a record for a report.
        credit: Who trades in credit, by which rules; None is nobody, and there are no accounts.
    """

    path: str
    options: TraceOptions
    policy: str
    event_order: EventOrder = "instant"
    rules: Rules | None = None
    label: str = ""
    fairness: bool = False
    credit: CreditPlan | None = None


@attrs.frozen
class RunFailure:
    """A run that did not come to an end; ``sentence`` says why, and what to do."""

    sentence: str


def request_key(request: RunRequest, sha256: str) -> str:
    """Return the digest of all that the figures of a run depend on.

    That is the content of the trace, not its name, and that of files that options name; how it is read, the policy, the
    order of events and the parameters of fairness; and the version of this program.

    Args:
        request: The run; how it is labelled does not count.
        sha256: The digest of the trace's file.
    """
    asked = {
        "format": REQUEST_FORMAT,
        "meted": VERSION,
        "trace": sha256,
        "options": msgspec.to_builtins(request.options),
        "beside": [trace_digest(path) for path in side_paths(request.options)],
        "policy": request.policy,
        "event_order": request.event_order,
        "rules": None if request.rules is None else msgspec.to_builtins(request.rules),
        "fairness": request.fairness,
        "credit": None if request.credit is None else msgspec.to_builtins(request.credit),
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def trace_digest(path: str) -> str:
    """Return the sha256 of a trace as it is stored, compressed or not.

    Raises:
        TraceError: It cannot be read.
    """
    try:
        with open_source(path) as file:
            return hashlib.file_digest(cast(BufferedReader, file), "sha256").hexdigest()
    except OSError as error:
        raise TraceError(f"{path} cannot be read ({reason_of(error)}); check its name and who may read it.") from None


def check_same_trace(figures: Mapping[str, JsonValue], sha256: str) -> None:
    """Refuse figures of a trace that was changed after a series of runs had begun.

    Raises:
        TraceError: It was.
    """
    if figures["trace_sha256"] != sha256:
        raise TraceError(f"{figures['trace']} was changed while it was replayed; run the command again.")
