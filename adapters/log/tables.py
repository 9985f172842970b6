"""The tables of a log in SQLite, and how they are made and recognised."""

from __future__ import annotations

from pathlib import Path

from meted.core.batch import GENESIS

from .driver import Connection
from .errors import LogTooNew, LogUnsafe

APPLICATION_ID = int.from_bytes(b"metd", "big")
"""Marks the file as ours in its header, where ``file`` and SQLite look for it."""

SCHEMA_VERSION = 4
"""Version of the tables (``user_version``); it rises when they change."""

JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024
"""The write-ahead log is cut to this size once all of it has reached the database."""

REPORTS = """CREATE TABLE reports (
        job_id INTEGER NOT NULL, first INTEGER NOT NULL, lease_id INTEGER NOT NULL, seq INTEGER NOT NULL,
        worker_id INTEGER NOT NULL, attempt INTEGER NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (job_id, first, lease_id))"""
"""Which batch holds how units of a job ended. It came with version 2."""

POSTINGS = (
    # Whose each account of credit is or was.
    """CREATE TABLE credit_accounts (
        account_id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, domain TEXT NOT NULL, job_id INTEGER NOT NULL)""",
    # Statements are read from these: the events alone would have to be read from the beginning.
    """CREATE TABLE transfers (
        seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, debit INTEGER NOT NULL, credit INTEGER NOT NULL,
        amount_mc INTEGER NOT NULL, kind TEXT NOT NULL, reference INTEGER NOT NULL, note TEXT NOT NULL,
        debit_mc INTEGER NOT NULL, credit_mc INTEGER NOT NULL)""",
    "CREATE INDEX transfers_by_debit ON transfers (debit, seq)",
    "CREATE INDEX transfers_by_credit ON transfers (credit, seq)",
    # Has a row where these two tables tell of all that the batches do.
    "CREATE TABLE posted (whole INTEGER PRIMARY KEY)",
)
"""What batches say of credit, for statements; it can be read from the batches again. It came with version 3."""

REFUSALS = """CREATE TABLE credit_refusals (
        id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, who TEXT NOT NULL, method TEXT NOT NULL,
        params TEXT NOT NULL, reason TEXT NOT NULL, sentence TEXT NOT NULL, times INTEGER NOT NULL)"""
"""The newest commands about credit that were refused. It came with version 4."""

SCHEMA = (
    # One row a committed batch. The short columns stand before the long one, so that reading them touches one page.
    """CREATE TABLE batches (
        first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, at_us INTEGER NOT NULL,
        chain BLOB NOT NULL, body BLOB NOT NULL)""",
    # The log's own note of where it ends: without it, nobody could tell that its last batches are missing.
    # ``complement`` is ~seq, so that a damaged note is not taken for missing batches.
    """CREATE TABLE head (
        one INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at_us INTEGER NOT NULL,
        chain BLOB NOT NULL, complement INTEGER NOT NULL)""",
    # A trigger, as a batch without results is then a single statement: each one more waits for Python's global lock.
    """CREATE TRIGGER note_head AFTER INSERT ON batches BEGIN
        UPDATE head SET seq = NEW.last_seq, at_us = NEW.at_us, chain = NEW.chain, complement = ~NEW.last_seq
        WHERE one = 1;
    END""",
    # A large result has no body but the digest of a file. ``seq`` is the last seq of the batch that it came with: where
    # a repair cuts that batch off, the result goes as well.
    """CREATE TABLE results (
        job_id INTEGER NOT NULL, unit_index INTEGER NOT NULL, attempt INTEGER NOT NULL, seq INTEGER NOT NULL,
        digest BLOB, body BLOB,
        PRIMARY KEY (job_id, unit_index), CHECK ((digest IS NULL) <> (body IS NULL)))""",
    "CREATE INDEX results_by_digest ON results (digest) WHERE digest IS NOT NULL",
    REPORTS,
    *POSTINGS,
    REFUSALS,
    """CREATE TABLE snapshots (
        id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at_us INTEGER NOT NULL, chain BLOB NOT NULL,
        schema INTEGER NOT NULL, sha256 BLOB NOT NULL, body BLOB NOT NULL)""",
    # What a repair took out of the log. The columns have no type and no constraint: what lies here may be anything.
    "CREATE TABLE quarantined (repair, reason, first_seq, last_seq, at_us, chain, body)",
    "CREATE TABLE quarantined_snapshots (repair, seq, at_us, chain, schema, sha256, body)",
    "CREATE TABLE quarantined_results (repair, job_id, unit_index, attempt, seq, digest, body)",
    "CREATE INDEX quarantined_by_digest ON quarantined_results (digest) WHERE digest IS NOT NULL",
)

PRAGMAS = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA synchronous = FULL",  # a commit is on the disk before it returns
    f"PRAGMA journal_size_limit = {JOURNAL_LIMIT_BYTES}",
    "PRAGMA cell_size_check = ON",  # a malformed page is reported when it is read
    "PRAGMA trusted_schema = OFF",
)


def prepare(connection: Connection, path: Path, read_only: bool) -> None:
    """Set a fresh connection up; make the tables where the file is new.

    Raises:
        LogTooNew: The tables are of a version newer than this program.
        LogUnsafe: The file is a database of another program, or of none where it is to be read only.
    """
    for pragma in PRAGMAS:
        list(connection.execute(pragma))
    if read_only:
        list(connection.execute("PRAGMA query_only = ON"))
    application_id, version = _number(connection, "application_id"), _number(connection, "user_version")
    tables = next(iter(connection.execute("SELECT count(*) FROM sqlite_schema")))[0]
    if application_id != APPLICATION_ID and (application_id or version or tables or read_only):
        raise LogUnsafe(f"{path} is not a log of meted; it was left as it is, so name another data directory.")
    if version > SCHEMA_VERSION:
        raise LogTooNew(str(path), version, SCHEMA_VERSION)
    if not read_only:
        list(connection.execute("PRAGMA journal_mode = WAL"))
        if not tables:
            create(connection)
        elif version < SCHEMA_VERSION:
            _upgrade(connection, version)


def create(connection: Connection, is_posted: bool = True) -> None:
    """Make the tables of an empty log, all or none; ``is_posted``: what it says of credit is to be kept from now on."""
    list(connection.execute("BEGIN IMMEDIATE"))
    for statement in SCHEMA:
        list(connection.execute(statement))
    list(connection.execute("INSERT INTO head VALUES (1, 0, 0, ?, ?)", (GENESIS, ~0)))
    if is_posted:
        list(connection.execute("INSERT INTO posted VALUES (1)"))
    list(connection.execute(f"PRAGMA application_id = {APPLICATION_ID}"))
    list(connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}"))
    list(connection.execute("COMMIT"))


def _upgrade(connection: Connection, version: int) -> None:
    """Make the tables of an older version those of today; what was reported, posted or refused before has no row."""
    list(connection.execute("BEGIN IMMEDIATE"))
    since = ((2, (REPORTS,)), (3, POSTINGS), (4, (REFUSALS,)))
    for statement in (statement for came, made in since if version < came for statement in made):
        list(connection.execute(statement))
    list(connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}"))
    list(connection.execute("COMMIT"))


def _number(connection: Connection, pragma: str) -> int:
    value = next(iter(connection.execute(f"PRAGMA {pragma}")))[0]
    return value if isinstance(value, int) else 0
