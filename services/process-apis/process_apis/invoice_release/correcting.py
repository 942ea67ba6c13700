"""Issued invoice -> credit note -> posted credit, and a rebill where it is asked for: the rule, top to bottom."""

from collections.abc import Mapping
from typing import Any

import msgspec

from canonical.postings import LedgerEntry, Receivable
from process_apis.invoice_release.credit_steps import ANSWER_WITHIN, CreditCase, CreditSteps
from process_apis.invoice_release.reading import Readings
from process_apis.operations.approvals import Wanted
from process_apis.operations.bindings import Bound
from process_apis.operations.runs import Launch, RunChange
from process_apis.running import Discarded, Run, Tools
from servicekit.failures import Failure, Kind

APPROVER = "invoice-approver"


class InvoiceCredit:
    """The process."""

    def __init__(self, tools: Tools, readings: Readings, steps: CreditSteps) -> None:
        self._tools = tools
        self._read = readings
        self._steps = steps

    async def workflow(self, request: Mapping[str, Any]) -> None:
        """The whole run. Before the credit note is issued a discard undoes it; afterwards it only goes on."""
        run = Run(msgspec.convert(request, Launch), self._tools)
        try:
            await self._go(run)
        except Discarded:
            await run.undo_all()
            await run.note("discarded", run.change, RunChange(state="discarded"))

    async def _go(self, run: Run) -> None:
        tools, steps, launch = self._tools, self._steps, run.launch
        agreement = await run.attempt(self._read.read_agreement, launch.request["contract_id"], system="crm")
        run.about.legal_entity_code = agreement.contract.legal_entity_code
        run.about.refs = {"release_id": launch.id, "contract_id": agreement.contract.id}
        bound = await run.attempt(self._read.read_bindings, agreement.contract.legal_entity_code)
        case = await self._case(run, bound)
        await run.note("drafted", steps.keep_draft, tools, launch.run_id, case)
        if bound.mode != "automatic":
            await run.note("ended", run.change, RunChange(state="shadowed", mode=bound.mode))
            return
        await run.approved((_wanted(run, case),))
        await self._issue_and_post(run, bound, case)
        mark = await run.write(steps.remark, case, system="psa")
        await run.note("remarked", steps.record_mark, tools, case, mark)
        if case.asked.rebill:
            await run.note("rebill", steps.rebill, case, launch.id, launch.actor)
        await run.note("finished", steps.finish, tools, launch.run_id)

    async def _case(self, run: Run, bound: Bound) -> CreditCase:
        async def read_original() -> CreditCase:
            return await self._steps.read_case(self._tools, run.launch.request, bound)

        case = await run.attempt(read_original, system="erp")
        run.about.value = case.draft.net
        return case

    async def _issue_and_post(self, run: Run, bound: Bound, case: CreditCase) -> None:
        """Proven in the ERP, issued in billing, posted with the same dates."""
        tools, steps, launch = self._tools, self._steps, run.launch
        receivable = await run.write(steps.draft_receivable, bound, case, system="erp", undo=steps.discard_receivable)
        note = await run.write(steps.issue, case, system="billing")
        run.forget_undos()
        await run.note("issued", steps.record_issued, tools, launch.run_id, note, receivable)

        async def post(key: str) -> Receivable:
            return await steps.post(bound, receivable, note, key)

        posted = await self._done_for_good(run, post)

        async def read_entries() -> tuple[LedgerEntry, ...]:
            return await self._read.entries(bound, receivable.legal_entity_code, posted)

        entries = await run.attempt(read_entries, system="erp")
        told = (tools, launch.run_id, launch.id, case, posted, entries)
        await run.note("posted", steps.record_posted, *told)

    @staticmethod
    async def _done_for_good(run: Run, post: Any) -> Receivable:
        """A credit note that is issued has to be posted: giving up is not among the ways out."""
        while True:
            try:
                posted: Receivable = await run.write(post, system="erp")
            except Discarded:
                await run.note("kept", run.change, RunChange(state="running"))
            else:
                return posted


def _wanted(run: Run, case: CreditCase) -> Wanted:
    return Wanted(
        process=run.tools.process,
        run_id=run.launch.run_id,
        subject=APPROVER,
        required_role=APPROVER,
        because=("a credit note is issued by a person within their limit",),
        legal_entity_code=case.draft.legal_entity_code,
        value=case.draft.net_in_entity_currency,
        requested_by=run.launch.actor,
        within=ANSWER_WITHIN,
    )


def only_posted(posting_state: str, reference: str) -> None:
    """Raises CONFLICT `not_posted` for an invoice that is not in the ledger: it is discarded, not credited."""
    if posting_state != "posted":
        raise Failure(Kind.CONFLICT, f"{reference} is not posted: retry or discard it", code="not_posted")
