"""Rows of what batches say of credit: whose each account is, and every transfer with the balances after it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from .driver import Connection, Row, Value
from .inserts import insert_rows
from .records import PostedAccount, Postings, Transfer

ROWS_A_TRANSACTION = 10_000
"""So many rows are written at once where all are written anew."""

_ACCOUNT = "account_id, seq, domain, job_id"
_TRANSFER = "seq, at_us, debit, credit, amount_mc, kind, reference, note, debit_mc, credit_mc"
_KINDS = (int, int, int, int, int, str, int, str, int, int)


def insert(connection: Connection, postings: Postings) -> None:
    """Write rows; one that is there already stays."""
    accounts: list[Value] = []
    for opened in postings.accounts:
        accounts += (opened.account_id, opened.seq, opened.domain, opened.job_id)
    insert_rows(connection, f"credit_accounts ({_ACCOUNT})", 4, accounts, "ON CONFLICT DO NOTHING")
    transfers: list[Value] = []
    for it in postings.transfers:
        transfers += (it.seq, it.at_us, it.debit, it.credit, it.amount_mc)
        transfers += (it.kind, it.reference, it.note, it.debit_mc, it.credit_mc)
    insert_rows(connection, f"transfers ({_TRANSFER})", 10, transfers, "ON CONFLICT DO NOTHING")


def replace(connection: Connection, found: Iterable[Postings]) -> None:
    """Write rows in the place of all that there are, and note that they are whole.

    It takes several transactions, none of which is open while the next rows are found.
    """
    list(connection.execute("BEGIN IMMEDIATE"))
    for table in ("posted", "credit_accounts", "transfers"):
        list(connection.execute(f"DELETE FROM {table}"))
    list(connection.execute("COMMIT"))
    accounts: list[PostedAccount] = []
    transfers: list[Transfer] = []
    for postings in chain(found, (None,)):
        if postings is not None:
            accounts += postings.accounts
            transfers += postings.transfers
            if len(accounts) + len(transfers) < ROWS_A_TRANSACTION:
                continue
        list(connection.execute("BEGIN IMMEDIATE"))
        insert(connection, Postings(tuple(accounts), tuple(transfers)))
        if postings is None:
            list(connection.execute("INSERT INTO posted VALUES (1)"))
        list(connection.execute("COMMIT"))
        accounts.clear()
        transfers.clear()


def are_whole(connection: Connection) -> bool:
    """Whether the rows tell of all that the batches do."""
    return _is_there(connection) and bool(list(connection.execute("SELECT 1 FROM posted")))


def transfers(connection: Connection, account_id: int, after_seq: int, limit: int) -> list[Transfer]:
    """The first transfers from or to an account behind a position; a damaged row is left out."""
    if not _is_there(connection):
        return []
    side = f"SELECT {_TRANSFER} FROM transfers WHERE {{}} = ?1 AND seq > ?2"
    select = f"{side.format('debit')} UNION ALL {side.format('credit')} ORDER BY seq LIMIT ?3"
    found = connection.execute(select, (account_id, after_seq, limit))
    return [made for row in found if (made := _transfer(row)) is not None]


def account(connection: Connection, account_id: int) -> PostedAccount | None:
    """Whose an account is or was."""
    if not _is_there(connection):
        return None
    select = f"SELECT {_ACCOUNT} FROM credit_accounts WHERE account_id = ?"
    for row in list(connection.execute(select, (account_id,))):
        return _account(row)
    return None


def between(connection: Connection, first_seq: int, last_seq: int) -> Postings:
    """The rows from one position to another; what is no sound row is left out."""
    if not _is_there(connection):
        return Postings()
    where = "WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq"
    accounts = connection.execute(f"SELECT {_ACCOUNT} FROM credit_accounts {where}", (first_seq, last_seq))
    found = connection.execute(f"SELECT {_TRANSFER} FROM transfers {where}", (first_seq, last_seq))
    return Postings(
        tuple(opened for row in accounts if (opened := _account(row)) is not None),
        tuple(made for row in found if (made := _transfer(row)) is not None),
    )


def _account(row: Row) -> PostedAccount | None:
    number, seq, domain, job_id = row
    if isinstance(number, int) and isinstance(seq, int) and isinstance(domain, str) and isinstance(job_id, int):
        return PostedAccount(number, seq, domain, job_id)
    return None


def _is_there(connection: Connection) -> bool:
    """Whether there are such tables: not in a log of an older version that is open for reading only."""
    select = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'posted'"
    return bool(list(connection.execute(select)))


def _transfer(row: Row) -> Transfer | None:
    if tuple(map(type, row)) != _KINDS:
        return None
    return Transfer(*row)  # type: ignore[arg-type]  # each was looked at
