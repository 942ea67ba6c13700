"""The ERP system API, what is posted. Contract: contracts/openapi/system/erp.v1.yaml. No vendor is named here."""

from datetime import date
from typing import Annotated

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from canonical.ids import JournalId, ReceivableId
from canonical.money import Currency
from canonical.paging import Page
from canonical.postings import (
    AccountBalance,
    ExchangeRate,
    Journal,
    LedgerEntry,
    NewJournal,
    NewReceivable,
    Receivable,
    ReceivablePosting,
)
from canonical.references import Code, LegalEntityCode
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.failures import Kind
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.erp.port import Erp
from system_apis.erp.posting_desk import PostingDesk
from system_apis.erp.routes import EntityParameter
from system_apis.routing import (
    ETAG,
    LOCATION,
    PLATFORM,
    WRITING,
    ConnectionParameter,
    Cursor,
    IfNoneMatch,
    Key,
    Limit,
    tagged,
)
from system_apis.writes import Writes

ReferenceParameter = Annotated[Code, QueryParameter(description="Ours, or the number the document has.")]
ROLE = r"^[a-z][a-z_]{1,39}$"


def at_desk(
    connections: NamedDependency[Connections[Erp]],
    directory: NamedDependency[Directory],
    writes: NamedDependency[Writes],
    cursors: NamedDependency[CursorSigner],
) -> PostingDesk:
    """The dependency `desk` of the routes below."""
    return PostingDesk(connections, directory, writes, cursors)


DESK = {"desk": Provide(at_desk, sync_to_thread=False)}


class LedgerRoutes(Controller):
    """What a legal entity's ledger says: rates, entries, balances. Nothing is written here."""

    path = "/v1/legal-entities"
    tags = ("ledger",)
    dependencies = DESK

    @get(
        "/{legal_entity_code:str}/exchange-rates",
        operation_id="listExchangeRates",
        guards=[requires("erp.exchange-rates.read")],
        responses=documented(*PLATFORM),
    )
    async def exchange_rates(
        self,
        desk: NamedDependency[PostingDesk],
        legal_entity_code: FromPath[LegalEntityCode],
        connection: ConnectionParameter,
        from_currency: Annotated[Currency, QueryParameter()],
        on_date: Annotated[date, QueryParameter(description="The day on which the rate is to hold.")],
        purpose: Annotated[
            str, QueryParameter(pattern=r"^[a-z][a-z_]{1,39}$", description="Such as invoice, revenue, cost or tax.")
        ],
    ) -> Page[ExchangeRate]:
        """The rate into the entity's own currency that holds on the day, or nothing."""
        return await desk.exchange_rates(connection, legal_entity_code, from_currency, on_date, purpose)

    @get(
        "/{legal_entity_code:str}/ledger-entries",
        operation_id="listLedgerEntries",
        guards=[requires("erp.ledger-entries.read")],
        responses=documented(*PLATFORM, Kind.GONE, Kind.INVALID),
    )
    async def ledger_entries(
        self,
        desk: NamedDependency[PostingDesk],
        legal_entity_code: FromPath[LegalEntityCode],
        connection: ConnectionParameter,
        account_role: Annotated[str | None, QueryParameter(pattern=ROLE, description="Such as receivable.")] = None,
        document_number: Annotated[Code | None, QueryParameter(description="Of the ledger's own documents.")] = None,
        project_number: Annotated[Code | None, QueryParameter(description="In the ledger's project dimension.")] = None,
        posted_before: Annotated[date | None, QueryParameter(description="The first day that is too late.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[LedgerEntry]:
        """The entries of the general ledger, in the order of their posting; debit positive.

        404 `unknown_account_role` for a role that no account plays; 422 `project_dimension_not_set` where the
        connection does not say which dimension holds the project. With `project_number` a page may hold fewer than
        `limit`, even none: only an absent `next` ends the list.
        """
        return await desk.ledger_entries(
            connection,
            legal_entity_code,
            account_role,
            document_number,
            cursor,
            limit,
            project_number=project_number,
            posted_before=posted_before,
        )

    @get(
        "/{legal_entity_code:str}/account-balances",
        operation_id="listAccountBalances",
        guards=[requires("erp.account-balances.read")],
        responses=documented(*PLATFORM),
    )
    async def account_balances(
        self,
        desk: NamedDependency[PostingDesk],
        legal_entity_code: FromPath[LegalEntityCode],
        connection: ConnectionParameter,
        as_of_date: Annotated[date, QueryParameter(description="The day whose end is meant.")],
    ) -> Page[AccountBalance]:
        """What the accounts of each role hold at the end of the day; debit positive."""
        return await desk.account_balances(connection, legal_entity_code, as_of_date)


class ReceivableRoutes(Controller):
    """Invoices and credit notes as the ERP books them: proven as drafts, posted once billing has numbered them."""

    path = "/v1/receivables"
    tags = ("receivables",)
    dependencies = DESK

    @get(
        "/",
        operation_id="listReceivables",
        guards=[requires("erp.receivables.read")],
        responses=documented(*PLATFORM),
    )
    async def many(
        self,
        desk: NamedDependency[PostingDesk],
        connection: ConnectionParameter,
        legal_entity_code: EntityParameter,
        reference: ReferenceParameter,
    ) -> Page[Receivable]:
        """What a legal entity has under a reference or number, drafts and posted ones alike."""
        return await desk.receivables_of(connection, legal_entity_code, reference)

    @post(
        "/",
        operation_id="createReceivable",
        guards=[requires("erp.receivables.write")],
        responses=documented(*WRITING),
        response_headers=[LOCATION],
    )
    async def create(
        self,
        desk: NamedDependency[PostingDesk],
        connection: ConnectionParameter,
        data: JSONBody[NewReceivable],
        key: Key,
    ) -> Response[Receivable]:
        """A draft with the totals that the ERP reckons, to be compared before anything is issued.

        422 `unknown_tax_code`, `unknown_account_role`, `unknown_cost_centre`, `customer_blocked`,
        `currency_not_allowed`, `line_credits_revenue`, `line_amount_differs`, `unknown_invoice`; 409
        `reference_taken` when another document has the reference.
        """
        receivable = await desk.create_receivable(connection, key, data)
        return Response(receivable, headers={"Location": f"{self.path}/{receivable.id}"})

    @get(
        "/{receivable_id:str}",
        operation_id="getReceivable",
        guards=[requires("erp.receivables.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self,
        desk: NamedDependency[PostingDesk],
        receivable_id: FromPath[ReceivableId],
        if_none_match: IfNoneMatch = None,
    ) -> Response[Receivable]:
        """One receivable, read from its ERP now: its number once it is posted, and what is open of it."""
        return tagged(await desk.receivable(receivable_id), if_none_match)

    @put(
        "/{receivable_id:str}/posting",
        operation_id="postReceivable",
        guards=[requires("erp.receivables.write")],
        responses=documented(*WRITING),
    )
    async def post(
        self,
        desk: NamedDependency[PostingDesk],
        receivable_id: FromPath[ReceivableId],
        data: JSONBody[ReceivablePosting],
    ) -> Receivable:
        """The receivable, posted under the document's number and dates; twice is no error.

        422 `period_closed`, `customer_blocked`, `missing_dimension`, `exchange_rate_missing`: nothing is posted; 409
        `already_posted` under another number.
        """
        return await desk.post_receivable(receivable_id, data)

    @put(
        "/{receivable_id:str}/discarding",
        operation_id="discardReceivable",
        guards=[requires("erp.receivables.write")],
        responses=documented(*WRITING),
    )
    async def discard(self, desk: NamedDependency[PostingDesk], receivable_id: FromPath[ReceivableId]) -> Receivable:
        """The draft as it was, now removed; twice is no error.

        409 `already_posted`: what is posted is credited, never removed. 404 for a draft that a person removed.
        """
        return await desk.discard_receivable(receivable_id)


class JournalRoutes(Controller):
    """Journals: lines that add up to nothing, posted together."""

    path = "/v1/journals"
    tags = ("journals",)
    dependencies = DESK

    @get(
        "/",
        operation_id="listJournals",
        guards=[requires("erp.journals.read")],
        responses=documented(*PLATFORM),
    )
    async def many(
        self,
        desk: NamedDependency[PostingDesk],
        connection: ConnectionParameter,
        legal_entity_code: EntityParameter,
        reference: Annotated[Code, QueryParameter(description="The document number in the ledger.")],
    ) -> Page[Journal]:
        """The journal of a legal entity under a reference, posted or waiting, if there is one."""
        return await desk.journals_of(connection, legal_entity_code, reference)

    @post(
        "/",
        operation_id="createJournal",
        guards=[requires("erp.journals.write")],
        responses=documented(*WRITING),
        response_headers=[LOCATION],
    )
    async def create(
        self,
        desk: NamedDependency[PostingDesk],
        connection: ConnectionParameter,
        data: JSONBody[NewJournal],
        key: Key,
    ) -> Response[Journal]:
        """Made and posted, all lines or none; `submitted` where the ERP posts later.

        422 `unbalanced`, `unknown_account_role`, `not_in_base_currency`, `period_closed`, `missing_dimension`; 409
        `reference_taken` when the ledger has other entries under the reference.
        """
        journal = await desk.create_journal(connection, key, data)
        return Response(journal, headers={"Location": f"{self.path}/{journal.id}"})

    @get(
        "/{journal_id:str}",
        operation_id="getJournal",
        guards=[requires("erp.journals.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self,
        desk: NamedDependency[PostingDesk],
        journal_id: FromPath[JournalId],
        if_none_match: IfNoneMatch = None,
    ) -> Response[Journal]:
        """One journal, as the ledger has it now."""
        return tagged(await desk.journal(journal_id), if_none_match)
