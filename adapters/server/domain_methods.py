"""The methods about domains and the rules of fairness."""

from __future__ import annotations

from meted.core.commands import Command, CreateDomain, DomainRecord, RemoveDomain
from meted.core.decide.entitlements import find_domain
from meted.core.engine import Engine
from meted.core.resources import NOTHING, Resources

from .. import domain_changes as changes
from ..domain_apply import WantedDomain, apply_domains
from ..domain_views import domain_view, domain_views, domains_after, rules_view
from ..lag_bound import LagBound
from ..trial import Trial
from ..wire import params_domains, params_pool
from .desk import Desk, Handler, Now, Outcome, handling
from .loan_methods import terms_of
from .paging import page_limit, pages
from .session import Session


class DomainMethods:
    """Answers ``domain*`` and ``rules*``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lag_bound = LagBound()

    def table(self) -> dict[str, Handler]:
        """Return the handlers by method."""
        return {
            "domains": self.domains,
            "domain": self.domain,
            "domain.create": self.create_domain,
            "domain.set": self.set_domain,
            "domain.remove": self.remove_domain,
            "domain.records": self.records,
            "domain.apply": self.apply,
            "rules": self.rules,
            "rules.set": self.set_rules,
        }

    def domains(self, _: Session, params: params_domains.Domains) -> Outcome:
        """Return a page of the domains, by name."""
        state, now_us = self._desk.state, self._desk.clock()
        found = domains_after(state, params.after, page_limit(params.limit))
        return Now(next(pages(domain_views(state, found, now_us, self._lag_bound))))

    def domain(self, _: Session, params: params_domains.Domain) -> Outcome:
        """Return one domain."""
        state, now_us = self._desk.state, self._desk.clock()
        return Now(domain_view(state, find_domain(state, params.domain), now_us, self._lag_bound))

    def create_domain(self, session: Session, params: params_domains.DomainCreate) -> Outcome:
        """Make a domain."""

        def command(at_us: int) -> Command:
            return CreateDomain(
                at_us,
                params.name,
                params.share,
                resources(params.cap),
                params.parent,
                resources(params.guarantee) or NOTHING,
                params.floor_share,
                resources(params.floor) or NOTHING,
            )

        return self._desk.once("domain.create", session, params.key, handling(command))

    def set_domain(self, session: Session, params: params_domains.DomainSet) -> Outcome:
        """Change a domain or make it."""

        def change(engine: Engine, at_us: int) -> object:
            changes.set_domain(
                engine,
                at_us,
                params.name,
                params.share,
                resources(params.guarantee),
                resources(params.cap),
                params.uncapped,
                params.floor_share,
                resources(params.floor),
            )
            return {}

        return self._desk.once("domain.set", session, params.key, change)

    def remove_domain(self, session: Session, params: params_domains.DomainRemove) -> Outcome:
        """Remove a domain."""
        remove = handling(lambda at_us: RemoveDomain(at_us, params.name))
        return self._desk.once("domain.remove", session, params.key, remove)

    def records(self, session: Session, params: params_domains.DomainRecords) -> Outcome:
        """Take records of domains."""
        records = [_record(given, params.stamp_us) for given in params.records]

        def deliver(engine: Engine | Trial, at_us: int) -> object:
            return changes.deliver_records(engine, at_us, params.stamp_us, records, params.full)

        return self._desk.once("domain.records", session, params.key, deliver, deliver)

    def apply(self, session: Session, params: params_domains.DomainApply) -> Outcome:
        """Let domains be as they are wanted."""
        wanted = [_wanted(one) for one in params.domains]
        if params.dry_run:
            return Now(apply_domains(Trial(self._desk.engine.state), self._desk.clock(), wanted))

        def apply(engine: Engine | Trial, at_us: int) -> object:
            return apply_domains(engine, at_us, wanted)

        return self._desk.once("domain.apply", session, params.key, apply, apply)

    def rules(self, _: Session, __: params_pool.Rules) -> Outcome:
        """Return the rules of fairness."""
        return Now(rules_view(self._desk.state))

    def set_rules(self, session: Session, params: params_pool.RulesSet) -> Outcome:
        """Change the rules of fairness."""

        def change(engine: Engine, at_us: int) -> object:
            changes.set_rules(
                engine,
                at_us,
                params.alpha_milli,
                params.half_life_us,
                params.aging_us,
                params.no_aging,
                params.pool,
                params.usage,
                params.start_mc,
            )
            return {}

        return self._desk.once("rules.set", session, params.key, change)


def resources(amounts: params_domains.Amounts | None) -> Resources | None:
    """Return the core's record of an amount of every resource; None stays None."""
    return None if amounts is None else Resources.of(amounts.cpu_milli, amounts.mem_bytes, amounts.generic)


def _wanted(given: params_domains.WantedDomain) -> WantedDomain:
    return WantedDomain(
        given.name,
        given.parent,
        given.share,
        resources(given.guarantee) or NOTHING,
        resources(given.cap),
        given.floor_share,
        resources(given.floor) or NOTHING,
        None if given.loans is None else terms_of(given.loans),
        given.absent,
    )


def _record(given: params_domains.GivenRecord, stamp_us: int) -> DomainRecord:
    return DomainRecord(
        given.name,
        stamp_us if given.stamp_us is None else given.stamp_us,
        given.parent,
        given.share,
        resources(given.guarantee) or NOTHING,
        resources(given.cap),
        given.floor_share,
        resources(given.floor) or NOTHING,
        given.expires_us,
    )
