"""Drafts as they are made and kept: what was read is collected, claimed and worked out in one transaction."""

from datetime import date

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.releases import Draft, Preview
from canonical.work import Finding
from process_apis.invoice_release.claims import Claimant, Claims
from process_apis.invoice_release.collecting import collect, included_hours
from process_apis.invoice_release.drafting import Named, draft_of, objections, refuse
from process_apis.invoice_release.facts import Agreement, Item, Matter
from process_apis.invoice_release.notices import Notice, notices
from process_apis.invoice_release.reading import Readings, Swept
from process_apis.invoice_release.releases import Releases
from process_apis.invoice_release.writing import Accounts
from process_apis.operations.bindings import Bound
from process_apis.rules.reading import Rules
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind

_SWEPT = text(
    "update batch_item i set work = null from (select work from batch_item where batch_id = :batch_id"
    " and contract_id = :contract_id for update) former"
    " where i.batch_id = :batch_id and i.contract_id = :contract_id returning former.work"
)
_CHANGERS = text("select distinct by_actor from adjustment where release_id = :release_id")
_HOLDERS = text("select distinct by_actor from hold where contract_id = :contract_id")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The release that a draft is made for."""

    release_id: str
    run_id: str
    named: Named
    cut_off: date
    document_date: date | None
    batch_id: str | None


class Drafted(msgspec.Struct, frozen=True, kw_only=True):
    """A draft with all that its documents are made from; `barred` have worked on what stands on it."""

    draft: Draft
    accounts: Accounts
    project_id: str
    today: date
    barred: tuple[str, ...]
    notices: tuple[Notice, ...]

    @property
    def empty(self) -> bool:
        return not self.draft.lines


class Drafts:
    """Makes drafts of releases, and previews that leave nothing behind."""

    def __init__(
        self, database: Database, readings: Readings, claims: Claims, releases: Releases, rules: Rules, clock: Clock
    ) -> None:
        self._database = database
        self._read = readings
        self._claims = claims
        self._releases = releases
        self._rules = rules.invoicing
        self._clock = clock

    async def make(self, asked: Asked, agreement: Agreement, bound: Bound, *, first: bool) -> Drafted:
        """Read, collect, claim, draft and keep, as of now. Raises INVALID with everything that stands in the way.

        The *first* draft of a batch's release goes by what the batch has read for all, once: whoever tries again
        after a refusal, or drafts anew, reads afresh.
        """
        swept = await self._swept(asked, agreement) if first else None
        matter = await self._read.read_matter(agreement, bound, asked.cut_off, asked.document_date, swept)
        items = self._items(matter)
        async with self._database.begin() as session:
            drafted = await self._claimed(session, asked, matter, items)
            await self._releases.keep_draft(session, asked.run_id, drafted.draft)
        return drafted

    async def preview(self, agreement: Agreement, bound: Bound, cut_off: date, document_date: date | None) -> Preview:
        """What a release would bill now. The claims that show it are made and taken back in one transaction."""
        asked = Asked(
            release_id="preview",
            run_id="preview",
            named=Named(reference="PREVIEW", kind="standard"),
            cut_off=cut_off,
            document_date=document_date,
            batch_id=None,
        )
        draft: Draft | None = None
        findings: tuple[Finding, ...] = ()
        try:
            matter = await self._read.read_matter(agreement, bound, cut_off, document_date, None)
            items = self._items(matter)
            async with self._database.begin() as session:
                tried = await session.begin_nested()
                draft = (await self._claimed(session, asked, matter, items)).draft
                await tried.rollback()
        except Failure as failure:
            if failure.kind is not Kind.INVALID:
                raise
            findings = self._findings(failure)
        return Preview(
            contract_id=agreement.contract.id,
            cut_off=cut_off,
            draft=draft,
            findings=findings,
            as_of=self._clock.now(),
        )

    async def changed(self, drafted: Drafted, bound: Bound, cut_off: date) -> bool:
        """Whether what stands on the draft is no longer so in the PSA: withdrawn, changed, or billed elsewhere."""
        sources = [source for line in drafted.draft.lines for source in line.sources]
        kinds = frozenset(source.kind for source in sources) & {"time", "expense"}
        unbilled = await self._read.read_unbilled(drafted.project_id, bound, cut_off, kinds)
        held = {one.id: one.version for one in unbilled}
        return any(held.get(source.item_id) != source.version for source in sources if source.kind in kinds)

    def _items(self, matter: Matter) -> tuple[Item, ...]:
        """Raises INVALID with every finding; what is mended then is read, not remembered."""
        items, collected = collect(matter, self._rules.rate_drift_tolerance_percent)
        found = [*objections(matter, self._rules), *collected]
        if found:
            self._read.forget()
        refuse(found)
        return items

    async def _claimed(
        self, session: AsyncConnection, asked: Asked, matter: Matter, items: tuple[Item, ...]
    ) -> Drafted:
        contract, project = matter.agreement.contract, matter.work.project
        claimant = Claimant(
            release_id=asked.release_id,
            contract=contract,
            project_id=project.id,
            cut_off=matter.cut_off,
            included_hours=included_hours(contract, matter.cut_off),
        )
        shared = await self._claims.make(session, claimant, items)
        draft = draft_of(matter, shared, asked.named, self._rules)
        approvers = {source.approved_by for line in draft.lines for source in line.sources if source.approved_by}
        changers = (await session.execute(_CHANGERS, {"release_id": asked.release_id})).scalars()
        holders = (await session.execute(_HOLDERS, {"contract_id": contract.id})).scalars()
        schedule, account = matter.work.schedule, matter.books.account
        return Drafted(
            draft=draft,
            accounts=Accounts(
                billing_account_id="" if schedule is None else schedule.billing_account_id or "",
                customer_account_id="" if account is None else account.id,
                cost_centre_code=contract.cost_centre_code,
            ),
            project_id=project.id,
            today=matter.today,
            barred=tuple(sorted({*approvers, *changers, *holders})),
            notices=notices(matter, shared),
        )

    async def _swept(self, asked: Asked, agreement: Agreement) -> Swept | None:
        if asked.batch_id is None:
            return None
        async with self._database.begin() as session:
            values = {"batch_id": asked.batch_id, "contract_id": agreement.contract.id}
            work = (await session.execute(_SWEPT, values)).scalar_one_or_none()
        return None if work is None else msgspec.convert(work, Swept)

    @staticmethod
    def _findings(failure: Failure) -> tuple[Finding, ...]:
        if not failure.errors:
            return (Finding(code=failure.code, field="", message=failure.detail, fix=""),)
        return tuple(
            Finding(code=error.code, field=error.pointer, message=error.message, fix="") for error in failure.errors
        )
