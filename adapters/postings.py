"""What events say of credit, as rows for statements: whose accounts are, and transfers with the balances after them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meted.core.credit.state import ESCROW, TREASURY
from meted.core.engine import Sealed
from meted.core.events import CreditMoved, CreditOpened, DomainCreated, DonorPaid, Event, FeePosted, HoldPosted
from meted.core.ids import AccountId, DomainId
from meted.core.schema import decode_events
from meted.core.state import State

from .log import NO_POSTINGS, Log, LogDamaged, PostedAccount, Postings, Transfer
from .log.recovery import start_point, tail
from .recovery import decoded

TOLD = frozenset((CreditMoved, HoldPosted, FeePosted, DonorPaid, CreditOpened))
"""The events that become rows."""

_READ = TOLD | {DomainCreated}  # most events are none of these, and to ask for each class in turn takes longer


def postings_of(sealed: Sealed, before: State) -> Postings:
    """Return the rows of a batch; ``before`` is the state that it was decided on."""
    if TOLD.isdisjoint(map(type, sealed.events)):
        return NO_POSTINGS
    return Bookkeeper(before).read(sealed.events, sealed.batch.first_seq)


def keep_postings(log: Log) -> None:
    """Read from the batches of a log what they say of credit, where it does not keep that yet.

    An older version of meted may have written it, or it was repaired.

    Raises:
        LogError: It cannot be written.
        SchemaError: It holds an event that this program does not know.
    """
    if not log.has_postings:
        write_postings(log)


def write_postings(log: Log) -> None:
    """Read from the batches of a log what they say of credit, and keep it in the place of what there is.

    Raises:
        LogError: It cannot be written.
        SchemaError: It holds an event that this program does not know.
    """
    log.replace_postings(_all(log))


def _all(log: Log) -> Iterator[Postings]:
    keeper, reached = Bookkeeper(State()), 0
    try:
        for batch in log.read(1):
            yield keeper.read(decode_events(batch.body), batch.first_seq)
            reached = batch.last_seq
    except LogDamaged:
        # What happened in between cannot be read any more; a snapshot knows what it came to.
        snapshot = start_point(log)[0]
        state = decoded(snapshot)
        if snapshot is None or state is None or snapshot.seq <= reached:
            return
        yield Postings(accounts=tuple(_known(state)))
        keeper = Bookkeeper(state)
        for batch in tail(log, snapshot):
            yield keeper.read(decode_events(batch.body), batch.first_seq)


def _known(state: State) -> Iterator[PostedAccount]:
    for account in state.ledger.accounts.values():
        if account.domain_id:
            name = state.domains.domains[account.domain_id].name
            yield PostedAccount(account.account_id, state.seq, name, account.job_id)


class Bookkeeper:
    """Turns the events behind one position into rows."""

    def __init__(self, before: State) -> None:
        """Go on from a state."""
        self._before = before
        self._names: dict[DomainId, str] = {}
        self._balances: dict[AccountId, int] = {}

    def read(self, events: Iterable[Event], first_seq: int) -> Postings:
        """Return the rows of the next events, the first of which is at ``first_seq``."""
        accounts: list[PostedAccount] = []
        transfers: list[Transfer] = []

        def moved(
            amount_mc: int, kind: str, reference: int, debit: AccountId, credit: AccountId, note: str = ""
        ) -> None:
            if not amount_mc:  # a short unit may cost less than a thousandth
                return
            debit_mc = self._balances[debit] = self._balance(debit) - amount_mc
            credit_mc = self._balances[credit] = self._balance(credit) + amount_mc
            rest = (amount_mc, kind, reference, note, debit_mc, credit_mc)
            transfers.append(Transfer(seq, event.at_us, debit, credit, *rest))

        for seq, event in enumerate(events, first_seq):
            if type(event) not in _READ:
                continue
            match event:
                case CreditMoved():
                    moved(event.amount_mc, event.kind, event.reference, event.debit, event.credit, event.note)
                case HoldPosted():
                    moved(event.amount_mc, "hold", event.hold_id, event.debit, event.credit)
                case FeePosted():
                    moved(event.amount_mc, "fee", event.lease_id, event.debit, event.credit)
                case DonorPaid():
                    kind = "unclaimed" if event.account_id == TREASURY else "income"
                    moved(event.amount_mc, kind, 0, ESCROW, event.account_id)
                case CreditOpened():
                    name = self._name(event.domain_id)
                    accounts.append(PostedAccount(event.account_id, seq, name, event.job_id))
                case DomainCreated():
                    self._names[event.domain_id] = event.name
                case _:
                    pass
        return Postings(tuple(accounts), tuple(transfers))

    def _balance(self, account_id: AccountId) -> int:
        known = self._balances.get(account_id)
        if known is not None:
            return known
        account = self._before.ledger.accounts.get(account_id)
        return 0 if account is None else account.balance_mc

    def _name(self, domain_id: DomainId) -> str:
        made = self._names.get(domain_id)
        return self._before.domains.domains[domain_id].name if made is None else made
