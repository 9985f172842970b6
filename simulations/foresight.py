"""Policies that expect what runs to end at other times than was estimated, and how a replay asks them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from meted.core.ids import LeaseId
from meted.core.policy.base import Index


@runtime_checkable
class Foresight(Protocol):
    """An index that reckons with predicted ends."""

    def is_expected(self, lease_id: LeaseId, at_us: int) -> bool:
        """Whether a lease that ends now was expected to.

        If so it gives back what it holds before anything else happens at ``at_us``, and has its pass later.
        """


def foresight_of(index: Index) -> Foresight | None:
    """Return an index as one with predictions; None if it goes by estimates."""
    return index if isinstance(index, Foresight) else None
