"""The organisation's records: kept ones, and what an administrator set up before."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sandboxkit.app import VendorClock
from sandboxkit.store import Store
from system_apis.crm.salesforce.sandbox.identifiers import record_id, stamp
from system_apis.crm.salesforce.sandbox.schema import Schema, SObject
from system_apis.crm.salesforce.sandbox.setup import SETUP

Row = dict[str, Any]


class Records:
    """Rows by object and 18 character id. A row lacks the fields that are null."""

    def __init__(self, store: Store, schema: Schema, clock: VendorClock) -> None:
        self.store = store
        self.schema = schema
        self.clock = clock

    def now(self) -> str:
        return stamp(self.clock.now())

    def all(self, name: str) -> Iterator[Row]:
        """The rows of an object, deleted ones too, in the order in which they were made."""
        found = False
        for row in self.store.all(name):
            found = True
            yield row
        if not found:
            yield from SETUP.get(name, [])

    def shown(self, name: str) -> Iterable[Row]:
        """The same rows, for looking at only."""
        return self.store.view(name).values() or SETUP.get(name, [])

    def get(self, name: str, row_id: str) -> Row | None:
        row = self.store.get(name, row_id)
        if row is None and name in SETUP:
            row = next((known for known in self.all(name) if known["Id"] == row_id), None)
        return row

    def live(self, name: str, row_id: str) -> Row | None:
        row = self.get(name, row_id)
        return None if row is None or row.get("IsDeleted") else row

    def find(self, name: str, matches: Callable[[Row], bool]) -> list[Row]:
        return [row for row in self.all(name) if not row.get("IsDeleted") and matches(row)]

    def with_key(self, described: SObject, field: str, value: str) -> list[Row]:
        """The rows with that external id; its case does not matter."""
        wanted = value.lower()
        return self.find(described.name, lambda row: str(row.get(field) or "").lower() == wanted)

    def next_id(self, described: SObject) -> str:
        """An id that no row of the object has yet: the control door may have brought some of its own."""
        while True:
            made = record_id(described.prefix, self.store.next_number(f"id:{described.name}"))
            if self.store.get(described.name, made) is None:
                return made
