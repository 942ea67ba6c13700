"""What an hour costs on a project, what of it stands on an invoice, and what finance has recognised."""

from typing import Annotated

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from canonical.entries import BillingMark, NewBillingMark, RateCard, RecognisedRevenue
from canonical.paging import Page
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.failures import Kind
from system_apis.psa.desk import Desk
from system_apis.psa.routes import DESK, ProjectPath
from system_apis.routing import PLATFORM, WRITING, Key

BillingMarkPath = Annotated[str, PathParameter(pattern=r"^bmk_[0-9a-f]{32}$")]


class BillingRoutes(Controller):
    """Rate cards, billing marks and recognised revenue."""

    path = "/v1"
    tags = ("billing",)
    dependencies = DESK

    @get(
        "/projects/{project_id:str}/rate-cards",
        operation_id="listRateCards",
        guards=[requires("psa.rate-cards.read")],
        responses=documented(*PLATFORM),
    )
    async def rate_cards(self, desk: NamedDependency[Desk], project_id: ProjectPath) -> Page[RateCard]:
        """All rate cards that hold for the project, on one page: the narrowest scope first, then the earliest."""
        return await desk.of_project(project_id, lambda psa, project: psa.rate_cards(project))

    @get(
        "/projects/{project_id:str}/recognised-revenue",
        operation_id="listRecognisedRevenue",
        guards=[requires("psa.recognised-revenue.read")],
        responses=documented(*PLATFORM, Kind.INVALID),
    )
    async def recognised_revenue(self, desk: NamedDependency[Desk], project_id: ProjectPath) -> Page[RecognisedRevenue]:
        """What finance recognised of the project in the PSA, on one page, by the end of its period.

        Of each period alone, not to date. 422 `recognised_without_amount` for a record that does not say how much.
        """
        return await desk.of_project(project_id, lambda psa, project: psa.recognised_revenue(project))

    @post(
        "/projects/{project_id:str}/billing-marks",
        operation_id="createBillingMark",
        guards=[requires("psa.billing-marks.write")],
        responses=documented(*WRITING),
    )
    async def create_billing_mark(
        self, desk: NamedDependency[Desk], project_id: ProjectPath, data: JSONBody[NewBillingMark], key: Key
    ) -> BillingMark:
        """Entries, expenses and milestones marked as billed: nobody may bill them again.

        If any of them is marked already, nothing is (409 `already_billed`).
        """
        return await desk.create_in_project(
            "create_billing_mark",
            project_id,
            key,
            data,
            BillingMark,
            lambda psa, project, new: psa.create_billing_mark(project, new, key),
            lambda psa, project, new: psa.created_billing_mark(project, new, key),
        )

    @put(
        "/billing-marks/{billing_mark_id:str}/cancellation",
        operation_id="cancelBillingMark",
        guards=[requires("psa.billing-marks.write")],
        responses=documented(*PLATFORM, Kind.CONFLICT, Kind.INVALID),
    )
    async def cancel_billing_mark(self, desk: NamedDependency[Desk], billing_mark_id: BillingMarkPath) -> BillingMark:
        """The mark, cancelled: what it held can be billed again.

        Cancelling a cancelled mark changes nothing; one that the platform does not let go of is refused (409
        `mark_held`).
        """
        return await desk.with_record(
            "billing_mark", billing_mark_id, lambda psa, native_id: psa.cancel_billing_mark(native_id)
        )
