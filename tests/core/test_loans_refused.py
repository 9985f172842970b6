"""Loans that are refused, alone and in lists: each has its reason, and nothing is changed (rows N06, N07, N12, N13)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meted.core.commands import LoanTerms, OfferLoan, RemoveDomain, SetLoans
from meted.core.errors import Reason
from meted.core.limits import LOANS_MAX, SHARE_MAX, TIME_MAX_US
from meted.core.resources import Resources

from .lending import flat, milli

BAD_LISTS: list[tuple[object, Reason]] = [
    (None, Reason.BAD_TYPE),
    ([LoanTerms("b", "share", 1)], Reason.BAD_TYPE),
    (("b", "share", 1), Reason.BAD_TYPE),
    ((("b", "share", 1),), Reason.BAD_TYPE),
    ((LoanTerms("b", "share", -1),), Reason.OUT_OF_RANGE),
    ((LoanTerms("b", "share", True),), Reason.BAD_TYPE),
    ((LoanTerms("b", "share", 1.0),), Reason.BAD_TYPE),  # type: ignore[arg-type]
    ((LoanTerms("b", "share", math.nan),), Reason.BAD_TYPE),  # type: ignore[arg-type]
    ((LoanTerms("b", "share", SHARE_MAX + 1),), Reason.OUT_OF_RANGE),
    ((LoanTerms("", "share", 1),), Reason.BAD_TEXT),
    ((LoanTerms("b", "", 1),), Reason.BAD_TEXT),
    ((LoanTerms("b", 5, 1),), Reason.BAD_TYPE),  # type: ignore[arg-type]
    ((LoanTerms("b", "share", 1, -1),), Reason.OUT_OF_RANGE),
    ((LoanTerms("b", "share", 1, None, "soon"),), Reason.BAD_TYPE),  # type: ignore[arg-type]
    ((LoanTerms("b", "share", 1, None, None, -1),), Reason.OUT_OF_RANGE),
    ((LoanTerms("b", "share", 1),) * (LOANS_MAX + 1), Reason.TOO_MANY),
]


@pytest.mark.parametrize(("loans", "reason"), BAD_LISTS)
def test_n12_a_malformed_list_is_refused_as_a_whole(loans: Any, reason: Reason) -> None:
    """Row N12."""
    world = flat("a", "b", "c")
    world.lend("a", "c", 5)
    world.refused(SetLoans(0, "a", loans), reason)
    if type(loans) is tuple and loans and type(loans[0]) is LoanTerms:
        world.refused(SetLoans(0, "a", (LoanTerms("c", "share", 1), *loans)))


# What is refused

NOT_POSITIVE_WHOLE: list[tuple[object, Reason]] = [
    (0, Reason.OUT_OF_RANGE),
    (-1, Reason.OUT_OF_RANGE),
    (2**53 + 1, Reason.OUT_OF_RANGE),
    (2**1_000, Reason.OUT_OF_RANGE),
    (True, Reason.BAD_TYPE),
    (1.0, Reason.BAD_TYPE),
    (1.5, Reason.BAD_TYPE),
    (math.nan, Reason.BAD_TYPE),
    (math.inf, Reason.BAD_TYPE),
    ("1", Reason.BAD_TYPE),
    (None, Reason.BAD_TYPE),
]


@pytest.mark.parametrize("resource", ["share", "cpu", "mem", "gpu"])
@pytest.mark.parametrize(("amount", "reason"), NOT_POSITIVE_WHOLE)
def test_no_other_amount_is_lent(resource: str, amount: Any, reason: Reason) -> None:
    world = flat("a", "b", guarantee=Resources(10, 10, (("gpu", 10),)))
    world.refused(OfferLoan(0, "a", "b", resource, amount), reason)


REFUSED: list[tuple[OfferLoan, Reason]] = [
    (OfferLoan(0, "nobody", "b", "share", 1), Reason.UNKNOWN_DOMAIN),
    (OfferLoan(0, "a", "nobody", "share", 1), Reason.UNKNOWN_DOMAIN),
    (OfferLoan(0, "", "b", "share", 1), Reason.BAD_TEXT),
    (OfferLoan(0, "a", "a", "share", 1), Reason.SELF_LOAN),
    (OfferLoan(0, "a", "a1", "cpu", 1), Reason.ANCESTOR_LOAN),
    (OfferLoan(0, "a1", "a", "cpu", 1), Reason.ANCESTOR_LOAN),
    (OfferLoan(0, "a11", "a", "cpu", 1), Reason.ANCESTOR_LOAN),
    (OfferLoan(0, "a1", "b", "share", 1), Reason.NOT_SIBLINGS),
    (OfferLoan(0, "a1", "b1", "share", 1), Reason.NOT_SIBLINGS),
    (OfferLoan(0, "a", "b", "disk", 1), Reason.UNKNOWN_RESOURCE),
    (OfferLoan(0, "a", "b", "enabled", 1), Reason.UNKNOWN_RESOURCE),
    (OfferLoan(0, "a", "b", "cpu", 101), Reason.OVER_CAPACITY),
    (OfferLoan(0, "a", "b", "share", 33), Reason.OVER_CAPACITY),
    (OfferLoan(0, "a", "b", "share", 17), Reason.BELOW_FLOOR),
    (OfferLoan(0, "a1", "b", "cpu", 101), Reason.OVER_CAPACITY),
    (OfferLoan(0, "a", "b", "share", 1, expiry_us=0), Reason.OUT_OF_RANGE),
    (OfferLoan(9, "a", "b", "share", 1, expiry_us=9), Reason.OUT_OF_RANGE),
    (OfferLoan(9, "a", "b", "share", 1, start_us=20, expiry_us=20), Reason.OUT_OF_RANGE),
    (OfferLoan(0, "a", "b", "share", 1, start_us=-1), Reason.OUT_OF_RANGE),
    (OfferLoan(0, "a", "b", "share", 1, notice_us=TIME_MAX_US + 1), Reason.OUT_OF_RANGE),
]


@pytest.mark.parametrize(("command", "reason"), REFUSED)
def test_each_refusal_has_its_reason_and_changes_nothing(command: OfferLoan, reason: Reason) -> None:
    """Rows N06, N07 and N13: of what a domain has, only what is named may be lent, and not below the floor."""
    world = flat("a", "b", guarantee=milli(100))
    for name, parent in (("a1", "a"), ("a11", "a1"), ("b1", "b")):
        world.make(name, 32, parent=parent, guarantee=milli(500))
    world.refused(command, reason)


def test_one_lender_gives_so_many_loans_and_no_more() -> None:
    world = flat("a", "b", share=10**6, floor_share=1)
    for _ in range(LOANS_MAX):
        world.lend("a", "b", 1)
    world.refused(OfferLoan(0, "a", "b", "share", 1), Reason.TOO_MANY)


def test_a_domain_with_loans_is_not_removed() -> None:
    world = flat("a", "b")
    loan_id = world.lend("a", "b", 1)
    world.refused(RemoveDomain(0, "a"), Reason.DOMAIN_IN_USE)
    world.refused(RemoveDomain(0, "b"), Reason.DOMAIN_IN_USE)
    world.recall(loan_id)
    world.do(RemoveDomain(0, "a"))
    world.do(RemoveDomain(0, "b"))
