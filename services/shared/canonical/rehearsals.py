"""Rehearsals: what mode `shadow` would have posted, held against what was posted. Master: Syncline itself."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.ids import ContractId, RecognitionId, ReleaseId
from canonical.moments import Moment
from canonical.money import Money
from canonical.postings import AccountRole
from canonical.references import LegalEntityCode
from canonical.work import Finding

# `refused`: it came to no draft, and the findings say why. `not_posted`: nothing was posted since that it could be
# held against.
RehearsalOutcome = Annotated[
    str, Meta(extra_json_schema={"x-extensible-enum": ["same", "differs", "refused", "not_posted"]})
]


class RehearsedMove(msgspec.Struct, frozen=True, kw_only=True):
    """What would move on the accounts of a role, and what the ledger says has moved. Debit is positive.

    In the entity's own currency: the rehearsed amount at the rate of its day. None: nothing on that side.
    """

    account_role: AccountRole
    rehearsed: Money | None
    posted: Money | None


class RehearsalDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A field that is not the same on both sides. `subject` is a line by its description, or the whole."""

    subject: str
    field: str
    rehearsed: str | None
    posted: str | None


class ReleaseRehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """The newest rehearsal of a contract's invoice, line by line against what was released after it.

    `lines` counts the rehearsed ones. `remarks` tell what became of the posted invoice besides: a posting date that
    moved, a credit. Findings stood in the way of the draft, or wanted to be seen to.
    """

    contract_id: ContractId
    contract_number: str
    legal_entity_code: LegalEntityCode
    cut_off: date
    outcome: RehearsalOutcome
    rehearsed_release_id: ReleaseId
    rehearsed_at: Moment
    posted_release_id: ReleaseId | None
    invoice_number: str | None
    lines: int
    differences: tuple[RehearsalDifference, ...]
    moves: tuple[RehearsedMove, ...]
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]


class RevenueRehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """The newest rehearsal of a contract's revenue, against what was recognised after it."""

    contract_id: ContractId
    contract_number: str
    legal_entity_code: LegalEntityCode
    period_end: date
    outcome: RehearsalOutcome
    rehearsed_recognition_id: RecognitionId
    rehearsed_at: Moment
    posted_recognition_id: RecognitionId | None
    document_number: str | None
    revenue: Money | None
    cumulative_required: Money | None
    differences: tuple[RehearsalDifference, ...]
    moves: tuple[RehearsedMove, ...]
    findings: tuple[Finding, ...]
