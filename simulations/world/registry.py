"""Which domains are open, reckoned from outside from the events of their records alone."""

from __future__ import annotations

from meted.core.events import (
    DomainChanged,
    DomainClosed,
    DomainCreated,
    DomainOpened,
    DomainRemoved,
    Event,
    MinimumStampSet,
    RecordRefused,
    RecordsConfirmed,
)


class Registry:
    """The stamps of domains, when they expire, and which are closed.

    Attributes:
        closed: The domains that are closed.
        wrong: What cannot be, one sentence each.
    """

    def __init__(self) -> None:
        """Begin with no domain."""
        self.closed: set[int] = set()
        self.wrong: list[str] = []
        self._stamps: dict[int, int] = {}
        self._expires: dict[int, int | None] = {}
        self._least_stamp_us = 0

    def take(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case DomainCreated() | DomainChanged():
                self._stamp(event.domain_id, event.stamp_us, 0)
                self._expires[event.domain_id] = event.expires_us
            case RecordsConfirmed():
                for domain_id in event.domain_ids:
                    self._stamp(domain_id, event.stamp_us, 1)
            case MinimumStampSet():
                if event.stamp_us <= self._least_stamp_us:
                    self.wrong.append(f"A full update was taken after a newer one: {event}.")
                self._least_stamp_us = event.stamp_us
            case DomainClosed():
                self._close(event)
            case DomainOpened():
                if event.domain_id not in self.closed or self._is_over(event.domain_id, event.at_us):
                    self.wrong.append(f"A domain was opened that was not closed, or holds no more: {event}.")
                self.closed.discard(event.domain_id)
            case DomainRemoved():
                del self._stamps[event.domain_id], self._expires[event.domain_id]
                self.closed.discard(event.domain_id)
            case RecordRefused() if not (event.reason and event.sentence):
                self.wrong.append(f"A record was refused without a reason: {event}.")
            case _:
                pass

    def _stamp(self, domain_id: int, stamp_us: int, newer_by_us: int) -> None:
        """Take note of when the record of a domain was written, 0 if there is none; a change by hand keeps that."""
        known_us = self._stamps.get(domain_id, 0)
        is_stale = stamp_us > known_us and stamp_us < self._least_stamp_us
        if is_stale or stamp_us < known_us + newer_by_us:
            self.wrong.append(f"A record of domain {domain_id} of {stamp_us} us was taken after a newer one.")
        self._stamps[domain_id] = stamp_us

    def _close(self, event: DomainClosed) -> None:
        causes = {
            "expired": self._is_over(event.domain_id, event.at_us),
            "absent": 0 < self._stamps[event.domain_id] < self._least_stamp_us,
        }
        if event.domain_id in self.closed or not causes.get(event.reason, False):
            self.wrong.append(f"Domain {event.domain_id} closed twice, or without the cause that is said: {event}.")
        self.closed.add(event.domain_id)

    def _is_over(self, domain_id: int, at_us: int) -> bool:
        expires_us = self._expires[domain_id]
        return expires_us is not None and expires_us <= at_us
