"""The tenant's books: companies and the records in them, in the store, with their entity tags."""

import base64
import hashlib
import json
import uuid
from typing import Any

from sandboxkit.app import Context
from system_apis.erp.business_central.sandbox.entities import COMPANIES, Entity
from system_apis.erp.business_central.sandbox.filters import Row


class Books:
    """Records are kept under `<company id>/<id>`, in the form the pages show plus `companyId`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store

    def companies(self) -> list[Row]:
        return list(self._store.all(COMPANIES.store_kind))

    def company(self, wanted: str) -> Row | None:
        """By id or by name."""
        fits = (row for row in self.companies() if wanted.lower() in {row["id"].lower(), row["name"].lower()})
        return next(fits, None)

    def rows(self, entity: Entity, company: str) -> list[Row]:
        """In the order of the table's primary key."""
        found = self._store.find(entity.store_kind, lambda row: row["companyId"] == company)
        return sorted(found, key=lambda row: str(row.get(entity.key, "")))

    def row(self, entity: Entity, company: str, record_id: str) -> Row | None:
        return self._store.get(entity.store_kind, f"{company}/{record_id.lower()}")

    def keyed(self, entity: Entity, company: str, key: str) -> Row | None:
        """The record with this primary key, such as a customer's number."""
        return next((row for row in self.rows(entity, company) if row.get(entity.key) == key), None)

    def insert(self, entity: Entity, company: str, values: Row) -> Row:
        return self.keep(entity, values | {"id": str(uuid.uuid4()), "companyId": company})

    def keep(self, entity: Entity, row: Row) -> Row:
        """Write the record, modified now."""
        stamped = row | {"lastModifiedDateTime": self.now()}
        return self._store.put(entity.store_kind, f"{row['companyId']}/{row['id']}", stamped)

    def delete(self, entity: Entity, row: Row) -> None:
        self._store.delete(entity.store_kind, f"{row['companyId']}/{row['id']}")

    def next_number(self, series: str, company: str) -> int:
        return self._store.next_number(f"{series} {company}", 10)

    def setup(self, company: str) -> Row:
        """What an administrator set up and no page shows: mandatory dimensions, manual numbers."""
        return self._store.get("companySetup", company) or {}

    def now(self) -> str:
        """Seven digits, as BC writes moments."""
        return self._context.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f3Z")


def etag(row: Row) -> str:
    """Changes with every change of the record, whoever made it."""
    digest = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).digest()
    inner = f"'44;{base64.b64encode(digest).decode()};00'"
    return f'W/"{base64.b64encode(inner.encode()).decode()}"'


def shown(entity: Entity, row: Row, fields: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The record as the page shows it."""
    names = fields if fields is not None else tuple(field.name for field in entity.fields)
    known = {field.name: row.get(field.name, field.empty) for field in entity.fields}
    return {"@odata.etag": etag(row)} | {name: known[name] for name in names}
