"""The ERP system API. Contract: contracts/openapi/system/erp.v1.yaml. No vendor is named here."""

from typing import Annotated

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from canonical.ids import CustomerAccountId, ProjectShellId
from canonical.ledger import (
    AccountingPeriod,
    CustomerAccount,
    DimensionValue,
    LegalEntity,
    NewCustomerAccount,
    NewProjectShell,
    PaymentTerms,
    ProjectShell,
    ShellAmendment,
    TaxCode,
)
from canonical.money import Currency
from canonical.paging import Page
from canonical.references import Code, LegalEntityCode
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.failures import Kind
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.erp.desk import Desk
from system_apis.erp.port import Erp
from system_apis.routing import ETAG, LOCATION, PLATFORM, WRITING, ConnectionParameter, IfNoneMatch, Key, Limit, tagged
from system_apis.writes import Writes

EntityParameter = Annotated[LegalEntityCode, QueryParameter()]


def at_desk(
    connections: NamedDependency[Connections[Erp]],
    directory: NamedDependency[Directory],
    writes: NamedDependency[Writes],
    cursors: NamedDependency[CursorSigner],
) -> Desk:
    """The dependency `desk` of the routes below."""
    return Desk(connections, directory, writes, cursors)


DESK = {"desk": Provide(at_desk, sync_to_thread=False)}


class LegalEntityRoutes(Controller):
    """Legal entities and their reference data. Each collection is small and comes on one page."""

    path = "/v1/legal-entities"
    tags = ("legal-entities",)
    dependencies = DESK

    @get(
        "/",
        operation_id="listLegalEntities",
        guards=[requires("erp.legal-entities.read")],
        responses=documented(*PLATFORM),
    )
    async def many(self, desk: NamedDependency[Desk], connection: ConnectionParameter) -> Page[LegalEntity]:
        """The legal entities that one ERP keeps the books of."""
        return await desk.legal_entities(connection)

    @get(
        "/{legal_entity_code:str}/dimension-values",
        operation_id="listDimensionValues",
        guards=[requires("erp.dimension-values.read")],
        responses=documented(*PLATFORM),
    )
    async def dimension_values(
        self,
        desk: NamedDependency[Desk],
        legal_entity_code: FromPath[LegalEntityCode],
        connection: ConnectionParameter,
        dimension: Annotated[str, QueryParameter(pattern=r"^[a-z][a-z_]{1,39}$", description="Such as cost_centre.")],
    ) -> Page[DimensionValue]:
        """The values of one dimension in a legal entity. 404 `unknown_dimension` for one that it does not keep."""
        return await desk.reference_data(connection, lambda erp: erp.dimension_values(legal_entity_code, dimension))

    @get(
        "/{legal_entity_code:str}/tax-codes",
        operation_id="listTaxCodes",
        guards=[requires("erp.tax-codes.read")],
        responses=documented(*PLATFORM),
    )
    async def tax_codes(
        self,
        desk: NamedDependency[Desk],
        legal_entity_code: FromPath[LegalEntityCode],
        connection: ConnectionParameter,
    ) -> Page[TaxCode]:
        """The tax codes of a legal entity whose kind is known."""
        return await desk.reference_data(connection, lambda erp: erp.tax_codes(legal_entity_code))

    @get(
        "/{legal_entity_code:str}/accounting-periods",
        operation_id="listAccountingPeriods",
        guards=[requires("erp.accounting-periods.read")],
        responses=documented(*PLATFORM),
    )
    async def accounting_periods(
        self,
        desk: NamedDependency[Desk],
        legal_entity_code: FromPath[LegalEntityCode],
        connection: ConnectionParameter,
    ) -> Page[AccountingPeriod]:
        """The fiscal calendar of a legal entity, oldest first; the ranges are half-open."""
        return await desk.reference_data(connection, lambda erp: erp.accounting_periods(legal_entity_code))

    @get(
        "/{legal_entity_code:str}/payment-terms",
        operation_id="listPaymentTerms",
        guards=[requires("erp.payment-terms.read")],
        responses=documented(*PLATFORM),
    )
    async def payment_terms(
        self,
        desk: NamedDependency[Desk],
        legal_entity_code: FromPath[LegalEntityCode],
        connection: ConnectionParameter,
    ) -> Page[PaymentTerms]:
        """The payment terms of a legal entity, under the firm's own codes."""
        return await desk.reference_data(connection, lambda erp: erp.payment_terms(legal_entity_code))


class CustomerAccountRoutes(Controller):
    """Receivables accounts: a customer has one per legal entity and currency."""

    path = "/v1/customer-accounts"
    tags = ("customer-accounts",)
    dependencies = DESK

    @get(
        "/",
        operation_id="listCustomerAccounts",
        guards=[requires("erp.customer-accounts.read")],
        responses=documented(*PLATFORM, Kind.CONFLICT),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        legal_entity_code: EntityParameter,
        customer_number: Annotated[Code, QueryParameter()],
        currency: Annotated[Currency, QueryParameter()],
    ) -> Page[CustomerAccount]:
        """The account of a customer number in a currency, if there is one.

        409 `several_accounts` when more than one fits: a person decides.
        """
        return await desk.account_of(connection, legal_entity_code, customer_number, currency)

    @post(
        "/",
        operation_id="ensureCustomerAccount",
        guards=[requires("erp.customer-accounts.write")],
        responses=documented(*WRITING),
        status_code=200,
    )
    async def ensure(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        data: JSONBody[NewCustomerAccount],
        key: Key,
    ) -> CustomerAccount:
        """The customer's account: the one that exists, or a new one; linked to the customer.

        409 `already_linked` when the account is another customer's, `number_taken` when the number is in use for
        another currency.
        """
        return await desk.ensure_account(connection, key, data)

    @get(
        "/{customer_account_id:str}",
        operation_id="getCustomerAccount",
        guards=[requires("erp.customer-accounts.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self,
        desk: NamedDependency[Desk],
        customer_account_id: FromPath[CustomerAccountId],
        if_none_match: IfNoneMatch = None,
    ) -> Response[CustomerAccount]:
        """One account, read from its ERP now."""
        return tagged(await desk.account(customer_account_id), if_none_match)


class ProjectShellRoutes(Controller):
    """Projects as the ledger needs them."""

    path = "/v1/project-shells"
    tags = ("project-shells",)
    dependencies = DESK

    @get(
        "/",
        operation_id="listProjectShells",
        guards=[requires("erp.project-shells.read")],
        responses=documented(*PLATFORM, Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        legal_entity_code: EntityParameter,
        number: Annotated[Code | None, QueryParameter(description="Only the shell with this number.")] = None,
        cursor: Annotated[str | None, QueryParameter(description="`next` of the page before.")] = None,
        limit: Limit = 50,
    ) -> Page[ProjectShell]:
        """The project shells of a legal entity by number, whoever set them up."""
        if number is not None:
            return await desk.shell_of(connection, legal_entity_code, number)
        return await desk.shells(connection, legal_entity_code, cursor, limit)

    @post(
        "/",
        operation_id="createProjectShell",
        guards=[requires("erp.project-shells.write")],
        responses=documented(*WRITING),
        response_headers=[LOCATION],
    )
    async def create(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        data: JSONBody[NewProjectShell],
        key: Key,
    ) -> Response[ProjectShell]:
        """An approved shell under the entity, cost centre and currency given.

        422 `unknown_cost_centre` and `currency_not_allowed`; 409 `customer_blocked`, and `number_taken` when another
        project has the number.
        """
        shell = await desk.create_shell(connection, key, data)
        return Response(shell, headers={"Location": f"{self.path}/{shell.id}"})

    @get(
        "/{project_shell_id:str}",
        operation_id="getProjectShell",
        guards=[requires("erp.project-shells.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self,
        desk: NamedDependency[Desk],
        project_shell_id: FromPath[ProjectShellId],
        if_none_match: IfNoneMatch = None,
    ) -> Response[ProjectShell]:
        """One shell, read from its ERP now."""
        shell = await desk.with_shell(project_shell_id, lambda erp, native_id: erp.project_shell(native_id))
        return tagged(shell, if_none_match)

    @put(
        "/{project_shell_id:str}/amendment",
        operation_id="amendProjectShell",
        guards=[requires("erp.project-shells.write")],
        responses=documented(*WRITING),
    )
    async def amend(
        self, desk: NamedDependency[Desk], project_shell_id: FromPath[ProjectShellId], data: JSONBody[ShellAmendment]
    ) -> ProjectShell:
        """The shell with a new end.

        The same amendment twice changes nothing more; a closed shell is not amended (409 `shell_closed`).
        """
        return await desk.with_shell(project_shell_id, lambda erp, native_id: erp.amend_project_shell(native_id, data))

    @put(
        "/{project_shell_id:str}/closing",
        operation_id="closeProjectShell",
        guards=[requires("erp.project-shells.write")],
        responses=documented(*WRITING),
    )
    async def close(self, desk: NamedDependency[Desk], project_shell_id: FromPath[ProjectShellId]) -> ProjectShell:
        """The shell, closed.

        Closing a closed shell changes nothing; a shell is never deleted.
        """
        return await desk.with_shell(project_shell_id, lambda erp, native_id: erp.close_project_shell(native_id))
