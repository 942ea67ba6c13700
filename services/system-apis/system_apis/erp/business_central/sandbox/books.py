"""The tenant's books: companies and the records in them, in the store, with their entity tags."""

import base64
import hashlib
import json
import uuid
from typing import Any

from sandboxkit.app import Context
from system_apis.erp.business_central.sandbox.entities import COMPANIES
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.posting_entities import DIMENSION_SET_LINES
from system_apis.erp.business_central.sandbox.shapes import Entity


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
        return sorted(found, key=lambda row: _order(row.get(entity.key, "")))

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

    def parts(self, part: Entity, row: Row) -> list[Row]:
        """What belongs to a record, in order: its dimensions stand in it, its lines beside it."""
        if part.set_name == DIMENSION_SET_LINES.set_name:
            return list(row.get(part.set_name, []))
        held = self._store.get(part.store_kind, f"{row['companyId']}/{row['id']}")
        return list(held["rows"]) if held else []

    def keep_parts(self, part: Entity, row: Row, rows: list[Row]) -> None:
        body = {"companyId": row["companyId"], "id": row["id"], "rows": rows}
        self._store.put(part.store_kind, f"{row['companyId']}/{row['id']}", body)

    def drop_parts(self, part: Entity, row: Row) -> None:
        self._store.delete(part.store_kind, f"{row['companyId']}/{row['id']}")

    def owner_of(self, part: Entity, company: str, part_id: str) -> str | None:
        """The id of the record that a line belongs to."""
        held = self._store.find(part.store_kind, lambda body: body["companyId"] == company)
        return next((str(body["id"]) for body in held if any(row["id"] == part_id for row in body["rows"])), None)

    def next_number(self, series: str, company: str) -> int:
        return self._store.next_number(f"{series} {company}", 10)

    def setup(self, company: str) -> Row:
        """What an administrator set up and no page shows: mandatory dimensions, manual numbers."""
        return self._store.get("companySetup", company) or {}

    def today(self) -> str:
        return self._context.clock.now().date().isoformat()

    def now(self) -> str:
        """Seven digits, as BC writes moments."""
        return self._context.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f3Z")


def _order(key: Any) -> Any:
    return key if isinstance(key, int) else str(key)


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
