"""Every limit of the core, with its name and value (design law 9)."""

from __future__ import annotations

SECOND_US = 1_000_000

JOB_UNITS_MAX = 100_000_000
"""Units in one job."""

RUN_UNITS_MAX = 1_024
"""Units in one lease: bounds an event, a lease's mask and what one lost message can hold back."""

JOB_WORKERS_MAX = 16
"""Workers that a job remembers as having it loaded; its next run goes there if it fits."""

RUN_QUANTUM_US = 100_000
"""Q of docs/fairness.md: a lease holds about this much estimated work, so that short units cost little each."""

PREFETCH_US = 100_000
"""P of docs/fairness.md: a lease of at most this much estimated work may wait on its worker behind another such."""

PASS_DECISIONS_MAX = 48
"""Decisions of one pass; what is left goes to the next pass, so that callers and heartbeats never wait long."""

TIMERS_DUE_MAX = 1_000
"""Things that have fallen due of which one batch takes care, as a whole hour of jobs may begin at the same moment."""

PASS_EXAMINED_MAX = 10_000
"""Heads that one pass may look at and find blocked before it gives way."""

PLACES_MAX = 256
"""Jobs that have a place in the plan of a live pool at once: each end may move every one of them."""

PLACES_CHANGED_MAX = 1_024
"""Places that one event changes."""

PLACE_SLACK_US = SECOND_US
"""How long after its time somebody who has a place waits for what is late to be free, before the plan is made anew."""

TIME_MAX_US = 2**53
"""Largest time or duration (285 years): exact in every language's numbers, far from 64 bits even when multiplied."""

PLACE_END_MAX_US = 2 * TIME_MAX_US
"""Latest end of a place in a plan; whoever would be later has none yet."""

CPU_MILLI_MAX = 10**9
MEM_BYTES_MAX = 2**53
GENERIC_MILLI_MAX = 10**12
GENERIC_NAMES_MAX = 32

SHARE_MAX = 10**9
"""Largest share of a domain."""

DOMAINS_MAX = 1_000_000
"""Domains there may be at once."""

DOMAIN_DEPTH_MAX = 8
"""Levels of the domain tree: what is done at every level on the way up stays short."""

LOANS_MAX = 256
"""Loans that one domain may have given at once."""

LOAN_BACKOFF_US = 60 * SECOND_US
"""How long a lender that has recalled a loan may not lend the same to the same borrower; it doubles each time."""

LOAN_BACKOFF_MAX_US = 24 * 3_600 * SECOND_US
"""The longest that this gets."""

LOAN_BACKOFF_FORGET_US = 24 * 3_600 * SECOND_US
"""Time without a recall after such a wait, after which earlier recalls count no more."""

LOAN_BACKOFFS_MAX = 1_024
"""Borrowers and resources of which the recalls by one lender are remembered; with one more the oldest goes."""

RECORDS_MAX = 100_000
"""Records of domains in one delivery."""

RECORD_REFUSALS_MAX = 100
"""Records of one delivery whose refusal is told one by one; of any more only the number is."""

CLOSED_CHECK_US = 3_600 * SECOND_US
"""How often a closed domain is looked at, whether it is empty by now and can be removed."""

PRIORITY_MAX = 1_000
"""Priorities run from -PRIORITY_MAX to PRIORITY_MAX."""

PRIORITY_STEPS_MAX = 10
"""Each step of a priority doubles a job's weight and what its work counts as usage; beyond this many nothing more."""

HALF_LIFE_MIN_US = SECOND_US
"""Least half-life of usage, and least time of waiting that may count as much as half the usage."""

CREDIT_MAX_MC = 10**15
"""Most credit that one command may move, grant or set as a cap: 10**12 credits."""

CREDIT_TOTAL_MAX_MC = 10**18
"""Most credit that there may be at once: 10**15 credits. So every balance fits into 64 bits."""

CREDIT_LOANS_MAX = 256
"""Loans of credit that one domain may have given at once."""

CREDIT_PERIOD_MIN_US = 60 * SECOND_US
"""Least period of grants."""

CREDIT_PERIODS_MAX = 10_000
"""Periods of grants that are paid when an account that nobody touched for long is looked at; earlier ones are not."""

CREDIT_DONORS_MAX = 8
"""Domains that are paid at once for room that they made."""

CREDIT_DONORS_EXAMINED_MAX = 64
"""Domains that are looked at, poorest first, for some that have made room."""

KARMA_START_MC = 10**9
"""What a domain begins with under karma, for each unit of its share, unless the rules say otherwise."""

KARMA_DONORS_MAX = 8
"""Domains whose guarantees one lease takes from under karma; where it is not enough, the rest is nobody's."""

KARMA_DONATION_MIN_MILLI = 125
"""Least part of a guarantee that is donated under karma, in thousandths of a cpu: so a few make up a slot."""

CREDIT_PAY_US = SECOND_US
"""How long what was paid for priority is collected before it goes to those who made room."""

CREDIT_RULES_KEPT_MAX = 64
"""Changes of the rules after which it is still known by which rules an account that nobody used has accrued."""

CREDIT_WATCH_US = 3_600 * SECOND_US
"""The windows in which the trade in credit is looked at."""

CREDIT_ALARM_WINDOWS = 2
"""So many of them in a row raise an alarm, and so many clear it."""

CREDIT_CRASH_PAID_MIN_MC = 1_000
"""Where less is paid for priority in a window, it does not tell whether anybody makes room for it."""

CREDIT_CRASH_INCOME_MILLI = 50
"""Of what is paid, at most so many thousandths go to those who make room: nobody does."""

CREDIT_CALM_INCOME_MILLI = 200
"""At least so many do: some make room again."""

CREDIT_AT_CAP_MILLI = 950
"""A balance of at least so many thousandths of its cap stands at the cap."""

CREDIT_CRASH_CAPPED_MILLI = 900
"""At least so many thousandths of the accounts looked at stand at their cap: who has all, wants no more."""

CREDIT_CALM_CAPPED_MILLI = 500
"""At most so many do: there is not."""

CREDIT_STARVED_LAPSES_MIN = 8
"""At least so many jobs lose their points in a window as their purses are empty."""

CREDIT_CALM_LAPSES_MAX = 2
"""At most so many do: credit is enough."""

CREDIT_NOTE_BYTES_MAX = 256
"""Size of the note of a transfer."""

RETRIES_MAX = 1_000
LOSSES_MAX = 1_000
LOSSES_DEFAULT = 5
"""Poison limit: a unit that was on this many lost workers is not tried again."""

BACKOFF_DOUBLINGS_MAX = 16
"""The delay before a retry doubles at most this often."""

NAME_BYTES_MAX = 256
TAGS_MAX = 64
TAG_BYTES_MAX = 1_024
ARGUMENTS_MAX = 65_536
ENVIRONMENT_MAX = 4_096
SPEC_BYTES_MAX = 2**20
"""Packed size of one spec; larger inputs belong in a file."""

RESULT_BYTES_MAX = 16 * 2**20
"""Size of one unit's result."""

REPORT_BYTES_MAX = 64 * 2**20
"""Size of all results in one report."""

LABELS_MAX = 64
JOBS_PER_COMMAND_MAX = 10_000
RERUN_RUNS_MAX = 10_000
"""Separate runs of units that may be run again at once: each is looked at with every lease of the job."""

AFTER_MAX = 1_000
"""Jobs that one job may be told to run after."""

HELD_LEASES_MAX = 100_000
"""Leases a worker may claim to hold when it connects."""

CALL_KEY_BYTES = 16
"""Length of the digest under which the answer of a call is kept."""

CALL_ANSWER_BYTES_MAX = 1_024
"""Size of an answer that is kept."""

CALLS_KEPT_MAX = 10_000
"""Answers that are kept; with one more the oldest goes."""

CALLS_PER_COMMAND_MAX = 1_024
"""Answers that are kept by one command."""

ADOPT_GRACE_US = 60 * SECOND_US
"""How long a worker may be out of touch before what it holds counts as lost."""

RETENTION_US = 7 * 24 * 3_600 * SECOND_US
"""How long an ended job stays in the state before it is archived."""

ESTIMATE_UNKNOWN_US = RUN_QUANTUM_US
"""What a unit is charged for in advance about which nothing at all is known."""

STAY_UNKNOWN_US = 60 * SECOND_US
"""How long such a unit is expected to hold its place, where another waits for it."""

ESTIMATE_MIN_US = 1_000
"""Measured means count as at least this, so that instant units are not free."""

FORECAST_HORIZON_US = 30 * 24 * 3_600 * SECOND_US
"""How far ahead a forecast of starts looks."""

FORECAST_LEASES_MAX = 100_000
"""Leases that a forecast gives out before it ends."""

LINES_RANKED_MAX = 16
"""Different requests that a domain waits with, of which all compete; of more, the first and the first that fit do."""

LASTING_EXAMINED_MAX = 1_000
"""Jobs of a domain and a request that are looked at for one that some worker lives long enough for."""

STALE_ENTRIES_MIN = 64
"""A heap whose entries may be stale is cleaned when it has more than this and four times what is ranked in it."""
