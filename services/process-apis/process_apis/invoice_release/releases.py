"""The releases as they are kept and shown: a row beside the run, with the three states of its invoice."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.money import Money
from canonical.releases import Draft, Release, VoidedNumber
from canonical.work import StepRecord
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind

_OWN = (
    "id, reference, kind, revision, batch_id, corrects_release_id, contract_id, contract_number, project_id,"
    " customer_id, customer_name, legal_entity_code, currency, cut_off, document_state, posting_state, payment_state,"
    " approved_by, invoice_id, invoice_number, credit_note_id, receivable_id, document_number, document_date,"
    " posting_date, due_date, posting_moved, approved_at, issued_at, posted_at"
)
_SHOWN = (
    ", ".join(f"l.{name.strip()}" for name in _OWN.split(","))
    + ", l.draft, r.run_id, r.state, r.mode, r.actor as requested_by, r.started_at, r.ended_at, r.waiting_s,"
    " greatest(l.updated_at, r.updated_at) as updated_at, r.trace_parent"
)
_FROM = "from release l join run r using (run_id)"
_CREATE = text(
    "insert into release (id, run_id, reference, kind, revision, batch_id, corrects_release_id, contract_id,"
    " contract_number, legal_entity_code, currency, cut_off, document_state, posting_state, payment_state, updated_at)"
    " values (:id, :run_id, :reference, :kind, :revision, :batch_id, :corrects_release_id, :contract_id,"
    " :contract_number, :legal_entity_code, :currency, :cut_off, 'draft', 'none', 'open', :now)"
    " on conflict do nothing"
)
_ONE = text(f"select {_SHOWN} {_FROM} where l.id = :id")
_OF_RUN = text(f"select {_SHOWN} {_FROM} where l.run_id = :run_id")
_BY_INVOICE = text(f"select {_SHOWN} {_FROM} where l.invoice_id = :invoice_id and l.kind <> 'credit'")
_CREDITS = text("select id from release where corrects_release_id = :id and kind = 'credit' order by updated_at")
_STEPS = text(
    "select name, state, system, attempts, started_at, ended_at, detail, trace_id from step"
    " where run_id = :run_id order by started_at, place"
)
FILTERS = ("state", "legal_entity_code", "contract_id", "batch_id", "document_state", "posting_state")
_MANY = text(
    f"select {_SHOWN} {_FROM} where (cast(:state as text) is null or r.state = :state)"
    + "".join(f" and (cast(:{name} as text) is null or l.{name} = :{name})" for name in FILTERS[1:])
    + " and (cast(:started_before as timestamptz) is null or (r.started_at, l.id) < (:started_before, :id_before))"
    " order by r.started_at desc, l.id desc limit :limit"
)
_CHANGEABLE = frozenset(
    {
        *("document_state", "posting_state", "payment_state", "invoice_id", "invoice_number", "credit_note_id"),
        *("receivable_id", "document_number", "document_date", "posting_date", "due_date", "posting_moved"),
        *("approved_at", "issued_at", "posted_at", "project_id", "project_number", "customer_id", "customer_name"),
        *("kind", "redraft", "billing_mark_id"),
    }
)


class NewRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a release is from its first moment on."""

    id: str
    run_id: str
    reference: str
    kind: str
    revision: int
    batch_id: str | None
    corrects_release_id: str | None
    contract_id: str
    contract_number: str
    legal_entity_code: str
    currency: str
    cut_off: date


class Releases:
    """All releases."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, session: AsyncConnection, row: NewRow) -> None:
        """Once, however often."""
        await session.execute(_CREATE, {**msgspec.structs.asdict(row), "now": self._clock.now()})

    async def change(self, session: AsyncConnection, run_id: str, **changes: Any) -> None:
        """Set the named columns of the release of a run."""
        unknown = changes.keys() - _CHANGEABLE
        if unknown:
            raise ValueError(f"a release has no {', '.join(sorted(unknown))} to change")
        assigned = ", ".join(f"{name} = :{name}" for name in changes)
        statement = text(f"update release set {assigned}, updated_at = :now where run_id = :run_id")
        await session.execute(statement, {**changes, "run_id": run_id, "now": self._clock.now()})

    async def keep_draft(self, session: AsyncConnection, run_id: str, draft: Draft | None) -> None:
        """The draft as it stands, and that nobody has asked for another one since."""
        statement = text(
            "update release set draft = cast(:draft as jsonb), drafts = drafts + 1, redraft = false, updated_at = :now"
            " where run_id = :run_id"
        )
        encoded = None if draft is None else msgspec.json.encode(draft).decode()
        await session.execute(statement, {"draft": encoded, "run_id": run_id, "now": self._clock.now()})

    async def keep_approvers(self, session: AsyncConnection, run_id: str, approvers: tuple[str, ...]) -> bool:
        """Whether the draft they agreed to is still the one: whatever comes later finds it agreed to."""
        statement = text(
            "update release set approved_by = cast(:by as jsonb), approved_at = :now"
            " where run_id = :run_id and not redraft"
        )
        by = msgspec.json.encode(approvers).decode()
        done = await session.execute(statement, {"by": by, "run_id": run_id, "now": self._clock.now()})
        return done.rowcount == 1

    async def posted_before(self, session: AsyncConnection, run_id: str) -> bool:
        """Whether the release of the run was written down as posted already."""
        statement = text("select posting_state = 'posted' from release where run_id = :run_id for update")
        return bool((await session.execute(statement, {"run_id": run_id})).scalar_one())

    async def redraft_asked(self, run_id: str) -> bool:
        """Whether somebody changed what the draft goes by since it was made."""
        async with self._database.begin() as session:
            found = await session.execute(
                text("select redraft from release where run_id = :run_id"), {"run_id": run_id}
            )
            return bool(found.scalar_one())

    async def one(self, release_id: str) -> Release:
        """With its draft and steps. Raises MISSING."""
        return await self._found(_ONE, {"id": release_id}, f"release {release_id}")

    async def of_run(self, run_id: str) -> Release:
        """Raises MISSING."""
        return await self._found(_OF_RUN, {"run_id": run_id}, f"release of {run_id}")

    async def of_invoice(self, invoice_id: str) -> Release:
        """Raises MISSING for an invoice that no release of ours has issued."""
        return await self._found(_BY_INVOICE, {"invoice_id": invoice_id}, f"release of invoice {invoice_id}")

    async def mark_of(self, release_id: str) -> str | None:
        """The mark that the PSA holds for the release's invoice, if any."""
        async with self._database.begin() as session:
            statement = text("select billing_mark_id from release where id = :id")
            mark_id: str | None = (await session.execute(statement, {"id": release_id})).scalar_one()
        return mark_id

    async def voided(self, legal_entity_code: str) -> tuple[VoidedNumber, ...]:
        """The numbers of an entity that were given and taken back: every gap has its reason."""
        statement = text("select * from voided_number where legal_entity_code = :entity order by voided_at, number")
        async with self._database.begin() as session:
            rows = (await session.execute(statement, {"entity": legal_entity_code})).mappings().all()
        return tuple(VoidedNumber(**row) for row in rows)

    async def credits_of(self, release_id: str) -> tuple[str, ...]:
        async with self._database.begin() as session:
            return tuple((await session.execute(_CREDITS, {"id": release_id})).scalars().all())

    async def many(
        self, filters: Mapping[str, str | None], before: tuple[datetime, str] | None, limit: int
    ) -> tuple[Release, ...]:
        """Newest first, without draft and steps; `before` is where the former page ended."""
        values = {
            **dict.fromkeys(FILTERS),
            **filters,
            "started_before": before[0] if before else None,
            "id_before": before[1] if before else None,
            "limit": limit,
        }
        async with self._database.begin() as session:
            rows = (await session.execute(_MANY, values)).mappings().all()
        return tuple(msgspec.structs.replace(_release(dict(row), ()), draft=None) for row in rows)

    async def _found(self, statement: Any, values: dict[str, Any], what: str) -> Release:
        async with self._database.begin() as session:
            row = (await session.execute(statement, values)).mappings().one_or_none()
            if row is None:
                raise Failure(Kind.MISSING, f"there is no {what}")
            steps = (await session.execute(_STEPS, {"run_id": row["run_id"]})).mappings().all()
        return _release(dict(row), tuple(StepRecord(**step) for step in steps))


def reference_of(entity: str, release_id: str, prefix: str = "INV") -> str:
    """What a document is called everywhere before it has a number: short enough for the narrowest field for it."""
    return f"{prefix}-{entity}-{release_id[-12:].upper()}"


def _release(row: dict[str, Any], steps: tuple[StepRecord, ...]) -> Release:
    trace_parent, kept = row.pop("trace_parent"), row.pop("draft")
    draft = None if kept is None else msgspec.convert(kept, Draft)
    approved_by = tuple(row.pop("approved_by"))
    return Release(
        net=_money(draft, "net"),
        gross=_money(draft, "gross"),
        approved_by=approved_by,
        trace_id=trace_parent.split("-")[1] if trace_parent else None,
        draft=draft,
        steps=steps,
        **row,
    )


def _money(draft: Draft | None, name: str) -> Money | None:
    return None if draft is None else getattr(draft, name)
