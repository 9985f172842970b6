"""Where events are kept: one contract, a log in memory and a log in SQLite, and what helps to look after them."""

from __future__ import annotations

from .contract import CREDIT_REFUSALS_MAX, Log
from .errors import (
    LogClosed,
    LogConflict,
    LogDamaged,
    LogError,
    LogFull,
    LogHeld,
    LogIOError,
    LogMissing,
    LogTooLarge,
    LogTooNew,
    LogUnsafe,
    ResultDamaged,
)
from .memory import MemoryLog
from .records import (
    EMPTY,
    NO_POSTINGS,
    CreditRefusal,
    Head,
    PostedAccount,
    Postings,
    Report,
    Result,
    Snapshot,
    Transfer,
)
from .sqlite import SQLiteLog

__all__ = [
    "CREDIT_REFUSALS_MAX",
    "EMPTY",
    "NO_POSTINGS",
    "CreditRefusal",
    "Head",
    "Log",
    "LogClosed",
    "LogConflict",
    "LogDamaged",
    "LogError",
    "LogFull",
    "LogHeld",
    "LogIOError",
    "LogMissing",
    "LogTooLarge",
    "LogTooNew",
    "LogUnsafe",
    "MemoryLog",
    "PostedAccount",
    "Postings",
    "Report",
    "Result",
    "ResultDamaged",
    "SQLiteLog",
    "Snapshot",
    "Transfer",
]
