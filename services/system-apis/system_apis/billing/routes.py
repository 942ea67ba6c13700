"""The billing system API. Contract: contracts/openapi/system/billing.v1.yaml. No vendor is named here."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from canonical.billing import (
    BillingAccount,
    BillingSchedule,
    NewBillingAccount,
    NewBillingSchedule,
    ScheduleAmendment,
)
from canonical.paging import Page
from servicekit.auth import requires
from servicekit.clock import Clock
from servicekit.contract import documented
from servicekit.failures import Kind
from system_apis.billing.dependencies import DESK, WATCHES
from system_apis.billing.desk import Desk
from system_apis.billing.invoice_routes import InvoiceRoutes
from system_apis.billing.observing import Watches
from system_apis.billing.port import Billing
from system_apis.connections import Connections
from system_apis.routing import (
    CONNECTION,
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

ConnectionPath = Annotated[str, PathParameter(pattern=CONNECTION, description="The bound platform instance.")]
AccountPath = Annotated[str, PathParameter(pattern=r"^bac_[0-9a-f]{32}$")]
SchedulePath = Annotated[str, PathParameter(pattern=r"^sch_[0-9a-f]{32}$")]
ProjectNumber = Annotated[
    str | None, QueryParameter(min_length=1, max_length=40, description="Only the schedule of this project.")
]


class BillingAccountRoutes(Controller):
    """Customers' accounts with a legal entity, one for each currency."""

    path = "/v1/billing-accounts"
    tags = ("billing-accounts",)
    dependencies = DESK

    @post(
        "/",
        operation_id="ensureBillingAccount",
        guards=[requires("billing.accounts.write")],
        responses=documented(*WRITING),
        response_headers=[LOCATION],
    )
    async def ensure(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        data: JSONBody[NewBillingAccount],
        key: Key,
    ) -> Response[BillingAccount]:
        """The customer's account in a currency: found if it exists, created otherwise.

        422 `other_legal_entity` where the connection bills for another one.
        """
        account = await desk.ensure_account(connection, key, data)
        return Response(account, headers={"Location": f"/v1/billing-accounts/{account.id}"})

    @get(
        "/{billing_account_id:str}",
        operation_id="getBillingAccount",
        guards=[requires("billing.accounts.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self,
        desk: NamedDependency[Desk],
        billing_account_id: AccountPath,
        if_none_match: IfNoneMatch = None,
    ) -> Response[BillingAccount]:
        """One account, read from its platform now."""
        return tagged(await desk.account(billing_account_id), if_none_match)


class BillingScheduleRoutes(Controller):
    """What projects are billed by. Nothing is billed from a schedule that is not active."""

    path = "/v1/billing-schedules"
    tags = ("billing-schedules",)
    dependencies = DESK

    @get(
        "/",
        operation_id="listBillingSchedules",
        guards=[requires("billing.schedules.read")],
        responses=documented(*PLATFORM, Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        project_number: ProjectNumber = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[BillingSchedule]:
        """Schedules of one connection, newest first; with `project_number` the latest of that project, or none."""
        if project_number is not None:
            return await desk.schedule_of_project(connection, project_number)
        return await desk.schedules(connection, cursor, limit)

    @post(
        "/",
        operation_id="createBillingSchedule",
        guards=[requires("billing.schedules.write")],
        responses=documented(*WRITING),
        response_headers=[LOCATION],
    )
    async def create(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        data: JSONBody[NewBillingSchedule],
        key: Key,
    ) -> Response[BillingSchedule]:
        """A schedule as a draft, until it is activated.

        409 `schedule_exists` when the project has one that is not cancelled; 422 `not_billable` for an amount, rate or
        period that the platform cannot hold.
        """
        schedule = await desk.create_schedule(connection, key, data)
        return Response(schedule, headers={"Location": f"/v1/billing-schedules/{schedule.id}"})

    @get(
        "/{billing_schedule_id:str}",
        operation_id="getBillingSchedule",
        guards=[requires("billing.schedules.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self,
        desk: NamedDependency[Desk],
        billing_schedule_id: SchedulePath,
        if_none_match: IfNoneMatch = None,
    ) -> Response[BillingSchedule]:
        """One schedule with its items, read from its platform now."""
        found = await desk.with_schedule(billing_schedule_id, lambda billing, native_id: billing.schedule(native_id))
        return tagged(found, if_none_match)

    @put(
        "/{billing_schedule_id:str}/activation",
        operation_id="activateBillingSchedule",
        guards=[requires("billing.schedules.write")],
        responses=documented(*PLATFORM, Kind.CONFLICT, Kind.BUSY),
    )
    async def activate(self, desk: NamedDependency[Desk], billing_schedule_id: SchedulePath) -> BillingSchedule:
        """The schedule, active from now on; twice is no error.

        409 `schedule_cancelled`, or `schedule_incomplete` while items are missing.
        """
        return await desk.with_schedule(
            billing_schedule_id, lambda billing, native_id: billing.activate_schedule(native_id)
        )

    @put(
        "/{billing_schedule_id:str}/cancellation",
        operation_id="cancelBillingSchedule",
        guards=[requires("billing.schedules.write")],
        responses=documented(*PLATFORM, Kind.CONFLICT, Kind.BUSY),
    )
    async def cancel(self, desk: NamedDependency[Desk], billing_schedule_id: SchedulePath) -> BillingSchedule:
        """The schedule, cancelled for good; twice is no error."""
        return await desk.with_schedule(
            billing_schedule_id, lambda billing, native_id: billing.cancel_schedule(native_id)
        )

    @post(
        "/{billing_schedule_id:str}/amendments",
        operation_id="amendBillingSchedule",
        guards=[requires("billing.schedules.write")],
        responses=documented(*WRITING),
    )
    async def amend(
        self,
        desk: NamedDependency[Desk],
        billing_schedule_id: SchedulePath,
        data: JSONBody[ScheduleAmendment],
        key: Key,
    ) -> BillingSchedule:
        """The schedule with more items and a new whole total.

        409 `item_key_taken` for an item whose key the schedule has already, `schedule_cancelled`.
        """
        return await desk.amend_schedule(billing_schedule_id, key, data)


class HookRoutes(Controller):
    """Where platforms deliver what has changed. No token: the platform's own signature is checked."""

    path = "/v1/hooks"
    tags = ("hooks",)
    dependencies = WATCHES

    @post(
        "/{connection:str}",
        operation_id="receiveDelivery",
        opt={"public": True, "hook": True},
        responses=documented(*PLATFORM, Kind.UNAUTHENTICATED, Kind.MALFORMED),
        status_code=204,
    )
    async def receive(
        self,
        request: Request[Any, Any, Any],
        connection: ConnectionPath,
        connections: NamedDependency[Connections[Billing]],
        watches: NamedDependency[Watches],
        clock: NamedDependency[Clock],
    ) -> None:
        """A delivery of a platform. It is only a hint: the record that it names is read again.

        401 `invalid_signature` for a signature that is missing, wrong or too old. Any other failure makes the platform
        deliver it again.
        """
        billing = connections.get(connection)
        hints = billing.hints(request.headers, await request.body(), clock.now())
        watch = await watches.of(connection)
        for hint in hints:
            await watch.look_into(hint)


ROUTES = (BillingAccountRoutes, BillingScheduleRoutes, InvoiceRoutes, HookRoutes)
