"""Identifiers: integers that the core hands out from counters in the state and never twice (design law 5)."""

from __future__ import annotations

from typing import NewType

JobId = NewType("JobId", int)
LeaseId = NewType("LeaseId", int)
WorkerId = NewType("WorkerId", int)
DomainId = NewType("DomainId", int)
LoanId = NewType("LoanId", int)
AccountId = NewType("AccountId", int)
HoldId = NewType("HoldId", int)
TransferId = NewType("TransferId", int)

Span = tuple[int, int]
"""A run of consecutive unit indices: (first, count)."""
