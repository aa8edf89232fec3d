"""Outcomes kept in an SQLite file as they come, so that a batch that was cut off goes on where it was.

Each outcome is a transaction of its own: it is in the file when `keep` returns, or not at all.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from functools import cache
from pathlib import Path
from types import TracebackType

from ...base.errors import ToyvmError
from ...base.resources import source_version
from .jobs import Job, Outcome

FORMAT = "toyvm.batch/1"
_TABLES = """
    create table if not exists batch (name text primary key, value text not null);
    create table if not exists outcomes (
        key text primary key, digest text not null, state text not null, value text not null,
        detail text not null) without rowid;
"""


class Store:
    """The outcomes in one file. A context manager, which closes the file.

    One process uses a file at a time. Raises ToyvmError if the file is another's, or no store.
    """

    def __init__(self, path: Path):
        self.path = path
        existed = path.exists() and path.stat().st_size > 0
        try:
            self._database = sqlite3.connect(path, timeout=0, isolation_level=None)
            # The lock is held from the first transaction to the end of the connection.
            self._database.execute("pragma locking_mode = exclusive")
            if existed and self._format() != FORMAT:
                raise ToyvmError(f"{path}: not a store of results")
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = normal")
            self._database.executescript(_TABLES)
            self._database.execute("insert or ignore into batch values ('format', ?)", (FORMAT,))
        except sqlite3.OperationalError as problem:
            if "locked" in str(problem):
                raise ToyvmError(f"{path}: another process is using this store of results") from None
            raise ToyvmError(f"{path}: {problem}") from None
        except sqlite3.DatabaseError:
            raise ToyvmError(f"{path}: not a store of results") from None

    def _format(self) -> str:
        try:
            row = self._database.execute("select value from batch where name = 'format'").fetchone()
        except sqlite3.OperationalError as problem:
            if "no such table" in str(problem):
                return ""
            raise
        return str(row[0]) if row else ""

    def kept(self, job: Job) -> Outcome | None:
        """The outcome of an equal job of this version of toyvm."""
        row = self._database.execute(
            "select state, value, detail from outcomes where key = ? and digest = ?", (job.key, _digest(job))
        ).fetchone()
        return Outcome(job.key, row[0], json.loads(row[1]), row[2]) if row else None

    def keep(self, job: Job, outcome: Outcome) -> None:
        """Write an outcome, in place of one of another job with the same key. Raises ToyvmError."""
        row = (outcome.key, _digest(job), outcome.state, json.dumps(outcome.value), outcome.detail)
        try:
            self._database.execute("insert or replace into outcomes values (?, ?, ?, ?, ?)", row)
        except sqlite3.Error as problem:
            raise ToyvmError(f"{self.path}: {problem}") from None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()


def _digest(job: Job) -> str:
    """A job's digest with toyvm's own: after a change of toyvm the same job may have another outcome."""
    return f"{job.digest()} {_toyvm()}"


@cache
def _toyvm() -> str:
    return hashlib.sha256(source_version("", "libs")).hexdigest()
