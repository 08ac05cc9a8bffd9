"""What the stores need of a connection: SQLite's has it, and so has the one in `postgres.py`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """Rows that were changed."""
        ...

    def fetchone(self) -> Any:
        """The next row as a tuple; None: there is no other."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left, as tuples."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Each row that is left, as a tuple."""
        ...


class Connection(Protocol):
    """A database in autocommit mode; group statements with `database.transaction`.

    Statements are in the SQL that both databases take, with `?` for parameters.
    """

    @property
    def in_transaction(self) -> bool:
        """Whether one was begun and has not ended."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor:
        """Run a statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> object:
        """Run a statement once for each row of parameters."""
        ...

    def close(self) -> None:
        """End the connection; a transaction that has not ended is rolled back."""
        ...
