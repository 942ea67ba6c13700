"""Reads and writes of the PSA system API. Contract: contracts/openapi/system/psa.v1.yaml."""

from typing import TypeVar

import msgspec

from canonical.delivery import (
    Assignment,
    Match,
    Milestone,
    NewAssignment,
    NewMatch,
    NewMilestone,
    NewProject,
    NewResourceRequest,
    NewTask,
    Project,
    ProjectAmendment,
    Resource,
    ResourceRequest,
    Task,
)
from canonical.entries import BillingMark, Expense, NewBillingMark, RateCard, RecognisedRevenue, TimeEntry
from canonical.paging import Page
from servicekit.upstream import Upstream, in_path

T = TypeVar("T", bound=msgspec.Struct)

PAGE = 200


class Psa:
    """Writes carry the key under which they happen once."""

    def __init__(self, api: Upstream) -> None:
        self._api = api

    async def project(self, project_id: str) -> Project:
        return await self._api.call("GET", f"/v1/projects/{in_path(project_id)}", returns=Project)

    async def project_of_contract(self, connection: str, contract_number: str) -> Project | None:
        params = {"connection": connection, "contract_number": contract_number}
        page = await self._api.call("GET", "/v1/projects", params=params, returns=Page[Project])
        return page.items[0] if page.items else None

    async def projects(self, connection: str) -> tuple[Project, ...]:
        """All of them, page after page."""
        return await self._all("/v1/projects", {"connection": connection}, Project)

    async def time_entries(self, connection: str, **query: str | None) -> tuple[TimeEntry, ...]:
        """Those that fit *query* (project_id, status, billing_state, work_date_before), page after page."""
        return await self._all("/v1/time-entries", {"connection": connection, **query}, TimeEntry)

    async def expenses(self, connection: str, **query: str | None) -> tuple[Expense, ...]:
        """Those that fit *query* (project_id, status, billing_state, spend_date_before), page after page."""
        return await self._all("/v1/expenses", {"connection": connection, **query}, Expense)

    async def milestones(self, project_id: str) -> tuple[Milestone, ...]:
        page = await self._api.call("GET", f"/v1/projects/{in_path(project_id)}/milestones", returns=Page[Milestone])
        return page.items

    async def rate_cards(self, project_id: str) -> tuple[RateCard, ...]:
        """Those that apply to the project, the narrowest scope first."""
        page = await self._api.call("GET", f"/v1/projects/{in_path(project_id)}/rate-cards", returns=Page[RateCard])
        return page.items

    async def recognised_revenue(self, project_id: str) -> tuple[RecognisedRevenue, ...]:
        """What finance recognised of the project in the PSA, of each period alone."""
        path = f"/v1/projects/{in_path(project_id)}/recognised-revenue"
        return (await self._api.call("GET", path, returns=Page[RecognisedRevenue])).items

    async def mark_billed(self, project_id: str, new: NewBillingMark, key: str) -> BillingMark:
        return await self._post(f"/v1/projects/{in_path(project_id)}/billing-marks", new, key, BillingMark)

    async def cancel_mark(self, mark_id: str, key: str) -> BillingMark:
        path = f"/v1/billing-marks/{in_path(mark_id)}/cancellation"
        return await self._api.call("PUT", path, key=key, returns=BillingMark)

    async def create_project(self, connection: str, new: NewProject, key: str) -> Project:
        return await self._post("/v1/projects", new, key, Project, connection)

    async def amend_project(self, project_id: str, amendment: ProjectAmendment, key: str) -> Project:
        return await self._put(f"/v1/projects/{in_path(project_id)}/amendment", amendment, key)

    async def open_project(self, project_id: str, key: str) -> Project:
        return await self._put(f"/v1/projects/{in_path(project_id)}/opening", None, key)

    async def close_project(self, project_id: str, key: str) -> Project:
        return await self._put(f"/v1/projects/{in_path(project_id)}/closing", None, key)

    async def create_task(self, project_id: str, new: NewTask, key: str) -> Task:
        return await self._post(f"/v1/projects/{in_path(project_id)}/tasks", new, key, Task)

    async def create_milestone(self, project_id: str, new: NewMilestone, key: str) -> Milestone:
        return await self._post(f"/v1/projects/{in_path(project_id)}/milestones", new, key, Milestone)

    async def create_resource_request(self, project_id: str, new: NewResourceRequest, key: str) -> ResourceRequest:
        return await self._post(f"/v1/projects/{in_path(project_id)}/resource-requests", new, key, ResourceRequest)

    async def create_assignment(self, project_id: str, new: NewAssignment, key: str) -> Assignment:
        return await self._post(f"/v1/projects/{in_path(project_id)}/assignments", new, key, Assignment)

    async def match(self, connection: str, new: NewMatch) -> Match:
        params = {"connection": connection}
        return await self._api.call("POST", "/v1/resource-matches", params=params, body=new, returns=Match)

    async def resource(self, resource_id: str) -> Resource:
        return await self._api.call("GET", f"/v1/resources/{in_path(resource_id)}", returns=Resource)

    async def _all(self, path: str, params: dict[str, str | None], item: type[T]) -> tuple[T, ...]:
        found: list[T] = []
        cursor: str | None = None
        while True:
            query = {**params, "limit": PAGE, "cursor": cursor}
            page: Page[T] = await self._api.call("GET", path, params=query, returns=Page[item])  # type: ignore[valid-type]
            found.extend(page.items)
            cursor = page.next
            if cursor is None:
                return tuple(found)

    async def _post(
        self, path: str, new: msgspec.Struct, key: str, returns: type[T], connection: str | None = None
    ) -> T:
        params = {"connection": connection}
        return await self._api.call("POST", path, params=params, body=new, key=key, returns=returns)

    async def _put(self, path: str, body: msgspec.Struct | None, key: str) -> Project:
        return await self._api.call("PUT", path, body=body, key=key, returns=Project)
