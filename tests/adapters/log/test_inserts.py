"""Any number of rows is inserted, in a few statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.log.driver import Cursor, Value
from meted.adapters.log.inserts import insert_rows


class Counting:
    """A database in memory that counts statements."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, twice INTEGER)")
        self.statements = 0

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.database.in_transaction

    def execute(self, statement: str, bindings: Sequence[Value] = (), /) -> Cursor:
        """Run one statement."""
        self.statements += 1
        return self.database.execute(statement, bindings)

    def close(self) -> None:
        """Close it."""
        self.database.close()

    def rows(self) -> Iterator[tuple[int, int]]:
        """Return the rows in order."""
        return iter(self.database.execute("SELECT number, twice FROM numbers ORDER BY number"))


@given(st.integers(0, 700), st.integers(0, 700))
def test_all_rows_are_written_by_few_statements(count: int, there: int) -> None:
    connection = Counting()
    for rows, times in ((there, 3), (count, 2)):  # what is there already stays as it is
        values = [value for number in range(rows) for value in (number, times * number)]
        connection.statements = 0
        insert_rows(connection, "numbers (number, twice)", 2, values, "ON CONFLICT DO NOTHING")
        assert connection.statements == rows // 256 + (rows % 256).bit_count()
    wanted = [(number, (3 if number < there else 2) * number) for number in range(max(count, there))]
    assert list(connection.rows()) == wanted
    connection.close()
