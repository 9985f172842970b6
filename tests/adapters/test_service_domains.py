"""Domains, loans, records, rules and priorities: the same on the embedded pool and over both clients."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meted.adapters.domain_apply import WantedDomain
from meted.core.commands import DomainRecord, LoanTerms
from meted.core.errors import Reason, Refused
from meted.core.resources import NOTHING, Resources

from .service_suite import WAYS, Service

FOUR_CPUS = Resources(cpu_milli=4_000)


@pytest.fixture(params=WAYS)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service with two domains below ``org``: ``lab``, which lends, and ``guest``."""
    with WAYS[request.param](tmp_path) as made:
        made.service.domain_create("org", share=10, guarantee=Resources(8_000))
        made.service.domain_create("lab", parent="org", share=8, guarantee=FOUR_CPUS, floor=Resources(1_000))
        made.service.domain_create("guest", parent="org", share=2)
        yield made.service


def refused(reason: Reason) -> pytest.RaisesExc[Refused]:
    return pytest.raises(Refused, check=lambda error: error.reason is reason)


def test_a_domain_is_shown_where_it_is_and_with_what_it_has(service: Service) -> None:
    row = service.domain_row("lab")
    assert (row["parent"], row["depth"], row["share"], row["effective_share"]) == ("org", 2, 8, 8)
    assert row["guarantee"] == row["effective_guarantee"] == {"cpu_milli": 4_000, "mem_bytes": 0, "generic": {}}
    assert (row["cap"], row["floor"]["cpu_milli"], row["closed"], row["lag_cpu_us"]) == (None, 1_000, None, 0)
    names = [row["domain"] for row in service.domains()]
    assert names == sorted(names)
    assert {"org", "lab", "guest"} <= set(names)
    assert all(set(other) == set(row) for other in service.domains())
    with refused(Reason.UNKNOWN_DOMAIN):
        service.domain_row("nowhere")


def test_what_is_not_named_stays(service: Service) -> None:
    service.domain_create("kept", guarantee=FOUR_CPUS, cap=Resources(6_000), floor_share=1)
    service.domain_create("kept", guarantee=FOUR_CPUS, cap=Resources(6_000), floor_share=1)
    service.domain_set("kept", share=5)
    service.domain_set("kept", floor=Resources(500))
    row = service.domain_row("kept")
    assert (row["share"], row["guarantee"]["cpu_milli"], row["floor"]["cpu_milli"]) == (5, 4_000, 500)
    assert row["cap"] == {"cpu_milli": 6_000, "mem_bytes": 0, "generic": {}}
    service.domain_set("kept", guarantee=Resources(3_000), floor_share=2)
    row = service.domain_row("kept")
    assert (row["guarantee"]["cpu_milli"], row["floor_share"], row["floor"]["cpu_milli"]) == (3_000, 2, 500)
    service.domain_set("kept", guarantee=FOUR_CPUS, uncapped=True)
    assert service.domain_row("kept")["cap"] is None
    service.domain("kept", 3, Resources(1_000))
    service.domain("kept", 2)
    row = service.domain_row("kept")
    assert (row["share"], row["cap"], row["guarantee"]["cpu_milli"]) == (2, None, 4_000)
    with refused(Reason.OUT_OF_RANGE):
        service.domain_set("kept", cap=FOUR_CPUS, uncapped=True)
    with refused(Reason.NAME_TAKEN):
        service.domain_create("kept", share=9)
    service.domain_remove("kept")
    with refused(Reason.UNKNOWN_DOMAIN):
        service.domain_remove("kept")


def test_a_loan_moves_and_comes_back(service: Service) -> None:
    """Rows N05, N11 and N16: base and effective differ by what is lent, line by line."""
    soon_us = time.time_ns() // 1000 + 3_600_000_000
    share = service.loan_offer("lab", "guest", "share", 3)
    cpu = service.loan_offer("lab", "guest", "cpu", 1_500, expiry_us=soon_us, notice_us=60_000_000)
    later = service.loan_offer("lab", "guest", "cpu", 500, start_us=soon_us)
    assert [(row["loan"], row["state"]) for row in service.loans("guest")] == [
        (share, "running"),
        (cpu, "running"),
        (later, "waiting"),
    ]
    assert service.loans() == service.loans("lab")
    assert service.domain_row("guest")["effective_share"] == 5
    for name in ("lab", "guest"):
        check_sums(service, name)
    said = [(line["resource"], line["what"], line["amount"], line["balance"]) for line in service.loan_statement("lab")]
    assert said == [
        ("share", "base", 8, 8),
        ("share", "lent", -3, 5),
        ("share", "effective", 0, 5),
        ("cpu", "base", 4_000, 4_000),
        ("cpu", "lent", -1_500, 2_500),
        ("cpu", "effective", 0, 2_500),
        ("cpu", "waiting", -500, 2_500),
    ]
    with refused(Reason.BELOW_FLOOR):
        service.loan_offer("lab", "guest", "cpu", 1_500)
    with refused(Reason.SELF_LOAN):
        service.loan_offer("lab", "lab", "cpu", 1)
    assert service.loan_recall(share) is None
    assert service.loan_recall(share) is None
    ends_us = service.loan_recall(cpu)
    assert ends_us is not None
    assert [(row["state"], row["ends_us"]) for row in service.loans("lab")] == [
        ("recalled", ends_us),
        ("waiting", None),
    ]
    (lent,) = (line for line in service.loan_statement("lab") if line["loan"] == cpu)
    assert (lent["until_us"], lent["other"]) == (ends_us, "guest")
    service.loan_recall(later)
    with refused(Reason.UNKNOWN_LOAN):
        service.loan_recall(10_000)
    with refused(Reason.BACK_OFF):
        service.loan_offer("lab", "guest", "share", 1)


def check_sums(service: Service, name: str) -> None:
    """Check that each line of a statement is the one before plus its amount, and the last what the domain has."""
    row = service.domain_row(name)
    effective = {"share": row["effective_share"], "cpu": row["effective_guarantee"]["cpu_milli"]}
    balances: dict[str, int] = {}
    for line in service.loan_statement(name):
        if line["what"] != "waiting":
            balances[line["resource"]] = balances.get(line["resource"], 0) + line["amount"]
            assert line["balance"] == balances[line["resource"]]
    assert balances == effective


def test_a_loan_to_another_subtree_is_in_the_statement_of_those_it_leaves_and_enters(service: Service) -> None:
    service.domain_create("left", guarantee=FOUR_CPUS)
    service.domain_create("left.leaf", parent="left", guarantee=FOUR_CPUS)
    service.domain_create("right")
    service.domain_create("right.leaf", parent="right")
    loan = service.loan_offer("left.leaf", "right.leaf", "cpu", 1_500)
    for name, other, amount in (("left", "right.leaf", -1_500), ("right", "left.leaf", 1_500)):
        (line,) = (line for line in service.loan_statement(name) if line["what"] == "passed")
        assert (line["loan"], line["other"], line["amount"]) == (loan, other, amount)
        check_sums(service, name)
    service.loan_recall(loan)
    assert [line["what"] for line in service.loan_statement("right")] == ["base", "effective"]


def test_what_loans_answers_is_a_copy_of_what_is_lent_and_borrowed(service: Service) -> None:
    """Row N11: whoever changes the answer has changed nothing, and loans of others are not in it."""
    service.domain_create("third", parent="org")
    loan = service.loan_offer("lab", "guest", "share", 3)
    service.loan_offer("guest", "third", "share", 1)
    (row,) = rows = service.loans("lab")
    assert (row["loan"], row["lender"], row["borrower"], row["amount"]) == (loan, "lab", "guest", 3)
    row["amount"] = 99
    rows.clear()
    assert [(row["loan"], row["amount"]) for row in service.loans("lab")] == [(loan, 3)]
    assert service.domain_row("guest")["effective_share"] == 2 + 3 - 1
    assert [row["loan"] for row in service.loans("guest")] == [loan, loan + 1]


def test_a_list_replaces_all_loans_and_says_what_was_refused(service: Service) -> None:
    """Rows N10 and N13."""
    service.domain_create("rich", share=10)
    service.domain_create("poor")
    terms = [
        LoanTerms("poor", "share", 4),
        LoanTerms("nobody", "share", 1),
        LoanTerms("poor", "share", 40),
    ]
    given = service.loans_set("rich", terms)
    assert len(given["made"]) == 1
    assert [one["reason"] for one in given["refused"]] == [Reason.UNKNOWN_DOMAIN.value, Reason.OVER_CAPACITY.value]
    assert not service.loans_set("rich", terms)["made"]
    assert [row["loan"] for row in service.loans("rich")] == list(given["made"])
    assert not service.loans_set("rich", [])["made"]
    assert service.loans("poor") == []


def test_records_are_taken_one_by_one(service: Service) -> None:
    """Rows N01 and N02."""
    records = [
        DomainRecord("below", 5, "above", guarantee=FOUR_CPUS),
        DomainRecord("above", 5, share=3, cap=Resources(16_000)),
        DomainRecord("wrong", 5, share=0),
    ]
    done = service.domain_records(records, 5)
    assert (sorted(done["created"]), [one["name"] for one in done["refused"]]) == (["above", "below"], ["wrong"])
    assert service.domain_row("below")["guarantee"]["cpu_milli"] == 4_000
    assert not service.domain_records(records[:2], 5)["changed"]
    done = service.domain_records([DomainRecord("above", 6, share=4, cap=NOTHING)], 6, full=True)
    assert (list(done["changed"]), list(done["closed"]), list(done["removed"])) == (["above"], ["below"], ["below"])
    assert service.domain_row("above")["cap"] == {"cpu_milli": 0, "mem_bytes": 0, "generic": {}}


def test_domains_are_as_they_are_wanted(service: Service) -> None:
    """Rows N30-N32, N34: made, changed where they differ, removed; one that cannot be so harms no other."""
    wanted = [
        WantedDomain("w-below", "w-above", guarantee=FOUR_CPUS),
        WantedDomain("w-above", share=3, cap=Resources(16_000)),
        WantedDomain("w-wrong", share=0),
        WantedDomain("w-orphan", "w-wrong"),
        WantedDomain("w-gone", absent=True),
    ]
    trial = service.domain_apply(wanted, dry_run=True)
    done = service.domain_apply(wanted)
    assert done == trial
    assert list(done["created"]) == ["w-below", "w-above"]
    assert list(done["unchanged"]) == ["w-gone"]
    assert [(one["name"], one["reason"]) for one in done["refused"]] == [
        ("w-wrong", Reason.OUT_OF_RANGE),
        ("w-orphan", Reason.UNKNOWN_DOMAIN),
    ]
    again = service.domain_apply(wanted[:2])
    assert (list(again["unchanged"]), list(again["changed"])) == (["w-below", "w-above"], [])
    lend = LoanTerms("w-beside", "cpu", 1_000)
    wanted = [
        WantedDomain("w-below", "w-above", guarantee=FOUR_CPUS, loans=(lend,)),
        WantedDomain("w-beside", "w-above"),
        WantedDomain("w-above", "w-below"),
        WantedDomain("w-beside"),
    ]
    done = service.domain_apply(wanted)
    assert (list(done["created"]), list(done["changed"])) == (["w-beside"], ["w-below"])
    assert [one["reason"] for one in done["refused"]] == [Reason.NAME_TAKEN, Reason.PARENT_FIXED]
    (loan,) = service.loans("w-below")
    assert list(service.domain_apply(wanted[:2])["unchanged"]) == ["w-below", "w-beside"]
    assert service.loans("w-below") == [loan]
    gone = [WantedDomain(name, absent=True) for name in ("w-above", "w-beside", "w-below")]
    done = service.domain_apply(gone)
    assert list(done["removed"]) == []
    assert {one["reason"] for one in done["refused"]} == {Reason.DOMAIN_IN_USE}
    service.loan_recall(loan["loan"])
    assert list(service.domain_apply(gone)["removed"]) == ["w-above", "w-beside", "w-below"]
    assert list(service.domain_apply(gone)["unchanged"]) == ["w-above", "w-beside", "w-below"]


def test_rules_are_read_and_changed_one_by_one(service: Service) -> None:
    before = service.rules()
    service.rules_set(alpha_milli=600)
    service.rules_set(no_aging=True, pool="fifo")
    assert service.rules() == {**before, "alpha_milli": 600, "aging_us": None, "pool": "fifo"}
    service.rules_set(aging_us=before["aging_us"], alpha_milli=before["alpha_milli"], pool="decay")
    assert service.rules() == before
    service.rules_set(pool="karma", start_mc=5000)
    assert service.rules() == {**before, "pool": "karma", "start_mc": 5000}
    assert {row["balance_mc"] % 5000 for row in service.credit_accounts()} == {0}
    service.rules_set(pool=before["pool"], start_mc=before["start_mc"])
    assert service.rules() == before
    for wrong in ({"alpha_milli": 0}, {"pool": "dice"}, {"aging_us": 1}, {"aging_us": 10**9, "no_aging": True}):
        with refused(Reason.OUT_OF_RANGE):
            service.rules_set(**wrong)


def test_a_priority_is_changed_until_the_job_ends(service: Service) -> None:
    job_id = service.submit("guest", hold=True, priority=1)
    service.job_priority(job_id, -3)
    assert service.job(job_id)["priority"] == -3
    with refused(Reason.OUT_OF_RANGE):
        service.job_priority(job_id, 10**6)
    service.cancel(job_id)
    with refused(Reason.JOB_ENDED):
        service.job_priority(job_id, 1)


def test_the_command_and_the_request_of_a_job_are_shown(service: Service) -> None:
    job_id = service.submit("guest", hold=True, request=Resources(500, 10**9, (("gpu", 1_000),)))
    row = service.job(job_id)
    assert row["request"] == {"cpu_milli": 500, "mem_bytes": 10**9, "generic": {"gpu": 1_000}}
    assert (list(row["argv"]), row["ended_us"], list(row["after"])) == ([], None, [])
    service.cancel(job_id)
    assert service.job(job_id)["ended_us"] is not None
