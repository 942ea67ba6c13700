"""A sandbox's records, in SQLite: the state survives the process, as a vendor's would."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

Record = dict[str, Any]

_SCHEMA = """
create table if not exists record (
    n integer primary key autoincrement, kind text not null, id text not null, body text not null, unique (kind, id));
create table if not exists counter (name text primary key, value integer not null);
create table if not exists journal (
    n integer primary key autoincrement, at text not null, method text not null, path text not null,
    body text not null, status integer, fault text);
"""


class Store:
    """Records by kind and id, in the vendor's own form, listed in the order in which they were created."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = off")
        self._db.executescript(_SCHEMA)
        self._views: dict[str, dict[str, Record]] = {}
        self._changes: Counter[str] = Counter()

    def close(self) -> None:
        self._db.close()

    def insert(self, kind: str, record_id: str, body: Record) -> Record:
        """Raises KeyError when the id is taken."""
        text = _text(body)
        try:
            self._db.execute("insert into record (kind, id, body) values (?, ?, ?)", (kind, record_id, text))
        except sqlite3.IntegrityError as error:
            raise KeyError(record_id) from error
        self._written(kind, record_id, text)
        return body

    def put(self, kind: str, record_id: str, body: Record) -> Record:
        """Create or replace; a replaced record keeps its place in the order."""
        text = _text(body)
        self._db.execute(
            "insert into record (kind, id, body) values (?, ?, ?)"
            " on conflict (kind, id) do update set body = excluded.body",
            (kind, record_id, text),
        )
        self._written(kind, record_id, text)
        return body

    def get(self, kind: str, record_id: str) -> Record | None:
        row = self._db.execute("select body from record where kind = ? and id = ?", (kind, record_id)).fetchone()
        return msgspec.json.decode(row[0]) if row else None

    def delete(self, kind: str, record_id: str) -> bool:
        self._changes[kind] += 1
        self._views.get(kind, {}).pop(record_id, None)
        return self._db.execute("delete from record where kind = ? and id = ?", (kind, record_id)).rowcount > 0

    def all(self, kind: str) -> Iterator[Record]:
        for (body,) in self._db.execute("select body from record where kind = ? order by n", (kind,)).fetchall():
            yield msgspec.json.decode(body)

    def view(self, kind: str) -> Mapping[str, Record]:
        """The same records by id, read from the file once and kept up to date: for looking at, not for changing."""
        if kind not in self._views:
            rows = self._db.execute("select id, body from record where kind = ? order by n", (kind,)).fetchall()
            self._views[kind] = {record_id: msgspec.json.decode(body) for record_id, body in rows}
        return MappingProxyType(self._views[kind])

    def revision(self, kind: str | None = None) -> int:
        """Grows with every change to a record of the kind, or of any."""
        return self._changes.total() if kind is None else self._changes[kind]

    def find(self, kind: str, matches: Callable[[Record], bool]) -> list[Record]:
        """Copies of those that match; *matches* looks at the records themselves."""
        found = [record for record in self.view(kind).values() if matches(record)]
        return [msgspec.json.decode(_text(record)) for record in found]

    def kinds(self) -> dict[str, int]:
        return dict(self._db.execute("select kind, count(*) from record group by kind order by kind").fetchall())

    def next_number(self, name: str, start: int = 1) -> int:
        """1, 2, 3 ... for each name; the first is `start`."""
        row = self._db.execute(
            "insert into counter (name, value) values (?, ?)"
            " on conflict (name) do update set value = value + 1 returning value",
            (name, start),
        ).fetchone()
        return int(row[0])

    def clear(self) -> None:
        self._changes.update([*self._views, ""])
        self._views.clear()
        for table in ("record", "counter", "journal"):
            self._db.execute(f"delete from {table}")

    def _written(self, kind: str, record_id: str, text: str) -> None:
        self._changes[kind] += 1
        if kind in self._views:
            self._views[kind][record_id] = msgspec.json.decode(text)

    def note(self, at: str, method: str, path: str, body: str) -> int:
        """Write a request into the journal before it is handled; returns its number."""
        cursor = self._db.execute(
            "insert into journal (at, method, path, body) values (?, ?, ?, ?)", (at, method, path, body)
        )
        return int(cursor.lastrowid or 0)

    def note_outcome(self, number: int, status: int | None, fault: str | None) -> None:
        self._db.execute("update journal set status = ?, fault = ? where n = ?", (status, fault, number))

    def journal(self) -> list[Record]:
        names = ("n", "at", "method", "path", "body", "status", "fault")
        rows = self._db.execute(f"select {', '.join(names)} from journal order by n").fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]


def _text(body: Record) -> str:
    return msgspec.json.encode(body).decode()
