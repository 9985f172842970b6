"""Submissions: a job is accepted, or refused with what is wrong with it (rows P15, P19, G36, N33)."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain

from .. import limits
from ..commands import SubmitJob
from ..errors import Reason, Refused
from ..events import Event, JobDelayed, JobSubmitted, SpecInterned
from ..ids import DomainId, JobId
from ..resources import Resources
from ..spec import NO_SPEC, NO_SPEC_BODY, NO_SPEC_DIGEST, Spec, pack_spec, spec_digest
from ..state import State
from ..terms import Terms
from . import checks
from .arrivals import arrival
from .dependants import checked_parents
from .entitlements import check_open_leaf, find_domain

SPECS_REMEMBERED_MAX = 8
"""Specs of the last submissions that need not be checked and packed again."""

_TEXT, _PAIR = {str}, {tuple}

_USUAL_NUMBERS = 1, 0, 0, 0, limits.LOSSES_DEFAULT
_USUAL_TYPES = (int,) * len(_USUAL_NUMBERS)  # True is equal to 1


def submit(state: State, command: SubmitJob, at_us: int) -> tuple[Event, ...]:
    """Judge a submission."""
    domain = find_domain(state, command.domain)
    check_open_leaf(state, domain)
    if not _is_plain(command):
        _check_submission(command)
    body, digest = _packed(command.spec)
    after, waits_for = checked_parents(state, command.after) if command.after != () else ((), ())
    begin_us = command.begin_us or 0
    last = _last_terms(state, domain.domain_id)
    tags = tuple(sorted(command.tags))
    terms = Terms(
        domain.domain_id,
        _one_text(command.user),
        command.name,
        digest,
        command.count,
        command.request if last is None or last.request != command.request else last.request,
        command.time_request_us,
        command.time_limit_us,
        command.priority,
        command.retries,
        command.backoff_us,
        command.max_failures,
        command.max_losses,
        tags if last is None or last.tags != tags else last.tags,
        after,
    )
    arrived = arrival(state, terms)
    requested_cpu_us = command.count * (command.time_request_us or 0) * terms.request.cpu_milli // 1000
    submitted = JobSubmitted(
        at_us,
        JobId(state.jobs.next_job_id),
        terms,
        command.hold or begin_us > at_us,
        waits_for,
        arrived.domain_tag,
        arrived.user_tag,
        arrived.job_tag,
        arrived.above,
        requested_cpu_us,
    )
    events = (submitted,) if digest in state.jobs.specs else (SpecInterned(at_us, digest, body), submitted)
    if begin_us <= at_us:
        return events
    return (*events, JobDelayed(at_us, submitted.job_id, begin_us, command.hold))


@lru_cache(maxsize=4096)
def _one_text(name: str) -> str:
    """Return the first of equal names: all jobs of a user then hold one object between them."""
    return name


def _last_terms(state: State, domain_id: DomainId) -> Terms | None:
    """Return the terms of the domain's newest job: what is equal is shared, which saves a fifth of a job's memory."""
    account = state.jobs.accounts.get(domain_id)
    job = None if account is None or account.last_job_id is None else state.jobs.jobs.get(account.last_job_id)
    return None if job is None else job.terms


def _is_plain(command: SubmitJob) -> bool:
    """Whether a submission that says no more than most do is what it should be: that is asked at once."""
    user, request, wanted_us = command.user, command.request, command.time_request_us
    numbers = command.count, command.priority, command.retries, command.backoff_us, command.max_losses
    return (
        numbers == _USUAL_NUMBERS
        and tuple(map(type, numbers)) == _USUAL_TYPES
        and type(user) is type(command.name) is str
        and not command.name
        and len(user) <= limits.NAME_BYTES_MAX
        and user.isascii()
        and "\0" not in user
        and type(request) is Resources
        and type(request.cpu_milli) is type(request.mem_bytes) is int
        and 0 <= request.cpu_milli <= limits.CPU_MILLI_MAX
        and 0 <= request.mem_bytes <= limits.MEM_BYTES_MAX
        and (wanted_us is None or (type(wanted_us) is int and 1 <= wanted_us <= limits.TIME_MAX_US))
        and request.generic == ()
        and command.tags == ()
        and command.time_limit_us is command.max_failures is command.begin_us is None
        and command.hold is False
    )


def _check_submission(command: SubmitJob) -> None:
    checks.whole(command.count, "count", 1, limits.JOB_UNITS_MAX)
    checks.text(command.user, "user", limits.NAME_BYTES_MAX)
    checks.text(command.name, "name", limits.NAME_BYTES_MAX)
    checks.resources(command.request, "request")
    checks.optional(command.time_request_us, "time_request_us", 1, limits.TIME_MAX_US)
    checks.optional(command.time_limit_us, "time_limit_us", 1, limits.TIME_MAX_US)
    checks.whole(command.priority, "priority", -limits.PRIORITY_MAX, limits.PRIORITY_MAX)
    checks.whole(command.retries, "retries", 0, limits.RETRIES_MAX)
    checks.whole(command.backoff_us, "backoff_us", 0, limits.TIME_MAX_US)
    checks.optional(command.max_failures, "max_failures", 0, limits.JOB_UNITS_MAX)
    checks.whole(command.max_losses, "max_losses", 0, limits.LOSSES_MAX)
    if command.tags != ():
        checks.pairs(command.tags, "tags", limits.TAGS_MAX, limits.TAG_BYTES_MAX)
    checks.flag(command.hold, "hold")
    checks.optional(command.begin_us, "begin_us", 0, limits.TIME_MAX_US)


def _packed(spec: object) -> tuple[bytes, bytes]:
    """Return the bytes of a spec, and their digest, or refuse it."""
    if spec is NO_SPEC:
        return NO_SPEC_BODY, NO_SPEC_DIGEST
    if type(spec) is not Spec:
        raise Refused(Reason.BAD_TYPE, "spec must be a Spec.")
    # Another may be equal to one that was right, and still be wrong; or it cannot be a key.
    return _checked_spec(spec) if _has_plain_types(spec) else _checked_spec.__wrapped__(spec)


def _has_plain_types(spec: Spec) -> bool:
    argv, env, cwd = spec.argv, spec.env, spec.cwd
    return (
        type(argv) is tuple
        and type(env) is tuple
        and type(spec.payload) is bytes
        and (cwd is None or type(cwd) is str)
        and _TEXT.issuperset(map(type, argv))
        and _PAIR.issuperset(map(type, env))
        and _TEXT.issuperset(map(type, chain.from_iterable(env)))
    )


@lru_cache(maxsize=SPECS_REMEMBERED_MAX)  # whoever submits many jobs nearly always gives the same spec again
def _checked_spec(spec: Spec) -> tuple[bytes, bytes]:
    for argument in checks.items(spec.argv, "argv", limits.ARGUMENTS_MAX):
        checks.text(argument, "an argument", limits.SPEC_BYTES_MAX)
    checks.pairs(spec.env, "env", limits.ENVIRONMENT_MAX, limits.SPEC_BYTES_MAX)
    if spec.cwd is not None:
        checks.text(spec.cwd, "cwd", limits.SPEC_BYTES_MAX, empty=False)
    checks.raw(spec.payload, "payload", limits.SPEC_BYTES_MAX)
    # Many long texts may be one object many times over: they are counted before anything is copied.
    least_bytes = sum(map(len, spec.argv)) + sum(len(name) + len(value) for name, value in spec.env)
    if least_bytes <= limits.SPEC_BYTES_MAX:
        body = pack_spec(spec)
        if len(body) <= limits.SPEC_BYTES_MAX:
            return body, spec_digest(body)
    raise Refused(
        Reason.TOO_LARGE,
        f"The command with its environment takes more than {limits.SPEC_BYTES_MAX} bytes; "
        "put large inputs into a file.",
    )
