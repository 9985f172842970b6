"""Refusals: every one has a Reason for programs and one English sentence for people (design law 8)."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a command was refused. The values are stable names that clients may match on."""

    BAD_TYPE = "bad_type"
    OUT_OF_RANGE = "out_of_range"
    TOO_LARGE = "too_large"
    BAD_TEXT = "bad_text"
    NAME_TAKEN = "name_taken"
    UNKNOWN_DOMAIN = "unknown_domain"
    UNKNOWN_JOB = "unknown_job"
    UNKNOWN_WORKER = "unknown_worker"
    UNKNOWN_LEASE = "unknown_lease"
    WRONG_WORKER = "wrong_worker"
    BAD_SPANS = "bad_spans"
    JOB_ENDED = "job_ended"
    JOB_NOT_ENDED = "job_not_ended"
    NO_UNITS = "no_units"
    WORKER_UNAVAILABLE = "worker_unavailable"
    DOMAIN_IN_USE = "domain_in_use"
    TOO_MANY = "too_many"
    DOMAIN_HAS_CHILDREN = "domain_has_children"
    DOMAIN_CLOSED = "domain_closed"
    TOO_DEEP = "too_deep"
    PARENT_FIXED = "parent_fixed"
    UNKNOWN_LOAN = "unknown_loan"
    UNKNOWN_RESOURCE = "unknown_resource"
    SELF_LOAN = "self_loan"
    ANCESTOR_LOAN = "ancestor_loan"
    NOT_SIBLINGS = "not_siblings"
    OVER_CAPACITY = "over_capacity"
    BELOW_FLOOR = "below_floor"
    NOT_DUE = "not_due"
    BACK_OFF = "back_off"
    NO_ACCOUNT = "no_account"
    NOT_ENOUGH_CREDIT = "not_enough_credit"
    SELF_TRANSFER = "self_transfer"
    UNKNOWN_HOLD = "unknown_hold"
    OVER_HOLD = "over_hold"
    ACCOUNT_IN_USE = "account_in_use"


class Refused(Exception):
    """A command was judged and refused; the state is as it was.

    Attributes:
        reason: The stable name of what was wrong.
        sentence: One English sentence that says what to do.
    """

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class SchemaError(Exception):
    """Bytes that are no event, snapshot or command of a version this program knows."""
