"""Commands on credit as services give them: what is not named stays as it is.

Each takes the engine, so that what it reads is what the command is judged on.
"""

from __future__ import annotations

from typing import TypedDict

from meted.core.commands import HoldCredit, LendCredit, NiceJob, OpenCredit, RepayCredit, SetCreditRules
from meted.core.decide.entitlements import find_domain
from meted.core.decide.ledger import account_of
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.events import CreditHeld, CreditLent, CreditMoved
from meted.core.ids import JobId


class Niced(TypedDict):
    """What a purchase or sale of points did.

    ``points`` and ``priority`` are what the job has now, ``charged_mc`` what the account of its domain has less (what
    it has more, if negative), in thousandths of a credit. Where not ``pays``, its domain has no account or an unlimited
    one, and they are priority like any other.
    """

    points: int
    priority: int
    charged_mc: int
    pays: bool


def open_credit(engine: Engine, at_us: int, domain: str, unlimited: bool | None = None) -> int:
    """Give a domain an account, and return its number; of one that it has, None leaves whether it is unlimited.

    Raises:
        Refused: There is no such domain.
    """
    ledger = engine.state.ledger
    known = ledger.of_domain.get(find_domain(engine.state, domain).domain_id)
    if unlimited is None:
        unlimited = known is not None and ledger.accounts[known].unlimited
    engine.handle(OpenCredit(at_us, domain, unlimited))
    return account_of(engine.state, domain).account_id


def limit_credit(engine: Engine, at_us: int, domain: str, unlimited: bool) -> None:
    """Say whether a domain that has an account pays for what it buys.

    Raises:
        Refused: It has none.
    """
    account_of(engine.state, domain)
    engine.handle(OpenCredit(at_us, domain, unlimited))


def hold_credit(engine: Engine, command: HoldCredit) -> int:
    """Set credit aside, and return the number of the hold.

    Raises:
        Refused: There is not so much.
    """
    held = engine.handle(command)[-1]
    assert isinstance(held, CreditHeld)
    return held.hold_id


def lend_credit(engine: Engine, command: LendCredit) -> int:
    """Lend credit, and return the number of the loan.

    Raises:
        Refused: There is not so much.
    """
    (lent,) = (event for event in engine.handle(command) if isinstance(event, CreditLent))
    return lent.loan_id


def repay_credit(engine: Engine, at_us: int, loan_id: int) -> int:
    """Pay a loan of credit back as far as the borrower can, and return what is left of it.

    Raises:
        Refused: There never was such a loan.
    """
    engine.handle(RepayCredit(at_us, loan_id))
    loan = engine.state.ledger.loans.get(loan_id)
    return 0 if loan is None else loan.left_mc


def set_credit_rules(
    engine: Engine,
    at_us: int,
    grant_mc: int | None = None,
    period_us: int | None = None,
    cap_mc: int | None = None,
    uncapped: bool = False,
    half_life_us: int | None = None,
    no_demurrage: bool = False,
    price_mc: int | None = None,
    income: str | None = None,
    donors: str | None = None,
) -> None:
    """Change how credit is made and what it buys; what is None stays as it is.

    Raises:
        Refused: One of them is out of range.
    """
    if uncapped and cap_mc is not None:
        raise Refused(Reason.OUT_OF_RANGE, "There cannot be a cap and none; give either cap_mc or uncapped.")
    if no_demurrage and half_life_us is not None:
        raise Refused(Reason.OUT_OF_RANGE, "Credit cannot fade and not fade; give either half_life_us or no_demurrage.")
    rules = engine.state.ledger.rules
    engine.handle(
        SetCreditRules(
            at_us,
            rules.grant_mc if grant_mc is None else grant_mc,
            rules.period_us if period_us is None else period_us,
            None if uncapped else rules.cap_mc if cap_mc is None else cap_mc,
            None if no_demurrage else rules.half_life_us if half_life_us is None else half_life_us,
            rules.price_mc if price_mc is None else price_mc,
            rules.income if income is None else income,
            rules.donors if donors is None else donors,
        )
    )


def nice_job(engine: Engine, at_us: int, job_id: int, points: int, cost_us: int | None = None) -> Niced:
    """Buy points of priority for a job, give them back, or sell some.

    Raises:
        Refused: The job has ended, its domain cannot pay, or the points are out of range.
    """
    state = engine.state
    events = engine.handle(NiceJob(at_us, JobId(job_id), points, cost_us))
    job = engine.state.jobs.jobs[JobId(job_id)]
    account_id = state.ledger.of_domain.get(job.terms.domain_id)
    charged_mc = 0
    for event in events:
        if isinstance(event, CreditMoved) and event.kind in ("purse", "purse_back", "nice", "nice_back"):
            charged_mc += event.amount_mc if event.debit == account_id else -event.amount_mc
    pays = account_id is not None and not state.ledger.accounts[account_id].unlimited
    return Niced(points=job.points, priority=job.terms.priority, charged_mc=charged_mc, pays=pays)
