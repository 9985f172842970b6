"""Domains and the rules of fairness on a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from meted.core.resources import NOTHING, Resources

from .domain_params import entitlement, sent_records, sent_wanted
from .verb import Verbs, verb

if TYPE_CHECKING:
    from meted.core.domains.commands import DomainRecord

    from ..domain_apply import Applied, WantedDomain
    from ..domain_changes import Delivered
    from ..domain_views import DomainView, RulesView


class DomainVerbs(Verbs):
    """The verbs of :class:`meted.adapters.local_domains.LocalDomains`, kept by a server; all raise ``Refused``."""

    @verb
    async def domain(self, name: str, share: int = 1, cap: Resources | None = None) -> None:
        """Register a domain, or set the share and the cap of one that is there (row P01).

        Raises:
            Refused: The share or the cap is out of range.
        """
        await self._ask("domain.set", name=name, uncapped=cap is None, **entitlement(share, cap=cap))

    @verb
    async def domain_create(
        self,
        name: str,
        *,
        parent: str = "",
        share: int = 1,
        guarantee: Resources = NOTHING,
        cap: Resources | None = None,
        floor_share: int = 1,
        floor: Resources = NOTHING,
    ) -> None:
        """Make a domain; the arguments are those of ``LocalDomains.domain_create``."""
        params = entitlement(share, guarantee, cap, floor_share, floor)
        await self._ask("domain.create", name=name, parent=parent, **params)

    @verb
    async def domain_set(
        self,
        name: str,
        *,
        share: int | None = None,
        guarantee: Resources | None = None,
        cap: Resources | None = None,
        uncapped: bool = False,
        floor_share: int | None = None,
        floor: Resources | None = None,
    ) -> None:
        """Change a domain, or make it at the top level; what is None stays as it is."""
        params = entitlement(share, guarantee, cap, floor_share, floor)
        await self._ask("domain.set", name=name, uncapped=uncapped, **params)

    @verb
    async def domain_remove(self, name: str) -> None:
        """Remove a domain that has no jobs, sub-domains or loans."""
        await self._ask("domain.remove", name=name)

    @verb
    async def domain_records(self, records: Sequence[DomainRecord], stamp_us: int, *, full: bool = False) -> Delivered:
        """Take records of domains, each judged by itself; newest wins (rows N01, N02).

        What is sent has to fit into one message; that is more than 20,000 records of a name and a share.
        """
        sent = sent_records(records)
        return cast("Delivered", await self._ask("domain.records", stamp_us=stamp_us, records=sent, full=full))

    @verb
    async def domain_apply(self, wanted: Sequence[WantedDomain], *, dry_run: bool = False) -> Applied:
        """Let domains be as they are wanted, each judged by itself (rows N30-N32)."""
        return cast("Applied", await self._ask("domain.apply", domains=sent_wanted(wanted), dry_run=dry_run))

    @verb
    async def domains(self) -> list[DomainView]:
        """Return all domains, by name."""
        return await self._ask_all("domains", "domain", "")

    @verb
    async def domain_row(self, name: str) -> DomainView:
        """Return one domain."""
        return cast("DomainView", await self._ask("domain", domain=name))

    @verb
    async def rules(self) -> RulesView:
        """Return the rules of fairness."""
        return cast("RulesView", await self._ask("rules"))

    @verb
    async def rules_set(
        self,
        *,
        alpha_milli: int | None = None,
        half_life_us: int | None = None,
        aging_us: int | None = None,
        no_aging: bool = False,
        pool: str | None = None,
        usage: str | None = None,
        start_mc: int | None = None,
    ) -> None:
        """Change rules of fairness; what is None stays as it is. The arguments are those of ``LocalDomains``."""
        await self._ask(
            "rules.set",
            alpha_milli=alpha_milli,
            half_life_us=half_life_us,
            aging_us=aging_us,
            no_aging=no_aging,
            pool=pool,
            usage=usage,
            start_mc=start_mc,
        )
