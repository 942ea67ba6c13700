"""Batches of releases, as people see and steer them. Master: Syncline itself."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from canonical.ids import BatchId, ContractId, ReleaseId
from canonical.moments import Moment
from canonical.money import Money
from canonical.references import LegalEntityCode
from canonical.work import Reason


class NewBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Release everything that is due of a legal entity, up to but not including `cut_off`."""

    legal_entity_code: LegalEntityCode
    cut_off: date
    document_date: date | None = None


class BatchChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pause: nothing more begins. Resume. Cancel: what has not begun never does; what has goes on."""

    action: Literal["pause", "resume", "cancel"]
    reason: Reason


class BatchApproval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Agree to all drafts of the batch that wait for this person, each within their limit; others stay as they are."""

    reason: Reason


class BatchItem(msgspec.Struct, frozen=True, kw_only=True):
    """One contract of a batch and what became of it."""

    contract_id: ContractId
    name: str
    release_id: ReleaseId | None
    state: Annotated[str, Meta(description="that of the release, or waiting, or cancelled")]
    detail: str | None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Many releases asked for at once. One that fails never stops the others."""

    id: BatchId
    legal_entity_code: LegalEntityCode
    cut_off: date
    state: Annotated[
        str, Meta(extra_json_schema={"x-extensible-enum": ["collecting", "running", "paused", "cancelled", "done"]})
    ]
    requested_by: str
    requested_at: Moment
    ended_at: Moment | None
    total: int
    states: dict[str, int]
    net: tuple[Money, ...]


class ApprovalResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one approval of a batch: approved, or the code of why it could not be."""

    release_id: ReleaseId
    result: str
    detail: str | None


class BatchApprovalResults(msgspec.Struct, frozen=True, kw_only=True):
    items: tuple[ApprovalResult, ...]
