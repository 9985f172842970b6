"""The state: frozen records in persistent maps. ``State()`` is the empty log; ``fold(log)`` is the state."""

from __future__ import annotations

from immutables import Map

from .credit.state import Ledger as Ledger
from .domains.state import Domain as Domain
from .domains.state import Domains as Domains
from .domains.state import Loan as Loan
from .domains.state import Recalls as Recalls
from .fairness_accounts import NO_USER as NO_USER
from .fairness_accounts import NOTHING_RECEIVED as NOTHING_RECEIVED
from .fairness_accounts import FairnessAccount as FairnessAccount
from .fairness_accounts import UserAccount as UserAccount
from .jobs.state import CANCELLED as CANCELLED
from .jobs.state import DEPENDENCY as DEPENDENCY
from .jobs.state import ENDED as ENDED
from .jobs.state import FAILED as FAILED
from .jobs.state import HELD as HELD
from .jobs.state import MAX_FAILURES as MAX_FAILURES
from .jobs.state import PENDING as PENDING
from .jobs.state import RUNNING as RUNNING
from .jobs.state import SUCCEEDED as SUCCEEDED
from .jobs.state import Awaits as Awaits
from .jobs.state import InternedSpec as InternedSpec
from .jobs.state import Job as Job
from .jobs.state import Jobs as Jobs
from .jobs.state import Lease as Lease
from .limits import KARMA_START_MC
from .record import record
from .starts import Starts as Starts
from .workers.state import Worker as Worker
from .workers.state import Workers as Workers


@record
class Rules:
    """The parameters of fairness (docs/fairness.md), the same for all domains.

    Attributes:
        alpha_milli: The part of the pool that is guaranteed by share, in thousandths; the rest goes by usage.
        half_life_us: After this long, usage counts half.
        aging_us: Having waited this long counts as much as half the usage; None: waiting counts nothing.
        pool: By what the rest is given out: ``decay``, ``fifo`` or ``karma``.
        usage: What counts as usage: ``all`` service, or only what was given from the ``pool``.
        start_mc: Under karma, what each domain at the top begins with for each unit of its share, in thousandths of a
            credit.
    """

    alpha_milli: int = 750
    half_life_us: int = 86_400_000_000
    aging_us: int | None = 86_400_000_000
    pool: str = "decay"
    usage: str = "all"
    start_mc: int = KARMA_START_MC


@record
class KeptCall:
    """The answer of a call, under the digest of its idempotency key."""

    key: bytes
    answer: bytes


@record
class Calls:
    """The slice of calls whose answers are kept.

    Attributes:
        kept: By number; a later call has a higher one.
        numbers: The number of each key.
        oldest_number: The least number in ``kept``, or ``next_number``.
    """

    kept: Map[int, KeptCall] = Map()
    numbers: Map[bytes, int] = Map()
    oldest_number: int = 1
    next_number: int = 1


NO_CREDIT = Ledger()
"""The ledger where nothing of credit has ever happened: nearly all that is said of credit need not be asked."""


@record
class State:
    """Everything that is known after ``seq`` events, the last of them at ``at_us``."""

    seq: int = 0
    at_us: int = 0
    jobs: Jobs = Jobs()
    workers: Workers = Workers()
    domains: Domains = Domains()
    calls: Calls = Calls()
    rules: Rules = Rules()
    ledger: Ledger = NO_CREDIT
