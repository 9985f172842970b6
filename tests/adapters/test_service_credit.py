"""Credit and what it buys: the same on the embedded pool and over both clients."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meted.adapters.credit_statement import CreditLine
from meted.core.errors import Reason, Refused

from .service_suite import WAYS, Service, Way

HOUR_US = 3_600_000_000
FIELDS = {
    "domain",
    "account",
    "unlimited",
    "balance_mc",
    "accrued_mc",
    "held_mc",
    "free_mc",
    "grant_mc",
    "next_mc",
    "next_us",
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    """A service with the domains ``lab``, which has ten credits, and ``guest``."""
    with WAYS[request.param](tmp_path) as made:
        for name in ("lab", "guest"):
            made.service.domain_create(name)
        made.service.credit_grant("lab", 10_000, "to begin with")
        yield made


@pytest.fixture
def service(way: Way) -> Service:
    """The service alone."""
    return way.service


def refused(reason: Reason) -> pytest.RaisesExc[Refused]:
    return pytest.raises(Refused, check=lambda error: error.reason is reason)


def check_statement(service: Service, domain: str) -> None:
    """Check that the lines add up one by one, in pages of any size, to the balance."""
    whole = service.credit_statement(domain)
    balance_mc = 0
    for line in whole:
        balance_mc += line["amount_mc"]
        assert line["balance_mc"] == balance_mc
        assert line["debit"] != line["credit"]
        assert domain == line["credit" if line["amount_mc"] > 0 else "debit"]
    assert balance_mc == service.credit_account(domain)["balance_mc"]
    paged: list[CreditLine] = []
    while page := service.credit_statement(domain, after=paged[-1]["seq"] if paged else 0, limit=2):
        paged += page
    assert paged == whole


def test_an_account_is_opened_limited_and_closed(service: Service) -> None:
    """Rows P01 and P06: a domain that has no account is limited by nothing, and "unlimited" is a flag."""
    service.domain_create("short")
    with refused(Reason.NO_ACCOUNT):
        service.credit_account("short")
    with refused(Reason.NO_ACCOUNT):
        service.credit_limit("short", True)
    number = service.credit_open("short")
    assert service.credit_open("short") == number
    row = service.credit_account("short")
    assert row.keys() == FIELDS | {"purses_mc", "lent_mc", "borrowed_mc"}
    assert (row["account"], row["unlimited"], row["balance_mc"], row["free_mc"]) == (number, False, 0, 0)
    service.credit_limit("short", True)
    service.credit_open("short")
    assert service.credit_account("short")["unlimited"]
    service.credit_open("short", unlimited=False)
    assert not service.credit_account("short")["unlimited"]
    service.credit_grant("short", 500)
    service.credit_close("short")
    assert [line["kind"] for line in service.credit_statement(account=number)] == ["grant", "withdrawal"]
    service.domain_remove("short")
    assert service.credit_statement(account=number)[0]["credit"] == "short"
    with refused(Reason.UNKNOWN_DOMAIN):
        service.credit_open("nowhere")


def test_transfers_are_in_both_statements(service: Service) -> None:
    service.credit_transfer("lab", "guest", 2_500, "half a gpu")
    line = service.credit_statement("lab")[-1]
    assert (line["kind"], line["debit"], line["credit"], line["amount_mc"], line["note"]) == (
        "transfer",
        "lab",
        "guest",
        -2_500,
        "half a gpu",
    )
    other = service.credit_statement("guest")[-1]
    assert (other["seq"], other["amount_mc"], other["balance_mc"]) == (line["seq"], 2_500, 2_500)
    service.credit_transfer("guest", "lab", 2_500)
    for name in ("lab", "guest"):
        check_statement(service, name)
    rows = service.credit_accounts()
    assert [row["domain"] for row in rows] == sorted(row["domain"] for row in rows)
    assert all(set(row) == FIELDS for row in rows)
    balances = sum(row["balance_mc"] for row in rows)
    purses = sum(service.credit_account(row["domain"])["purses_mc"] for row in rows)
    treasury = service.credit_statement(account=1)[-1]["balance_mc"]
    assert balances + purses + treasury == 0
    with refused(Reason.NOT_ENOUGH_CREDIT):
        service.credit_transfer("lab", "guest", 10_001)
    with refused(Reason.SELF_TRANSFER):
        service.credit_transfer("lab", "lab", 1)
    with refused(Reason.NO_ACCOUNT):
        service.credit_statement(account=10**6)
    with refused(Reason.OUT_OF_RANGE):
        service.credit_statement()


def test_holds_are_posted_once(service: Service) -> None:
    before = service.credit_account("lab")["balance_mc"]
    soon_us = time.time_ns() // 1000 + HOUR_US
    first, second = service.credit_hold("lab", 3_000), service.credit_hold("lab", 1_000, soon_us)
    assert service.credit_holds("lab") == service.credit_holds()
    assert [(row["hold"], row["domain"], row["amount_mc"], row["until_us"]) for row in service.credit_holds()] == [
        (first, "lab", 3_000, None),
        (second, "lab", 1_000, soon_us),
    ]
    row = service.credit_account("lab")
    assert (row["balance_mc"], row["held_mc"], row["free_mc"]) == (before, 4_000, before - 4_000)
    with refused(Reason.OVER_HOLD):
        service.credit_post(first, "guest", 3_001)
    with refused(Reason.ACCOUNT_IN_USE):
        service.credit_close("lab")
    service.credit_post(first, "guest", 2_000)
    service.credit_void(second)
    for hold in (first, second):
        with refused(Reason.UNKNOWN_HOLD):
            service.credit_post(hold, "guest", 1)
    assert service.credit_account("lab")["free_mc"] == before - 2_000
    line = service.credit_statement("lab")[-1]
    assert (line["kind"], line["reference"], line["amount_mc"]) == ("hold", first, -2_000)
    service.credit_transfer("guest", "lab", 2_000)
    check_statement(service, "lab")


def test_credit_is_lent_and_paid_back(service: Service) -> None:
    due_us = time.time_ns() // 1000 + HOUR_US
    loan = service.credit_lend("lab", "guest", 1_000, due_us)
    (row,) = service.credit_loans("guest")
    assert row == {
        "loan": loan,
        "lender": "lab",
        "borrower": "guest",
        "left_mc": 1_000,
        "due_us": due_us,
        "overdue": False,
    }
    assert service.credit_account("lab")["lent_mc"] == service.credit_account("guest")["borrowed_mc"] == 1_000
    assert service.credit_repay(loan) == 0
    assert service.credit_repay(loan) == 0
    assert service.credit_loans() == []
    with refused(Reason.UNKNOWN_LOAN):
        service.credit_repay(10**6)
    assert [line["kind"] for line in service.credit_statement("guest")][-2:] == ["loan", "repayment"]


def test_rules_are_read_and_changed_one_by_one(service: Service) -> None:
    service.credit_open("guest")
    before = service.credit_rules()
    service.credit_rules_set(grant_mc=100, period_us=HOUR_US, cap_mc=50_000)
    service.credit_rules_set(half_life_us=24 * HOUR_US, price_mc=500)
    assert service.credit_rules() == {
        "grant_mc": 100,
        "period_us": HOUR_US,
        "cap_mc": 50_000,
        "half_life_us": 24 * HOUR_US,
        "price_mc": 500,
        "income": "funded",
        "donors": "all",
    }
    service.credit_rules_set(donors="nice")
    assert service.credit_rules()["donors"] == "nice"
    row = service.credit_account("guest")
    assert row["grant_mc"] == row["next_mc"] == 100
    assert 0 < row["next_us"] - time.time_ns() // 1000 <= HOUR_US
    told = service.credit_forecast("lab", 2)
    assert told["now_cpu_us"] == service.credit_account("lab")["free_mc"] * HOUR_US // 1_000
    assert told["period_cpu_us"] == HOUR_US // 10
    service.credit_rules_set(
        uncapped=True, no_demurrage=True, grant_mc=0, price_mc=1_000, period_us=before["period_us"], donors="all"
    )
    assert service.credit_rules() == before
    for wrong in ({"price_mc": -1}, {"period_us": 1}, {"income": "lottery"}, {"donors": "idle"}):
        with refused(Reason.OUT_OF_RANGE):
            service.credit_rules_set(**wrong)
    with refused(Reason.OUT_OF_RANGE):
        service.credit_rules_set(cap_mc=1, uncapped=True)
    with refused(Reason.OUT_OF_RANGE):
        service.credit_rules_set(half_life_us=HOUR_US, no_demurrage=True)


def test_points_are_bought_given_back_and_sold(service: Service) -> None:
    """Rows P03-P07."""
    before = service.credit_account("lab")["balance_mc"]
    job_id = service.submit("lab", hold=True)
    with refused(Reason.OUT_OF_RANGE):
        service.job_nice(job_id, 2)  # nobody knows what it will take
    assert service.job_nice(job_id, 2, 3 * HOUR_US) == {"points": 2, "priority": 2, "charged_mc": 6_000, "pays": True}
    row = service.job(job_id)
    assert (row["points"], row["priority"], row["purse_mc"]) == (2, 2, 6_000)
    details = service.credit_account("lab")
    assert (details["balance_mc"], details["purses_mc"]) == (before - 6_000, 6_000)
    line = service.credit_statement("lab")[-1]
    assert (line["kind"], line["credit"], line["reference"]) == ("purse", f"job {job_id}", job_id)
    with refused(Reason.NOT_ENOUGH_CREDIT):
        service.job_nice(job_id, 2, 3 * HOUR_US)
    assert service.job_nice(job_id, -1)["charged_mc"] == -3_000
    assert service.job_nice(job_id, -2) == {"points": -1, "priority": -1, "charged_mc": -3_000, "pays": True}
    assert service.job_nice(job_id, 0) == {"points": -1, "priority": -1, "charged_mc": 0, "pays": True}
    with refused(Reason.OUT_OF_RANGE):
        service.job_nice(job_id, -10)
    check_statement(service, "lab")
    service.cancel(job_id)
    with refused(Reason.JOB_ENDED):
        service.job_nice(job_id, 1, HOUR_US)
    with refused(Reason.UNKNOWN_JOB):
        service.job_nice(10**6, 1, HOUR_US)
    assert service.credit_account("lab")["balance_mc"] == before
    service.domain_create("without")
    other = service.submit("without", hold=True)
    assert service.job_nice(other, 2) == {"points": 0, "priority": 2, "charged_mc": 0, "pays": False}


def test_alarms_are_read_raised_or_not(service: Service) -> None:
    assert [(row["alarm"], row["raised"], row["sentence"]) for row in service.credit_alarms()] == [
        ("crash", False, ""),
        ("starvation", False, ""),
    ]


def test_work_that_ends_pays_its_fee(way: Way) -> None:
    service = way.service
    before = service.credit_account("lab")["balance_mc"]
    job_id = service.submit("lab", count=3, hold=True)  # or a worker might have it before points are bought
    service.credit_rules_set(price_mc=3_600_000)  # a credit for each cpu-second
    assert service.job_nice(job_id, 1, 2_000_000)["charged_mc"] == 2_000
    service.start(job_id)
    purse = service.credit_statement("lab")[-1]["credit_account"]

    def work(_job: int, _index: int) -> bytes:
        time.sleep(0.01)  # a millisecond costs a millicredit; less, nothing
        return b""

    way.work(work)
    way.settle()
    kinds = [(line["kind"], line["credit"]) for line in service.credit_statement(account=purse)]
    assert (kinds[0], kinds[-1]) == (("purse", f"job {job_id}"), ("purse_back", "lab"))
    assert {("fee", "escrow")} == set(kinds[1:-1])
    paid_mc = -sum(line["amount_mc"] for line in service.credit_statement(account=purse) if line["kind"] == "fee")
    assert paid_mc > 0
    assert service.credit_account("lab")["balance_mc"] == before - paid_mc
    assert service.job(job_id)["purse_mc"] is None
    service.credit_rules_set(price_mc=1_000)
    check_statement(service, "lab")
