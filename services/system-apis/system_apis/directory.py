"""Which record of which platform is which of ours: the cross-reference of one capability.

Only the owning capability mints an id, once per (connection, kind, native id). The others learn ids by link commands.
A connector fills id fields with native ids; `adopt` replaces them by canonical ones, `to_native` does the reverse.
"""

from functools import cache
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from msgspec import inspect

from canonical.ids import PREFIXES
from canonical.references import ExternalId
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from servicekit.ids import mint

METADATA = sa.MetaData()
CROSS_REFERENCE = sa.Table(
    "cross_reference",
    METADATA,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("native_id", sa.Text, primary_key=True),
    sa.Column("canonical_id", sa.Text, nullable=False, index=True),
    sa.Column("legal_entity_code", sa.Text),
    sa.Column("currency", sa.Text),
    sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
)

S = TypeVar("S", bound=msgspec.Struct)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a canonical id lives: its connection and the id it has there."""

    connection: str
    native_id: str


class Directory:
    """The cross-reference of a capability that owns `owned` kinds of records."""

    def __init__(self, database: Database, owned: frozenset[str], clock: Clock) -> None:
        self._database = database
        self._owned = owned
        self._clock = clock

    async def adopt(self, record: S, connection: str) -> S:
        """The record with canonical ids, `external_ids` filled. Ids of kinds others own become absent if unknown."""
        return (await self.adopt_all((record,), connection))[0]

    async def adopt_all(self, records: tuple[S, ...], connection: str) -> tuple[S, ...]:
        wanted = sorted({pair for record in records for pair in _native_ids(record)})
        known = await self._resolve(connection, wanted) if wanted else {}
        return tuple(_replaced(record, known, connection) for record in records)

    async def place(self, kind: str, canonical_id: str) -> Place:
        """Raises MISSING for an id that no connection of this capability has."""
        places = await self.places(kind, canonical_id)
        if not places:
            raise Failure(Kind.MISSING, f"there is no {kind.replace('_', ' ')} {canonical_id}")
        return Place(connection=places[0].connection, native_id=places[0].id)

    async def places(self, kind: str, canonical_id: str) -> tuple[ExternalId, ...]:
        table = CROSS_REFERENCE
        query = (
            sa.select(table)
            .where(table.c.canonical_id == canonical_id, table.c.kind == kind)
            .order_by(table.c.linked_at, table.c.connection)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return tuple(
            ExternalId(
                connection=row["connection"],
                kind=kind,
                id=row["native_id"],
                legal_entity_code=row["legal_entity_code"],
                currency=row["currency"],
            )
            for row in rows
        )

    async def known(self, kind: str, native_id: str, connection: str) -> str | None:
        """The canonical id of a native record, if it has one; none is minted."""
        return (await self._resolve(connection, [(kind, native_id)], minting=False)).get((kind, native_id))

    async def to_native(self, record: S, connection: str) -> S:
        """The record with this connection's native ids in the fields of kinds we own, also in lists of ids.

        Raises INVALID for a stranger.
        """
        changes: dict[str, Any] = {}
        for name, kind in _id_fields(type(record)):
            value = getattr(record, name)
            if kind not in self._owned or value is None or value == ():
                continue
            ids = (value,) if isinstance(value, str) else value
            found = await self._natives(kind, ids, connection)
            if not found.keys() >= set(ids):
                raise Failure(Kind.INVALID, f"{name} is not known to {connection}", code="unknown_reference")
            changes[name] = found[value] if isinstance(value, str) else tuple(found[one] for one in ids)
        return msgspec.structs.replace(record, **changes)

    async def _natives(self, kind: str, ids: tuple[str, ...], connection: str) -> dict[str, str]:
        """What canonical records are called at a connection; of several names the first that was linked."""
        table = CROSS_REFERENCE
        query = (
            sa.select(table.c.canonical_id, table.c.native_id)
            .where(table.c.kind == kind, table.c.connection == connection, table.c.canonical_id.in_(ids))
            .order_by(table.c.linked_at.desc())
        )
        async with self._database.begin() as session:
            return {row.canonical_id: row.native_id for row in (await session.execute(query)).all()}

    async def link(
        self,
        kind: str,
        canonical_id: str,
        connection: str,
        native_id: str,
        legal_entity_code: str | None = None,
        currency: str | None = None,
    ) -> None:
        """Remember that the native record is the canonical one. Raises CONFLICT when it is already another's."""
        await self._insert(connection, [(kind, native_id, canonical_id)], legal_entity_code, currency)
        held = (await self._resolve(connection, [(kind, native_id)], minting=False))[kind, native_id]
        if held != canonical_id:
            raise Failure(Kind.CONFLICT, f"{native_id} is already linked to {held}", code="already_linked")

    async def _resolve(
        self, connection: str, wanted: list[tuple[str, str]], *, minting: bool = True
    ) -> dict[tuple[str, str], str]:
        known = await self._known(connection, wanted)
        missing = [pair for pair in wanted if pair not in known and pair[0] in self._owned]
        if missing and minting:
            await self._insert(connection, [(kind, native, mint(PREFIXES[kind])) for kind, native in missing])
            known |= await self._known(connection, missing)
        return known

    async def _known(self, connection: str, wanted: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
        table = CROSS_REFERENCE
        query = sa.select(table.c.kind, table.c.native_id, table.c.canonical_id).where(
            table.c.connection == connection, sa.tuple_(table.c.kind, table.c.native_id).in_(wanted)
        )
        async with self._database.begin() as session:
            rows = (await session.execute(query)).all()
        return {(row.kind, row.native_id): row.canonical_id for row in rows}

    async def _insert(
        self,
        connection: str,
        links: list[tuple[str, str, str]],
        legal_entity_code: str | None = None,
        currency: str | None = None,
    ) -> None:
        """Whoever comes first wins; the second insert of the same native record changes nothing."""
        statement = sa.text(
            "insert into cross_reference"
            " (connection, kind, native_id, canonical_id, legal_entity_code, currency, linked_at) values"
            " (:connection, :kind, :native_id, :canonical_id, :legal_entity_code, :currency, :linked_at)"
            " on conflict do nothing"
        )
        rows = [
            {
                "connection": connection,
                "kind": kind,
                "native_id": native_id,
                "canonical_id": canonical_id,
                "legal_entity_code": legal_entity_code,
                "currency": currency,
                "linked_at": self._clock.now(),
            }
            for kind, native_id, canonical_id in links
        ]
        async with self._database.begin() as session:
            await session.execute(statement, rows)


@cache
def _id_fields(struct: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """The fields of a struct that hold an id or a list of them, each with its kind, as the types say."""
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        return ()
    return tuple((field.name, kind) for field in info.fields if (kind := _id_kind(field.type)) is not None)


def _id_kind(described: inspect.Type) -> str | None:
    if isinstance(described, inspect.UnionType):
        return next((kind for part in described.types if (kind := _id_kind(part)) is not None), None)
    if isinstance(described, inspect.VarTupleType):
        return _id_kind(described.item_type)
    if isinstance(described, inspect.Metadata):
        return (described.extra or {}).get("id_kind") or _id_kind(described.type)
    return None


def _native_ids(record: msgspec.Struct) -> list[tuple[str, str]]:
    pairs = ((kind, getattr(record, name)) for name, kind in _id_fields(type(record)))
    return [(kind, value) for kind, value in pairs if isinstance(value, str) and not _is_canonical(kind, value)]


def _is_canonical(kind: str, value: str) -> bool:
    prefix, _, rest = value.partition("_")
    return prefix == PREFIXES[kind] and len(rest) == 32


def _replaced(record: S, known: dict[tuple[str, str], str], connection: str) -> S:
    changes: dict[str, Any] = {}
    for name, kind in _id_fields(type(record)):
        value = getattr(record, name)
        if isinstance(value, str) and not _is_canonical(kind, value):
            changes[name] = known.get((kind, value))
            if name == "id" and not getattr(record, "external_ids", ("",)):
                changes["external_ids"] = (ExternalId(connection=connection, kind=kind, id=value),)
    return msgspec.structs.replace(record, **changes)
