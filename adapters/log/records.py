"""What a log holds, and what lies beside its batches: plain records."""

from __future__ import annotations

from meted.core.batch import GENESIS
from meted.core.record import record


@record
class Head:
    """The end of a log.

    Attributes:
        seq: Position of the last event, 0 where there is none.
        at_us: Time of the last batch, microseconds.
        chain: Chain value of the last batch; it vouches for all of them.
    """

    seq: int
    at_us: int
    chain: bytes


EMPTY = Head(0, 0, GENESIS)
"""The head of a log in which nothing has happened yet."""


@record
class Result:
    """What one unit left behind.

    Attributes:
        job_id: The job.
        index: The unit's index in the job.
        attempt: Which try of the unit it was.
        body: The result, as opaque bytes.
    """

    job_id: int
    index: int
    attempt: int
    body: bytes


@record
class Report:
    """Where the log holds how some units of a job ended: in the batch that ends at ``seq``.

    Attributes:
        job_id: The job.
        seq: Position of the last event of the batch.
        worker_id, lease_id, attempt: Of the lease that the units ended in; a newer lease has a higher id.
        first, count: The units lie in this range; ``count`` is at most ``RUN_UNITS_MAX``.
    """

    job_id: int
    seq: int
    worker_id: int
    lease_id: int
    attempt: int
    first: int
    count: int


@record
class PostedAccount:
    """Whose an account of credit is, for ever.

    Attributes:
        account_id: The account; ids are never given twice.
        seq: Position of the event that opened it.
        domain: Name of its domain.
        job_id: The job whose purse it is, or 0.
    """

    account_id: int
    seq: int
    domain: str
    job_id: int


@record
class Transfer:
    """One transfer of credit: ``debit`` has so much less from here on, and ``credit`` as much more.

    Attributes:
        seq: Position of its event.
        at_us: When, microseconds.
        debit, credit: The two accounts.
        amount_mc: How much, in thousandths of a credit; so are the balances.
        kind: Why; see :class:`meted.core.credit.events.CreditMoved`, and ``hold``, ``fee``,
            ``income`` and ``unclaimed``.
        reference: The number of the loan, job, hold or lease that it is about, or 0.
        note: What whoever asked for it says.
        debit_mc, credit_mc: The balances of the two accounts after it.
    """

    seq: int
    at_us: int
    debit: int
    credit: int
    amount_mc: int
    kind: str
    reference: int
    note: str
    debit_mc: int
    credit_mc: int


@record
class Postings:
    """What a batch says of credit: accounts that it opens, and transfers in their order."""

    accounts: tuple[PostedAccount, ...] = ()
    transfers: tuple[Transfer, ...] = ()


NO_POSTINGS = Postings()


@record
class CreditRefusal:
    """A command about credit that was refused: nothing but this line is left of it.

    Attributes:
        at_us: When, microseconds.
        who: The login name of who asked, where it is certain, or else where from.
        method: What was asked for: a method of docs/wire.md.
        params: Its parameters, as a JSON object; what is too long is cut off.
        reason: A word for programs.
        sentence: What was answered.
        times: How many refusals this line stands for.
    """

    at_us: int
    who: str
    method: str
    params: str
    reason: str
    sentence: str
    times: int = 1


@record
class Snapshot:
    """The state after the event ``seq``, so that recovery need not fold the whole log.

    Attributes:
        seq: Position of the last event that is in the state; a batch ends there.
        at_us: Time of that batch, microseconds.
        chain: Chain value of that batch: it ties the snapshot to this very history.
        schema: Version of the encoding of ``body``.
        body: The encoded state.
    """

    seq: int
    at_us: int
    chain: bytes
    schema: int
    body: bytes
