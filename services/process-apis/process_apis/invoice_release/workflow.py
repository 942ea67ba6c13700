"""Approved work -> issued invoice -> posted receivable. The business rule, top to bottom."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from canonical.invoicing import Invoice
from canonical.postings import LedgerEntry, Receivable
from process_apis.invoice_release.drafting import Named
from process_apis.invoice_release.drafts import Asked, Drafted, Drafts
from process_apis.invoice_release.facts import Agreement
from process_apis.invoice_release.reading import Readings
from process_apis.invoice_release.recording import Recording
from process_apis.invoice_release.writing import Dates, Posted, Writings
from process_apis.operations.bindings import Bound
from process_apis.operations.runs import Launch
from process_apis.running import Discarded, Run, Tools
from servicekit.failures import Failure


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What every release works with."""

    readings: Readings
    drafts: Drafts
    writings: Writings


class InvoiceRelease:
    """The process. *recording* makes the record-keeping of one run."""

    def __init__(self, tools: Tools, parts: Parts, recording: Any) -> None:
        self._tools = tools
        self._parts = parts
        self._recording = recording

    async def workflow(self, request: Mapping[str, Any]) -> None:
        """The whole run. A refused step parks it; only a discard undoes what was done, and only before it is posted."""
        run = Run(msgspec.convert(request, Launch), self._tools)
        recording: Recording = self._recording(run)
        try:
            await _Release(run, recording, self._parts).go()
        except Discarded as discarded:
            await run.undo_all()
            await run.note("discarded", recording.discarded, run.launch.request["contract_id"], str(discarded))


class _Release:
    """One run of the process."""

    def __init__(self, run: Run, recording: Recording, parts: Parts) -> None:
        self._run = run
        self._recording = recording
        self._read, self._drafts, self._write = parts.readings, parts.drafts, parts.writings

    async def go(self) -> None:
        """Draft, have it agreed, prove it postable, issue, post, tell the PSA."""
        run, recording = self._run, self._recording
        contract_id = run.launch.request["contract_id"]
        agreement = await run.attempt(self._read.read_agreement, contract_id, system="crm")
        self._tell_about(agreement)
        bound = await run.attempt(self._read.read_bindings, agreement.contract.legal_entity_code)
        await run.note("begun", recording.begun, agreement, bound.mode)
        drafted = await self._agreed(agreement, bound)
        if drafted is None:
            return
        invoice, receivable, dates = await self._documents(bound, drafted)
        issued = await run.write(self._write.issue, invoice, system="billing")
        await run.note("issued", recording.issued, issued)
        await self._posted(contract_id, bound, drafted, issued, receivable, dates)
        await self._marked(drafted, issued)
        await run.note("finished", recording.finished)

    async def _agreed(self, agreement: Agreement, bound: Bound) -> Drafted | None:
        """The draft that everyone who is asked has agreed to; none where there is nothing to bill, or nothing may be.

        Whatever changes the draft, in the PSA or by a person's hand, makes a new one, and it is asked for anew.
        """
        run, recording, times = self._run, self._recording, 0
        while True:
            drafted = await self._draft(agreement, bound, times)
            if drafted.empty or bound.mode != "automatic":
                await self._end_without_documents(agreement, bound, drafted)
                return None
            wanted = recording.approvals_wanted(drafted, agreement.methods)
            answer = await run.asked(wanted, times, recording.redraft_asked)
            if answer.status == "approved" and not await self._changed(bound, drafted, times):
                told = (drafted, agreement.contract.id, answer.by)
                if await run.note(f"approved:{times}", recording.approved, *told):
                    return drafted
            times += 1

    async def _draft(self, agreement: Agreement, bound: Bound, times: int) -> Drafted:
        asked = self._asked()

        async def draft() -> Drafted:
            current = await self._read.read_agreement(agreement.contract.id)  # it may have been mended since
            return await self._drafts.make(asked, current, bound, first=times == 0)

        drafted = await self._run.attempt(draft, name=f"draft:{times}", system="psa")
        self._run.about.value = drafted.draft.net
        if drafted.notices and bound.mode == "automatic":  # a rehearsal shows them, and puts nothing into the queue
            await self._run.note(f"noticed:{times}", self._recording.noticed, drafted.notices)
        return drafted

    async def _changed(self, bound: Bound, drafted: Drafted, times: int) -> bool:
        cut_off = date.fromisoformat(self._run.launch.request["cut_off"])

        async def check_unchanged() -> bool:
            return await self._drafts.changed(drafted, bound, cut_off)

        return await self._run.attempt(check_unchanged, name=f"check_unchanged:{times}", system="psa")

    async def _end_without_documents(self, agreement: Agreement, bound: Bound, drafted: Drafted) -> None:
        """Nothing to bill (hours that were prepaid stay claimed), or a mode that only looks."""
        run, recording = self._run, self._recording
        if bound.mode != "automatic":
            await run.note("planned", recording.planned, msgspec.Raw(msgspec.json.encode(drafted)))
        state = {"read": "validated", "shadow": "shadowed"}.get(bound.mode, "nothing_to_bill")
        await run.note("ended", recording.ended, state, agreement.contract.id)

    async def _documents(self, bound: Bound, drafted: Drafted) -> tuple[Invoice, Receivable, Dates]:
        """Both drafts, proven to be the same and postable, before the legal act."""
        run, write, draft = self._run, self._write, drafted.draft
        dates = await run.attempt(write.settle_dates, bound, draft, drafted.today, system="erp")
        corrects = run.launch.request.get("corrects_number")
        invoice = await run.write(
            write.draft_invoice,
            *(bound, draft, drafted.accounts, dates, corrects),
            system="billing",
            undo=write.withdraw_invoice,
        )
        receivable = await run.write(
            write.draft_receivable,
            *(bound, draft, drafted.accounts, dates),
            system="erp",
            undo=write.withdraw_receivable,
        )
        await run.attempt(write.prove, draft, invoice, receivable, system="erp")
        await run.note("proved", self._recording.proved, invoice, receivable, dates)
        return invoice, receivable, dates

    async def _posted(
        self,
        contract_id: str,
        bound: Bound,
        drafted: Drafted,
        invoice: Invoice,
        receivable: Receivable,
        dates: Dates,
    ) -> None:
        """Once posted, nothing is undone any more: corrections are credit notes."""
        run, recording = self._run, self._recording

        async def post(key: str) -> Posted:
            try:
                return await self._write.post(bound, receivable, invoice, dates, key)
            except Failure as failure:
                await recording.in_trouble(failure)
                raise

        posted = await run.write(post, system="erp")
        run.forget_undos()
        entity = drafted.draft.legal_entity_code

        async def read_entries() -> tuple[LedgerEntry, ...]:
            return await self._read.entries(bound, entity, posted.receivable)

        entries = await run.attempt(read_entries, system="erp")
        await run.note("posted", recording.posted, drafted.draft, contract_id, invoice, posted, entries)

    async def _marked(self, drafted: Drafted, invoice: Invoice) -> None:
        """The PSA may refuse for ever: a person who discards gives up the mark, never the posted invoice."""
        try:
            mark = await self._run.write(
                self._write.mark_billed, drafted.project_id, drafted.draft, invoice, system="psa", name="mark_billed"
            )
            await self._run.note("marked", self._recording.marked, mark)
        except Discarded:
            await self._run.note("unmarked", self._recording.unmarked)

    def _asked(self) -> Asked:
        launch = self._run.launch
        day = launch.request.get("document_date")
        return Asked(
            release_id=launch.id,
            run_id=launch.run_id,
            named=Named(reference=launch.request["reference"], kind=launch.request["kind"]),
            cut_off=date.fromisoformat(launch.request["cut_off"]),
            document_date=None if day is None else date.fromisoformat(day),
            batch_id=launch.request.get("batch_id"),
        )

    def _tell_about(self, agreement: Agreement) -> None:
        """What an exception of this run will carry."""
        about, contract = self._run.about, agreement.contract
        about.legal_entity_code = contract.legal_entity_code
        about.refs = {
            "release_id": self._run.launch.id,
            "contract_id": contract.id,
            "contract_number": contract.number,
            "customer_id": agreement.customer.id,
            "customer": agreement.customer.name,
        }
