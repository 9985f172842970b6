"""The methods that change jobs."""

from __future__ import annotations

from collections.abc import Mapping

import trio

from meted.core.commands import (
    CancelJobs,
    DeleteJob,
    DrainWorker,
    RerunUnits,
    StartJobs,
    SubmitJob,
)
from meted.core.decide import decide
from meted.core.engine import Engine
from meted.core.ids import JobId, WorkerId
from meted.core.limits import ENVIRONMENT_MAX, SPEC_BYTES_MAX
from meted.core.queries import submitted_id
from meted.core.resources import NOTHING, Resources
from meted.core.spec import Spec
from meted.core.state import State

from ..domain_changes import change_priority
from ..executors.environment import BadVariable, split_secrets
from ..executors.options import PLAIN, OptionsError, ProcessOptions, make_limits, pack_options
from ..wire.errors import CallError, Code
from ..wire.params_jobs import Cancel, Delete, JobPriority, Rerun, Start, Submit
from ..wire.params_pool import Drain
from .commit_loop import Decide
from .desk import Desk, Handler, Later, Now, Outcome, handling
from .lacking import runs_on
from .run_messages import environment_bytes, secrets_in
from .session import Session

Pairs = tuple[tuple[str, str], ...]

_PLAIN = PLAIN.stdin, PLAIN.lines, PLAIN.first_index, PLAIN.index_step, PLAIN.secrets

SECRETS_BYTES_MAX = 2**17
"""Bytes of all secret variables of one job's environment."""


class JobMethods:
    """Answers ``submit``, ``start``, ``cancel``, ``delete``, ``rerun``, ``drain`` and ``job.priority``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> dict[str, Handler]:
        """Return the handlers by method."""
        return {
            "submit": self.submit,
            "start": self.start,
            "cancel": self.cancel,
            "delete": self.delete,
            "rerun": self.rerun,
            "drain": self.drain,
            "job.priority": self.priority,
        }

    def submit(self, session: Session, params: Submit) -> Outcome:
        """Accept a job; its secrets are durable before it is."""
        clear, secret = _split(params)
        if params.dry_run:
            return Now(self._try(_command(session, params, clear, "dry run" if secret else None, self._desk.clock())))
        if not secret:
            return self._desk.once("submit", session, params.key, _accept(session, params, clear, None))
        return Later(lambda: self._submit_with_secrets(session, params, clear, secret))

    def start(self, session: Session, params: Start) -> Outcome:
        """Release prepared jobs."""
        job_ids = tuple(map(JobId, params.jobs))
        return self._desk.once("start", session, params.key, handling(lambda at_us: StartJobs(at_us, job_ids)))

    def cancel(self, session: Session, params: Cancel) -> Outcome:
        """Stop jobs, and tell of units that nothing can end."""
        job_ids = tuple(map(JobId, params.jobs))

        def cancel(engine: Engine, at_us: int) -> object:
            engine.handle(CancelJobs(at_us, job_ids))
            return {"runs_on": runs_on(engine.state, job_ids)}

        return self._desk.once("cancel", session, params.key, cancel)

    def delete(self, session: Session, params: Delete) -> Outcome:
        """Remove an ended job."""
        job_id = JobId(params.job)
        return self._desk.once("delete", session, params.key, handling(lambda at_us: DeleteJob(at_us, job_id)))

    def rerun(self, session: Session, params: Rerun) -> Outcome:
        """Run units of an ended job again."""
        wanted = JobId(params.job), params.failed, params.cancelled
        return self._desk.once("rerun", session, params.key, handling(lambda at_us: RerunUnits(at_us, *wanted)))

    def drain(self, session: Session, params: Drain) -> Outcome:
        """Stop giving work to a worker, or go on."""
        worker_id = WorkerId(params.worker)
        drain = handling(lambda at_us: DrainWorker(at_us, worker_id, params.draining))
        return self._desk.once("drain", session, params.key, drain)

    def priority(self, session: Session, params: JobPriority) -> Outcome:
        """Change the priority of a job."""

        def change(engine: Engine, at_us: int) -> object:
            change_priority(engine, at_us, params.job, params.priority)
            return {}

        return self._desk.once("job.priority", session, params.key, change)

    async def _submit_with_secrets(
        self, session: Session, params: Submit, clear: Pairs, secret: Mapping[str, str]
    ) -> object:
        secrets = self._desk.secrets
        try:
            token = await self._desk.runner(lambda: secrets.put(secret))
        except OSError as error:
            raise CallError(
                Code.FAILED, "not_written", f"The secret environment could not be kept ({error.strerror}); try again."
            ) from None
        accepted = False
        accept = _accept(session, params, clear, token)
        answered, answers = trio.Event(), list[object]()

        def note(engine: Engine, at_us: int) -> object:
            nonlocal accepted
            answer = accept(engine, at_us)
            accepted = True
            return answer

        def resolve(answer: object) -> None:
            # Here and not where it is waited for: the caller may have gone, and its job is accepted all the same.
            if not accepted or isinstance(answer, CallError):
                secrets.forget(token)
            answers.append(answer)
            answered.set()

        self._desk.loop.call(self._desk.calls.once("submit", session.peer.user, params.key, note), resolve)
        await answered.wait()
        if isinstance(answers[0], CallError):
            raise answers[0]
        return answers[0]

    def _try(self, command: SubmitJob) -> dict[str, object]:
        """Say what would happen, and do nothing."""
        state = self._desk.engine.state
        decide(state, command)
        able, roomy = _who_fits(state, command.request)
        if not able:
            sentence = "It would be accepted, but no worker that is connected could ever hold one of its units."
        else:
            then = "be accepted" if roomy else "be accepted and wait for room"
            sentence = f"It would {then}. Workers that could run it: {able}; with room now: {roomy}."
        return {"accepted": True, "fits_now": roomy > 0, "sentence": sentence}


def _split(params: Submit) -> tuple[Pairs, dict[str, str]]:
    if not params.env:
        return (), {}
    try:
        clear, secret = split_secrets(params.env)
    except BadVariable as error:
        raise CallError(Code.REFUSED, "bad_text", _as_sentence(error)) from None
    if len(params.env) > ENVIRONMENT_MAX or environment_bytes(secret) > SECRETS_BYTES_MAX:
        raise CallError(
            Code.REFUSED,
            "too_large",
            f"The environment may have {ENVIRONMENT_MAX} variables, and those that are kept out of the log "
            f"{SECRETS_BYTES_MAX} bytes together; put what is larger into a file.",
        )
    return clear, secret


def _as_sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _accept(session: Session, params: Submit, clear: Pairs, token: str | None) -> Decide:
    def accept(engine: Engine, at_us: int) -> object:
        return {"job": submitted_id(engine.handle(_command(session, params, clear, token, at_us)))}

    return accept


def _command(session: Session, params: Submit, clear: Pairs, token: str | None, at_us: int) -> SubmitJob:
    return SubmitJob(
        at_us,
        params.domain,
        Spec(params.argv, clear, params.cwd, _payload(params, token)),
        params.count,
        params.user or session.peer.user or session.peer.name,
        params.name,
        Resources.of(params.cpu_milli, params.mem_bytes, params.generic),
        params.time_request_us,
        params.time_limit_us,
        params.priority,
        params.retries,
        params.backoff_us,
        params.max_failures,
        params.max_losses,
        tuple(sorted(params.tags.items())) if params.tags else (),
        params.hold,
        tuple(map(JobId, params.after)) if params.after else (),
        params.begin_us,
    )


def _payload(params: Submit, token: str | None) -> bytes:
    if params.payload:
        if params.argv or params.stdin or params.lines or token:
            raise CallError(Code.REFUSED, "bad_type", "A job has either a payload or a command; leave one of them out.")
        if secrets_in(params.payload) is not None:
            raise CallError(Code.DENIED, "not_yours", "A payload cannot name secrets; give them with env.")
        return params.payload
    if (params.stdin, params.lines, params.first_index, params.index_step, token) == _PLAIN and not params.limits:
        return b""  # as nearly always
    if params.lines is not None and len(params.lines) != params.count:
        sentence = f"There must be one line a unit: count is {params.count}, and there are {len(params.lines)} lines."
        raise CallError(Code.REFUSED, "out_of_range", sentence)
    try:
        limits = make_limits(params.limits)
        payload = pack_options(
            ProcessOptions(params.stdin, params.lines, params.first_index, params.index_step, limits, token)
        )
    except OptionsError as error:
        raise CallError(Code.REFUSED, "out_of_range", _as_sentence(error)) from None
    if len(payload) > SPEC_BYTES_MAX:
        sentence = f"stdin and lines take more than {SPEC_BYTES_MAX} bytes; put large inputs into a file."
        raise CallError(Code.REFUSED, "too_large", sentence)
    return payload


def _who_fits(state: State, request: Resources) -> tuple[int, int]:
    """Return how many workers could hold ``request`` when empty, and how many of them have room for it now."""
    used = dict.fromkeys(state.workers.workers, NOTHING)
    for lease in state.jobs.leases.values():
        used[lease.worker_id] = used[lease.worker_id].plus(state.jobs.jobs[lease.job_id].terms.request)
    able = [worker for worker in state.workers.workers.values() if worker.is_leasable and request.fits(worker.capacity)]
    roomy = [worker for worker in able if request.fits(worker.capacity.minus(used[worker.worker_id]))]
    return len(able), len(roomy)
