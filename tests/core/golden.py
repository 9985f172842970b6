"""One example of every event, whose bytes are kept in tests/golden: what is in a log can be read for ever.

``python -m tests.core.golden`` writes the files that are not there yet, and never changes one that is.
"""

from __future__ import annotations

import json
from pathlib import Path

from meted.core import events as e
from meted.core.codec import encode_events, unpack_plain
from meted.core.ids import AccountId, DomainId, HoldId, JobId, LeaseId, LoanId, TransferId, WorkerId
from meted.core.resources import Resources
from meted.core.terms import Requeued, Terms

FOLDER = Path(__file__).resolve().parents[1] / "golden"

TERMS = Terms(
    domain_id=DomainId(1),
    user="ada",
    name="Zeta é",
    spec_digest=bytes(range(32)),
    count=1_000_000,
    request=Resources(1500, 2**33, (("gpu", 1000), ("licence", 500))),
    time_request_us=3_600_000_000,
    time_limit_us=None,
    priority=-5,
    retries=3,
    backoff_us=1_000_000,
    max_failures=None,
    max_losses=5,
    tags=(("project", "bernoulli"), ("stage", "1")),
    after=(JobId(2), JobId(5)),
)
RETRY = Requeued(first=12, count=2, attempt=2, failures=1, losses=1, not_before_us=1_700_000_001_000_000)
AT_US = 1_700_000_000_000_000
TAG, CLOCK = 2**70 + 1, 2**69
GUARANTEE, FLOOR = Resources(4000, 2**34, (("gpu", 2000),)), Resources(1000)

EXAMPLES: tuple[e.Event, ...] = (
    e.SpecInterned(AT_US, bytes(range(32)), b"\x94\x91\xa4true\x90\xc0\xc4\x00"),
    e.JobSubmitted(AT_US, JobId(7), TERMS, True, (JobId(5),), -TAG, 3, 4, ((DomainId(9), 5),), 7),
    e.JobStarted(AT_US, JobId(7), TAG, 3, 4, ((DomainId(9), 5),)),
    e.PriorityChanged(AT_US, JobId(7), -3, 2**40, 2),
    e.JobDelayed(AT_US, JobId(7), AT_US + 1, True),
    e.HoldLifted(AT_US, JobId(7)),
    e.JobStopped(AT_US, JobId(7), "max_failures"),
    e.JobEnded(AT_US, JobId(7), "cancelled"),
    e.UnitsReopened(AT_US, JobId(7), True, False, TAG, 3, 4, ()),
    e.JobArchived(AT_US, JobId(7), True),
    e.UnitsLeased(
        AT_US,
        LeaseId(9),
        WorkerId(3),
        JobId(7),
        10,
        5,
        2,
        1,
        0,
        20_000,
        30_000_000,
        11,
        TAG,
        2**66,
        3,
        CLOCK,
        0,
        (1, 2, 3, 4, 5, 6),
        ((TAG, 2, CLOCK, 4),),
        LeaseId(8),
    ),
    e.UnitsFinished(
        AT_US,
        LeaseId(9),
        ((10, 1), (12, 3)),
        (1, 2, 3, 4),
        ((12, 1), (13, -9)),
        (RETRY,),
        ((14, 1),),
        TAG,
        2**66,
        3,
        CLOCK,
        5,
        (),
        ((TAG, 2, CLOCK, 4),),
        (1, 2, 2, 4),
        (0, 2**20, 2**33, 5),
        9,
        ((DomainId(5), TAG, CLOCK, -3, 2**66),),
    ),
    e.UnitsReturned(
        AT_US,
        LeaseId(9),
        "lost",
        ((11, 1),),
        (RETRY,),
        ((11, 1),),
        (),
        TAG,
        2**66,
        3,
        CLOCK,
        2**65,
        (1, 2, 3, 4, 5, 6),
        (),
        ((DomainId(5), TAG, CLOCK, 2**67, 7),),
    ),
    e.UnitsRecalled(AT_US, LeaseId(9)),
    e.AccountReweighted(AT_US, DomainId(1), -TAG, (CLOCK, 0, -3)),
    e.WorkerJoined(
        AT_US, WorkerId(3), "node-1", Resources(64_000, 2**38), (("rack", "b"),), None, True, DomainId(1), False
    ),
    e.WorkerAway(AT_US, WorkerId(3), AT_US + 60_000_000),
    e.WorkerBack(AT_US, WorkerId(3)),
    e.WorkerDrained(AT_US, WorkerId(3), True),
    e.WorkerLost(AT_US, WorkerId(3), "timeout"),
    e.WorkerReserved(AT_US, WorkerId(3), JobId(7), AT_US + 5),
    e.ReservationEnded(AT_US, WorkerId(3)),
    e.DomainCreated(
        AT_US, DomainId(2), "optics", DomainId(1), 1000, GUARANTEE, Resources(8000), 16, FLOOR, AT_US - 5, AT_US + 9
    ),
    e.DomainChanged(AT_US, DomainId(2), 2000, GUARANTEE, None, 1, FLOOR, AT_US, None),
    e.DomainClosed(AT_US, DomainId(2), "absent"),
    e.DomainOpened(AT_US, DomainId(2)),
    e.DomainRemoved(AT_US, DomainId(1)),
    e.LagRemainderKept(AT_US, DomainId(2), 1999),
    e.LoanMade(AT_US, LoanId(4), DomainId(2), DomainId(3), "gpu", 1000, AT_US, None, 60_000_000),
    e.LoanStarted(AT_US, LoanId(4), DomainId(2), DomainId(3)),
    e.LoanRecalled(AT_US, LoanId(4), DomainId(2), DomainId(3), AT_US + 60_000_000),
    e.LoanEnded(AT_US, LoanId(4), DomainId(2), DomainId(3), "recalled"),
    e.LoanRefused(AT_US, DomainId(2), "chemistry", "share", 17, "below_floor", "Lend less."),
    e.LoanBackedOff(AT_US, DomainId(2), DomainId(3), "gpu", 2, AT_US + 120_000_000, ((DomainId(5), "share"),)),
    e.RecordRefused(AT_US, "optics", "out_of_range", "share must be between 1 and 1000000000, not 0."),
    e.RecordsConfirmed(AT_US, AT_US - 5, (DomainId(3), DomainId(9))),
    e.MinimumStampSet(AT_US, AT_US - 5),
    e.UsagesRescaled(AT_US, ((DomainId(1), 2**66, 3),)),
    e.RulesChanged(AT_US, 500, 3_600_000_000, None, "fifo", "pool", 5000),
    e.CreditOpened(AT_US, AccountId(7), DomainId(2), JobId(0)),
    e.CreditLimited(AT_US, AccountId(7), True),
    e.CreditClosed(AT_US, AccountId(7)),
    e.CreditMoved(AT_US, TransferId(9), AccountId(7), AccountId(1), 2**60, "withdrawal", 0, "end of the course"),
    e.CreditSettled(AT_US, AccountId(7), AT_US - 5),
    e.CreditHeld(AT_US, HoldId(4), AccountId(7), 1250, AT_US + 5),
    e.FeeHeld(AT_US, LeaseId(30), AccountId(9), 1250, 16),
    e.FeePosted(AT_US, TransferId(10), LeaseId(30), 3, AccountId(9), AccountId(2), 3100, 2**50),
    e.FeeVoided(AT_US, LeaseId(30), 13),
    e.HoldPosted(AT_US, TransferId(10), HoldId(4), AccountId(7), AccountId(8), 3100),
    e.DonorPaid(AT_US, TransferId(11), AccountId(8), 3100, 2**50),
    e.PointsSold(AT_US, JobId(7), AccountId(7), 6000, 10_800_000_000, 5),
    e.PointsLapsed(AT_US, JobId(7), 2),
    e.HoldVoided(AT_US, HoldId(4), "timed_out"),
    e.CreditLent(AT_US, 3, AccountId(7), AccountId(8), 5000, AT_US + 86_400_000_000),
    e.CreditRepaid(AT_US, 3, 4000, True),
    e.CreditRulesChanged(AT_US, 100, 86_400_000_000, 5000, None, 1000, "treasury", "nice"),
    e.CreditWatched(AT_US, AT_US - 3_600_000_000, 12_500, -250, 9, 64, 60, 2**70, 1, 0),
    e.CreditAlarmRaised(AT_US, "crash"),
    e.CreditAlarmCleared(AT_US, "starvation"),
    e.GrantAccrued(AT_US, 2**90 + 1),
    e.GrantMarked(AT_US, DomainId(2), 2**90 - 1),
    e.KarmaLeft(AT_US, DomainId(2)),
    e.SliceHeld(AT_US, LeaseId(30), DomainId(2), 1250, 0, 16, 500, 500, ((DomainId(3), 300), (DomainId(5), 200))),
    e.SliceEnded(AT_US, LeaseId(30), 3),
    e.PlacesChanged(
        AT_US,
        "forward",
        ((JobId(7), WorkerId(3), AT_US + 5, AT_US + 60_000_005, 2), (JobId(2**53), WorkerId(4), 0, 2**54, 1_024)),
        (JobId(8), JobId(9)),
    ),
    e.CallsKept(AT_US, ((bytes(range(16)), b"\x81\xa3job\x07"), (bytes(16), b"\x80")), 1),
    e.LogRepaired(AT_US, 100, 120),
)


def path_of(cls: type[e.Event]) -> Path:
    """Return where the bytes of an event of that class and version are kept."""
    return FOLDER / f"{cls.tag}.{cls.version}.json"


def write_missing() -> list[Path]:
    """Write the files that are not there yet, and return their paths."""
    FOLDER.mkdir(exist_ok=True)
    written = []
    for event in EXAMPLES:
        path = path_of(type(event))
        if path.exists():
            continue
        body = encode_events([event])
        ((tag, version, fields),) = unpack_plain(body)
        shown = {name: repr(value) for name, value in fields.items()}
        entry = {"tag": tag, "version": version, "body_hex": body.hex(), "fields": shown}
        path.write_text(json.dumps(entry, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for made in write_missing():
        print(made)  # noqa: T201
