"""The methods that wait: for the end of a job, for changes of the tables; and the subscriptions."""

from __future__ import annotations

from collections.abc import Callable

import trio

from meted.core.decide.entitlements import find_domain
from meted.core.decide.jobs import find_job
from meted.core.errors import Reason, Refused
from meted.core.ids import JobId

from ..loan_news import news_of
from ..loan_views import loan_ids_of, loan_view
from ..wire import params_jobs, params_loans, params_pool
from ..wire.limits import PAGE_ROWS_MAX, WAIT_MAX_US
from .desk import Desk, Handler, Later, Now, Outcome
from .paging import page_limit, pages
from .read_methods import ReadMethods
from .session import Session
from .subscriptions import SUBSCRIPTIONS_MAX
from .tables import Change, Rows

TABLES = ("jobs", "workers", "job", "loans", "alarms")


class FollowMethods:
    """Answers ``wait``, ``changes``, ``loan.changes``, ``subscribe`` and ``unsubscribe``."""

    def __init__(self, desk: Desk, reads: ReadMethods) -> None:
        self._desk = desk
        self._reads = reads

    def table(self) -> dict[str, Handler]:
        """Return the handlers by method."""
        return {
            "wait": self.wait,
            "changes": self.changes,
            "loan.changes": self.loan_changes,
            "subscribe": self.subscribe,
            "unsubscribe": self.unsubscribe,
        }

    def wait(self, _: Session, params: params_jobs.Wait) -> Outcome:
        """Return a job when it has ended, or when the time is over."""
        job = find_job(self._desk.state, params.job)
        wait_s = seconds(params.wait_us)

        async def wait() -> object:
            with trio.move_on_after(wait_s):
                while not self._has_ended(job.job_id):
                    await self._desk.ends.setdefault(job.job_id, trio.Event()).wait()
            return await self._reads.row(job.job_id)

        return Later(wait)

    def changes(self, _: Session, params: params_pool.Changes) -> Outcome:
        """Return what has changed since a position; where nothing has, wait for it."""
        limit, wait_s = page_limit(params.limit), seconds(params.wait_us)
        tables = self._desk.tables
        since_status = min(params.since_status, tables.status)  # a larger one is of an earlier life
        found = tables.since(params.since_seq, since_status)
        if found is None:  # at once, so that who asks for much has to take it before asking for more
            return Now(self._everything(limit))
        if found.jobs or found.workers or not wait_s:
            return Now(self._page(found, limit))

        async def changes() -> object:
            change = tables.since(params.since_seq, since_status)
            with trio.move_on_after(wait_s):
                while change is not None and not (change.jobs or change.workers):
                    await tables.changed()
                    change = tables.since(params.since_seq, since_status)
            return self._everything(limit) if change is None else self._page(change, limit)

        return Later(changes)

    def loan_changes(self, _: Session, params: params_loans.LoanChanges) -> Outcome:
        """Return what became of loans since a position; where nothing did, wait for it."""
        domain, wait_s, tables = params.domain, seconds(params.wait_us), self._desk.tables
        if domain is not None:
            find_domain(self._desk.state, domain)
        change = tables.since(params.since_seq) if params.since_seq else None
        if change is None or news_of(change.loans, domain) or not wait_s:
            return Now(self._loan_page(change, domain))

        async def changes() -> object:
            change = tables.since(params.since_seq)
            with trio.move_on_after(wait_s):
                while change is not None and not news_of(change.loans, domain):
                    await tables.changed()
                    change = tables.since(params.since_seq)
            return self._loan_page(change, domain)

        return Later(changes)

    def subscribe(self, session: Session, params: params_pool.Subscribe) -> Outcome:
        """Send a table and then its changes."""
        if params.table not in TABLES:
            raise Refused(Reason.OUT_OF_RANGE, f"table must be one of {', '.join(TABLES)}.")
        if (params.table == "job") != (params.job is not None):
            raise Refused(Reason.OUT_OF_RANGE, "job must be given for the table job, and only for that.")
        if params.domain is not None:
            if params.table != "loans":
                raise Refused(Reason.OUT_OF_RANGE, "domain can be given for the table loans only.")
            find_domain(self._desk.state, params.domain)
        if len(session.subscriptions) >= SUBSCRIPTIONS_MAX:
            raise Refused(Reason.TOO_MANY, f"A connection may follow {SUBSCRIPTIONS_MAX} tables; unsubscribe from one.")
        job_id = None if params.job is None else find_job(self._desk.state, params.job).job_id
        subscription = session.subscriptions.add(params.table, job_id, params.domain)
        subscription.begin(self._desk.tables, params.since_seq)
        self._desk.tables.attach(session, _teller(session))
        session.poke()
        return Now({"subscription": subscription.number})

    def unsubscribe(self, session: Session, params: params_pool.Unsubscribe) -> Outcome:
        """Send a table no longer."""
        session.subscriptions.remove(params.subscription)
        if not session.subscriptions:
            self._desk.tables.detach(session)
        return Now({})

    def _has_ended(self, job_id: JobId) -> bool:
        job = self._desk.state.jobs.jobs.get(job_id)
        return job is None or job.outcome is not None

    def _loan_page(self, change: Change | None, domain: str | None) -> dict[str, object]:
        """Return the news of a change, or the first page of the loans as they are where it is not known any more."""
        state = self._desk.state
        page = [] if change is None else next(pages(news_of(change.loans, domain)[:PAGE_ROWS_MAX]))
        if change is not None and len(page) == len(news_of(change.loans, domain)):
            return {"seq": change.seq, "reset": False, "loans": [], "news": page}
        if page:  # more than one message holds: the rest is asked for from there
            return {"seq": page[-1]["told_seq"], "reset": False, "loans": [], "news": page}
        known = [] if state.domains.by_name.get(domain or "") is None and domain else loan_ids_of(state, domain)
        rows = [loan_view(state, state.domains.loans[loan_id]) for loan_id in known[:PAGE_ROWS_MAX]]
        return {"seq": state.seq, "reset": True, "loans": next(pages(rows)), "news": []}

    def _everything(self, limit: int) -> dict[str, object]:
        state = self._desk.state
        jobs = tuple(sorted(state.jobs.jobs))[:limit]
        workers = tuple(sorted(state.workers.workers))
        everything = Change(state.seq, self._desk.tables.status, jobs, workers)
        return self._answer(everything, self._desk.tables.rows(everything), reset=True)

    def _page(self, change: Change, limit: int) -> dict[str, object]:
        if len(change.jobs) + len(change.workers) > limit:
            return self._everything(limit)
        rows = self._desk.tables.rows(change)
        if len(list(pages(rows.jobs))) > 1:
            return self._everything(limit)
        return self._answer(change, rows, reset=False)

    def _answer(self, change: Change, rows: Rows, *, reset: bool) -> dict[str, object]:
        return {
            "seq": change.seq,
            "status": change.status,
            "reset": reset,
            "jobs": next(pages(rows.jobs)),
            "workers": rows.workers,
            "gone_jobs": rows.gone_jobs,
            "gone_workers": rows.gone_workers,
        }


def _teller(session: Session) -> Callable[..., None]:
    def tell(change: Change, rows: object) -> None:
        session.subscriptions.tell(change, rows)  # type: ignore[arg-type]
        session.poke()

    return tell


def seconds(wait_us: int) -> float:
    """Return how long a caller wants to wait, in seconds; at most ``WAIT_MAX_US``.

    Raises:
        Refused: It is no time to wait.
    """
    if wait_us < 0:
        raise Refused(Reason.OUT_OF_RANGE, "wait_us must not be negative.")
    return min(wait_us, WAIT_MAX_US) / 1e6
