"""What several pages show alike: hops in the order of time, exceptions and invoices in a line."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.ids import ReleaseId
from canonical.invoicing import DocumentState, PaymentState
from canonical.moments import Moment
from canonical.money import Money
from canonical.releases import PostingState, Release, ReleaseState
from canonical.work import ExceptionCase, StepRecord
from experience_api.hops import EventSeen


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened: a step of a run, an event, or the approval of a piece of work by a person."""

    at: Moment
    kind: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["step", "event", "approval"]})]
    name: str
    system: str | None
    state: str | None
    trace_id: str | None
    by: Annotated[str | None, Meta(description="the person, where one did it")] = None


class ExceptionLine(msgspec.Struct, frozen=True, kw_only=True):
    """An exception, in a line."""

    id: str
    title: str
    owner_team: str
    status: str
    raised_at: Moment
    suggested_fix: str
    value_at_stake: Money | None


class ReleaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice on its way or a correction of one, in a line. `document_number` is the ERP's own."""

    release_id: ReleaseId
    reference: str
    kind: str
    state: ReleaseState
    document_state: DocumentState
    posting_state: PostingState
    payment_state: PaymentState
    contract_number: str
    customer_name: str | None
    invoice_number: str | None
    document_number: str | None
    net: Money | None
    gross: Money | None
    corrects_release_id: ReleaseId | None
    started_at: Moment
    issued_at: Moment | None
    posted_at: Moment | None


class Releases(msgspec.Struct, frozen=True, kw_only=True):
    """Releases as a section keeps them."""

    releases: tuple[Release, ...]


class Cases(msgspec.Struct, frozen=True, kw_only=True):
    """Exceptions as a section keeps them."""

    cases: tuple[ExceptionCase, ...]


def event_hops(events: Iterable[EventSeen]) -> list[Hop]:
    return [
        Hop(at=seen.at, kind="event", name=seen.type, system=seen.source, state=None, trace_id=seen.trace_id)
        for seen in events
    ]


def step_hops(steps: Iterable[StepRecord]) -> list[Hop]:
    return [
        Hop(
            at=step.started_at,
            kind="step",
            name=step.name,
            system=step.system,
            state=step.state,
            trace_id=step.trace_id,
        )
        for step in steps
    ]


def exception_line(case: ExceptionCase) -> ExceptionLine:
    return ExceptionLine(
        id=case.id,
        title=case.title,
        owner_team=case.owner_team,
        status=case.status,
        raised_at=case.raised_at,
        suggested_fix=case.suggested_fix,
        value_at_stake=case.value_at_stake,
    )


def release_line(release: Release) -> ReleaseLine:
    return ReleaseLine(
        release_id=release.id,
        reference=release.reference,
        kind=release.kind,
        state=release.state,
        document_state=release.document_state,
        posting_state=release.posting_state,
        payment_state=release.payment_state,
        contract_number=release.contract_number,
        customer_name=release.customer_name,
        invoice_number=release.invoice_number,
        document_number=release.document_number,
        net=release.net,
        gross=release.gross,
        corrects_release_id=release.corrects_release_id,
        started_at=release.started_at,
        issued_at=release.issued_at,
        posted_at=release.posted_at,
    )
