"""Marking as billed: Kantata's `is_invoiced` changes by one of its own invoices only (page section 5.9; domain.md, I).

So a shadow invoice is made, which nobody is sent, and cancelled when what it stands for is credited.
"""

from collections.abc import Sequence

from canonical.entries import BillingMark, NewBillingMark
from servicekit.failures import Failure, Kind
from system_apis.psa.kantata.api import PER_PAGE
from system_apis.psa.kantata.client.account import Account
from system_apis.psa.kantata.mapping import from_new_billing_mark, marker, to_billing_mark

_INCLUDE = "workspaces"
_HELD = {"from_archived_workspaces": "true", "invoiced": "true"}


class Billing(Account):
    """The part of the port that is about billing marks."""

    async def create_billing_mark(self, project: str, new: NewBillingMark, key: str) -> BillingMark:
        """One record, its marker sent with it. Raises CONFLICT `already_billed` for what is on an invoice already."""
        earlier = await self.created_billing_mark(project, new, key)
        if earlier is not None:
            return earlier
        milestones = await self._billing_milestones(project, new.milestone_ids)
        attributes = {
            **from_new_billing_mark(new, project, milestones),
            "external_reference": marker("BillingMark", key),
        }
        try:
            made = await self._api.create("invoices", "invoice", attributes, _INCLUDE)
        except Failure as failure:
            if failure.kind is Kind.INVALID and await self._is_billed(new):
                detail = "something of this is marked as billed already"
                raise Failure(
                    Kind.CONFLICT, detail, code="already_billed", vendor_detail=failure.vendor_detail
                ) from failure
            raise
        return to_billing_mark(made.invoices[made.results[0].id])

    async def created_billing_mark(self, project: str, new: NewBillingMark, key: str) -> BillingMark | None:  # noqa: ARG002  the port's form
        found = await self._marked("invoices", marker("BillingMark", key), _INCLUDE, workspace_id=project)
        return None if found is None else to_billing_mark(found[0].invoices[found[1]])

    async def cancel_billing_mark(self, native_id: str) -> BillingMark:
        """Raises CONFLICT `mark_held` when Kantata does not let it go, such as an invoice that somebody paid there."""
        mark = await self._mark(native_id)
        if mark.cancelled:
            return mark
        try:
            done = await self._api.act("invoices", native_id, "cancel", _INCLUDE)
        except Failure as failure:
            if failure.kind is not Kind.INVALID:
                raise
            mark = await self._mark(native_id)
            if mark.cancelled:  # the answer to an earlier try was lost
                return mark
            detail = "the PSA does not let go of this billing mark"
            raise Failure(Kind.CONFLICT, detail, code="mark_held", vendor_detail=failure.vendor_detail) from failure
        return to_billing_mark(done.invoices[native_id])

    async def _mark(self, native_id: str) -> BillingMark:
        return to_billing_mark((await self._api.one("invoices", native_id, _INCLUDE)).invoices[native_id])

    async def _billing_milestones(self, project: str, milestones: Sequence[str]) -> list[str]:
        """What is billed of a milestone is its billing milestone. Raises INVALID for a milestone without an amount."""
        if not milestones:
            return []
        found = await self._api.all("billing_milestones", "workspace,story", workspace_id=project)
        by_story = {str(row.story_id): row.id for row in found.billing_milestones.values()}
        if not set(milestones) <= by_story.keys():
            detail = "a milestone of this has no amount in the PSA, or belongs to another project"
            raise Failure(Kind.INVALID, detail, code="milestone_without_amount")
        return [by_story[milestone] for milestone in milestones]

    async def _is_billed(self, new: NewBillingMark) -> bool:
        """Whether anything of it stands on an invoice: Kantata's refusal says so in words only."""
        for kind, ids in (("time_entries", new.time_entry_ids), ("expenses", new.expense_ids)):
            for start in range(0, len(ids), PER_PAGE):
                only = ",".join(ids[start : start + PER_PAGE])
                if (await self._api.window(kind, "", offset=0, limit=1, only=only, **_HELD)).results:
                    return True
        return await self._is_milestone_billed(new.milestone_ids)

    async def _is_milestone_billed(self, milestones: Sequence[str]) -> bool:
        if not milestones:
            return False
        stories = await self._api.all("stories", "workspace", only=",".join(milestones))
        projects = ",".join(sorted({str(row.workspace_id) for row in stories.stories.values()}))
        found = await self._api.all("billing_milestones", "story", workspace_ids=projects)
        billed = {str(row.story_id) for row in found.billing_milestones.values() if row.invoice_id is not None}
        return bool(billed & set(milestones))
