"""Bindings: which connection serves a capability for a legal entity, from which date, and in which mode."""

from datetime import date

import msgspec
from sqlalchemy import text

from canonical.work import Binding, BindingChange
from process_apis.operations.audit import Audit
from servicekit.auth import Caller
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind

# From the one that lets Syncline do least to the one that lets it do most.
MODES = ("off", "read", "shadow", "automatic")

_ALL = text(
    "select legal_entity_code, capability, connection, from_date, mode, updated_at from binding"
    " where (cast(:entity as text) is null or legal_entity_code = :entity)"
    " order by legal_entity_code, capability, from_date"
)
_PUT = text(
    "insert into binding (legal_entity_code, capability, connection, from_date, mode, updated_at)"
    " values (:legal_entity_code, :capability, :connection, :from_date, :mode, :updated_at)"
    " on conflict (legal_entity_code, capability, from_date) do update"
    " set connection = excluded.connection, mode = excluded.mode, updated_at = excluded.updated_at"
)


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """The connections of a legal entity on a day, and the mode of a flow that needs them all: the least of theirs."""

    connections: dict[str, str]
    mode: str


class Bindings:
    """The bindings of the firm's legal entities."""

    def __init__(self, database: Database, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def all(self, legal_entity_code: str | None = None) -> tuple[Binding, ...]:
        async with self._database.begin() as session:
            rows = (await session.execute(_ALL, {"entity": legal_entity_code})).mappings().all()
        return tuple(Binding(**row) for row in rows)

    async def put(self, legal_entity_code: str, capability: str, change: BindingChange, caller: Caller) -> Binding:
        """Bind from a date on, or change the binding of that date."""
        binding = Binding(
            legal_entity_code=legal_entity_code,
            capability=capability,
            connection=change.connection,
            from_date=change.from_date,
            mode=change.mode,
            updated_at=self._clock.now(),
        )
        async with self._database.begin() as session:
            await session.execute(_PUT, msgspec.structs.asdict(binding))
            detail = {"connection": change.connection, "mode": change.mode, "from_date": change.from_date.isoformat()}
            subject = f"binding:{legal_entity_code}:{capability}"
            await self._audit.note(session, caller, "binding.put", subject, change.reason, detail)
        return binding

    async def on(self, legal_entity_code: str, day: date, capabilities: tuple[str, ...]) -> Bound:
        """What is bound on a day. Raises INVALID `not_bound` when a capability is not."""
        held: dict[str, Binding] = {}
        for binding in await self.all(legal_entity_code):
            if binding.from_date <= day:
                held[binding.capability] = binding
        missing = [capability for capability in capabilities if capability not in held]
        if missing:
            detail = f"{legal_entity_code} has no connection for {', '.join(missing)} on {day}"
            raise Failure(Kind.INVALID, detail, code="not_bound")
        chosen = {capability: held[capability] for capability in capabilities}
        return Bound(
            connections={capability: binding.connection for capability, binding in chosen.items()},
            mode=min((binding.mode for binding in chosen.values()), key=MODES.index),
        )
