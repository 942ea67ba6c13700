"""What a release writes down about itself: its states, its documents, and the events that tell of them."""

from datetime import timedelta

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.entries import BillingMark
from canonical.events import InvoiceApproved, InvoicePosted
from canonical.invoicing import Invoice
from canonical.postings import LedgerEntry, Receivable
from canonical.releases import Draft
from process_apis.invoice_release.claims import Claims
from process_apis.invoice_release.drafting import would_post
from process_apis.invoice_release.drafts import Drafted
from process_apis.invoice_release.facts import Agreement
from process_apis.invoice_release.notices import Notice
from process_apis.invoice_release.releases import Releases
from process_apis.invoice_release.writing import Dates, Posted
from process_apis.ledger.postings import Posting, Postings
from process_apis.operations.approvals import Wanted
from process_apis.operations.runs import RunChange
from process_apis.rules.reading import Rules
from process_apis.running import Run
from servicekit.failures import Failure, Kind

_VOIDED = text(
    "insert into voided_number (legal_entity_code, number, release_id, reason, by_actor, voided_at)"
    " values (:entity, :number, :release_id, :reason, :by, :now) on conflict do nothing"
)


class Recording:
    """The record-keeping steps of one release."""

    def __init__(self, run: Run, releases: Releases, claims: Claims, postings: Postings, rules: Rules) -> None:
        self._run = run
        self._releases = releases
        self._claims = claims
        self._postings = postings
        self._rules = rules

    async def begun(self, agreement: Agreement, mode: str) -> None:
        contract = agreement.contract
        refs = {"contract_id": contract.id, "customer_id": agreement.customer.id}
        name = f"{contract.number}, {agreement.customer.name}"
        change = RunChange(
            state="running", name=name, mode=mode, legal_entity_code=contract.legal_entity_code, refs=refs
        )
        async with self._run.tools.database.begin() as session:
            await self._run.tools.runs.change(session, self._run.launch.run_id, change)
            customer = agreement.customer
            await self._set(session, customer_id=customer.id, customer_name=customer.name)

    async def ended(self, state: str, contract_id: str) -> None:
        """A release that wrote nothing to any platform. In modes that only look, nothing stays claimed."""
        async with self._run.tools.database.begin() as session:
            if state != "nothing_to_bill":
                await self._claims.let_go(session, self._run.launch.id, contract_id)
            await self._run.tools.runs.change(session, self._run.launch.run_id, RunChange(state=state))

    async def planned(self, plan: msgspec.Raw) -> None:
        """What would be written, for people to compare."""
        await self._run.change(RunChange(state="running", plan=plan))

    async def redraft_asked(self) -> bool:
        return await self._releases.redraft_asked(self._run.launch.run_id)

    def approvals_wanted(self, drafted: Drafted, methods: set[str]) -> tuple[Wanted, ...]:
        """Whom the rules ask. Their limit is compared in the entity's own currency."""
        rules = self._rules.invoicing
        return tuple(
            Wanted(
                process=self._run.tools.process,
                run_id=self._run.launch.run_id,
                subject=rule.required_role,
                required_role=rule.required_role,
                because=(rule.text,),
                legal_entity_code=drafted.draft.legal_entity_code,
                value=drafted.draft.net_in_entity_currency,
                requested_by=self._run.launch.actor,
                within=timedelta(hours=rules.answer_within_hours),
                barred=drafted.barred if rule.bars else (),
            )
            for rule in rules.asked_by(methods)
        )

    async def approved(self, drafted: Drafted, contract_id: str, approvers: tuple[str, ...]) -> bool:
        """Whether the draft is still the one that was agreed to; only then anything follows."""
        tools, launch, draft = self._run.tools, self._run.launch, drafted.draft
        data = InvoiceApproved(
            release_id=launch.id,
            reference=draft.reference,
            contract_id=contract_id,
            legal_entity_code=draft.legal_entity_code,
            document_date=draft.document_date,
            net=draft.net,
            tax=draft.gross - draft.net,
            gross=draft.gross,
            approved_by=approvers,
            approved_at=tools.clock.now(),
        )
        async with tools.database.begin() as session:
            change = RunChange(state="running", refs={"project_id": drafted.project_id})
            await tools.runs.change(session, launch.run_id, change)
            await self._set(session, project_id=drafted.project_id)
            if not await self._releases.keep_approvers(session, launch.run_id, approvers):
                return False
            await self._announce(session, "invoice-approved", data, draft.legal_entity_code)
        return True

    async def proved(self, invoice: Invoice, receivable: Receivable, dates: Dates) -> None:
        await self._change(
            posting_state="drafted",
            invoice_id=invoice.id,
            receivable_id=receivable.id,
            document_date=dates.document_date,
            posting_date=dates.posting_date,
            due_date=dates.due_date,
            posting_moved=dates.moved,
        )

    async def issued(self, invoice: Invoice) -> None:
        await self._change(
            document_state="issued",
            invoice_number=invoice.number,
            document_date=invoice.document_date,
            issued_at=invoice.issued_at or self._run.tools.clock.now(),
        )

    async def in_trouble(self, failure: Failure) -> None:
        """The posting did not succeed: not known yet, or refused after the legal act."""
        if failure.kind is Kind.IN_DOUBT:
            await self._change(posting_state="in_doubt")
        elif failure.code == "issued_not_posted":
            await self._change(posting_state="failed")

    async def posted(
        self, draft: Draft, contract_id: str, invoice: Invoice, posted: Posted, entries: tuple[LedgerEntry, ...]
    ) -> None:
        """The invoice stands in the ledger: what it moved there is kept by account, in both currencies."""
        tools, launch, receivable = self._run.tools, self._run.launch, posted.receivable
        data = InvoicePosted(
            release_id=launch.id,
            invoice_id=invoice.id,
            number=invoice.number or "",
            receivable_id=receivable.id,
            document_number=receivable.document_number or "",
            contract_id=contract_id,
            legal_entity_code=draft.legal_entity_code,
            document_date=receivable.document_date,
            posting_date=receivable.posting_date,
            net=draft.net,
            tax=draft.gross - draft.net,
            gross=draft.gross,
            posted_at=tools.clock.now(),
        )
        async with tools.database.begin() as session:
            await self._set(
                session,
                posting_state="posted",
                posting_date=receivable.posting_date,
                document_number=receivable.document_number,
                posting_moved=posted.moved,
                posted_at=tools.clock.now(),
            )
            await self._postings.keep(session, _posting(launch.run_id, draft, contract_id, receivable, entries))
            await self._announce(session, "invoice-posted", data, draft.legal_entity_code)

    async def finished(self) -> None:
        await self._run.change(RunChange(state="posted"))

    async def marked(self, mark: BillingMark | None) -> None:
        if mark is not None:
            await self._change(billing_mark_id=mark.id)

    async def unmarked(self) -> None:
        """A person gave up telling the PSA: what was billed stays claimed here all the same."""
        async with self._run.tools.database.begin() as session:
            await self._run.tools.cases.resolve(session, self._run.launch.run_id, "mark_billed", "discarded")

    async def noticed(self, found: tuple[Notice, ...]) -> None:
        """Exceptions that hold nothing up, one for each thing that people should see to."""
        async with self._run.tools.database.begin() as session:
            for notice in found:
                detail = "; ".join(error.message for error in notice.errors[:5])
                failure = Failure(Kind.INVALID, detail, notice.code, notice.errors)
                problem = self._run.problem(f"notice:{notice.code}", failure, blocking=False)
                await self._run.tools.cases.raise_case(session, msgspec.structs.replace(problem, value=notice.value))

    async def discarded(self, contract_id: str, reason: str) -> None:
        """After the undo list: nothing is claimed any more, and a number that was given is registered as voided."""
        tools, launch = self._run.tools, self._run.launch
        release = await self._releases.of_run(launch.run_id)
        async with tools.database.begin() as session:
            await self._claims.let_go(session, launch.id, contract_id)
            if release.invoice_number is not None:
                values = {
                    "entity": release.legal_entity_code,
                    "number": release.invoice_number,
                    "release_id": launch.id,
                    "reason": reason,
                    "by": launch.actor,
                    "now": tools.clock.now(),
                }
                await session.execute(_VOIDED, values)
            state = "void" if release.invoice_number is not None else "discarded"
            await self._set(session, document_state=state, posting_state="none")
            await tools.cases.resolve(session, launch.run_id, None, "discarded")
            await tools.runs.change(session, launch.run_id, RunChange(state="discarded"))

    async def _change(self, **changes: object) -> None:
        async with self._run.tools.database.begin() as session:
            await self._set(session, **changes)

    async def _set(self, session: AsyncConnection, **changes: object) -> None:
        await self._releases.change(session, self._run.launch.run_id, **changes)

    async def _announce(self, session: AsyncConnection, name: str, data: msgspec.Struct, entity: str) -> None:
        launch = self._run.launch
        await self._run.tools.announcer.announce(session, name, launch.id, data, entity, identity=launch.run_id)


def _posting(
    run_id: str, draft: Draft, contract_id: str, receivable: Receivable, entries: tuple[LedgerEntry, ...]
) -> Posting:
    """In the document's currency by the draft's lines, in the entity's own as the ledger says."""
    return Posting.of(
        kind="invoice",
        reference=draft.reference,
        run_id=run_id,
        contract_id=contract_id,
        legal_entity_code=draft.legal_entity_code,
        document_number=receivable.document_number or "",
        posting_date=receivable.posting_date,
        entered=would_post(draft),
        entries=entries,
    )
