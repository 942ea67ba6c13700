"""What Syncline asks of a PSA. In and out: the canonical model with the vendor's own ids in its id fields.

Ids that other capabilities own (opportunity, contract, customer) are canonical and kept by the PSA as references.
A write carries a `key`; `created_x` tells what an earlier try under that key made, or none.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Protocol, runtime_checkable

import msgspec

from canonical.delivery import (
    Assignment,
    Milestone,
    NewAssignment,
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
from system_apis.listing import Listing
from system_apis.writes import Settlement


class EntryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries or expenses. `before` is the first day that is too late; `updated_after` includes the moment."""

    project: str | None = None
    status: str | None = None
    billing_state: str | None = None
    before: date | None = None
    updated_after: datetime | None = None


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is no more."""

    native_id: str
    deleted_at: datetime


@runtime_checkable
class Psa(Protocol):
    """Raises MISSING, INVALID, CONFLICT for a refusal; UNAVAILABLE, THROTTLED, IN_DOUBT for what may heal."""

    settlements: Mapping[str, Settlement]  # by the name of the write

    async def project(self, native_id: str) -> Project: ...
    async def projects(self, cursor: str | None, limit: int) -> Listing[Project]: ...

    async def project_of_contract(self, contract_number: str) -> Project | None:
        """The project that names this contract, also one set up before Syncline. Raises CONFLICT for several."""
        ...

    async def create_project(self, new: NewProject, key: str) -> Project:
        """Closed for time: the PSA accepts no time entry until open_project."""
        ...

    async def created_project(self, new: NewProject, key: str) -> Project | None: ...
    async def amend_project(self, native_id: str, amendment: ProjectAmendment) -> Project: ...
    async def open_project(self, native_id: str) -> Project: ...

    async def close_project(self, native_id: str) -> Project:
        """Close if present and not closed yet; closing twice is no error."""
        ...

    async def tasks(self, project: str) -> tuple[Task, ...]: ...
    async def create_task(self, project: str, new: NewTask, key: str) -> Task: ...
    async def created_task(self, project: str, new: NewTask, key: str) -> Task | None: ...
    async def milestones(self, project: str) -> tuple[Milestone, ...]: ...
    async def create_milestone(self, project: str, new: NewMilestone, key: str) -> Milestone: ...
    async def created_milestone(self, project: str, new: NewMilestone, key: str) -> Milestone | None: ...
    async def resource_requests(self, project: str) -> tuple[ResourceRequest, ...]: ...
    async def create_resource_request(self, project: str, new: NewResourceRequest, key: str) -> ResourceRequest: ...
    async def created_resource_request(
        self, project: str, new: NewResourceRequest, key: str
    ) -> ResourceRequest | None: ...
    async def assignments(self, project: str) -> tuple[Assignment, ...]: ...

    async def create_assignment(self, project: str, new: NewAssignment, key: str) -> Assignment:
        """A tentative (soft) or firm (hard) allocation of a person on a request, which it fills."""
        ...

    async def created_assignment(self, project: str, new: NewAssignment, key: str) -> Assignment | None: ...

    async def resources(self, cursor: str | None, limit: int) -> Listing[Resource]:
        """The people of the PSA. `worker_id` holds the native id; the directory knows which worker is linked to it."""
        ...

    async def resource(self, native_id: str) -> Resource: ...

    async def resources_of(self, worker_number: str, email: str | None) -> tuple[tuple[Resource, str], ...]:
        """Who may be this worker, each with what it was found by.

        `worker_number`; `email`, where nobody carries the number; `other_worker`: the e-mail of somebody who carries
        another worker's number.
        """
        ...

    async def time_entries(self, query: EntryQuery, cursor: str | None, limit: int) -> Listing[TimeEntry]:
        """In the order in which they were entered, of open and closed projects; a page may be short, even empty.

        With `updated_after` some may come twice. An entry that stops fitting while one pages makes nobody miss another.
        """
        ...

    async def time_entry(self, native_id: str) -> TimeEntry: ...

    async def deleted_time_entries(self, since: datetime) -> tuple[Deletion, ...]:
        """Those that the platform tells of, in any order, perhaps twice; none where it does not."""
        ...

    async def expenses(self, query: EntryQuery, cursor: str | None, limit: int) -> Listing[Expense]:
        """As `time_entries`."""
        ...

    async def expense(self, native_id: str) -> Expense: ...

    async def changed_milestones(
        self, updated_after: datetime | None, cursor: str | None, limit: int
    ) -> Listing[Milestone]:
        """Those of every project that were completed, accepted or otherwise touched since then, some twice."""
        ...

    async def rate_cards(self, project: str) -> tuple[RateCard, ...]:
        """Those that hold for a project: the narrowest scope first, of one scope the earliest."""
        ...

    async def recognised_revenue(self, project: str) -> tuple[RecognisedRevenue, ...]:
        """What finance recognised of a project, by the end of its period; nothing forecast, nothing deleted.

        Raises INVALID `recognised_without_amount` for a record that does not say how much.
        """
        ...

    async def create_billing_mark(self, project: str, new: NewBillingMark, key: str) -> BillingMark:
        """Raises CONFLICT `already_billed` when something of it is marked already, and leaves nothing behind then."""
        ...

    async def created_billing_mark(self, project: str, new: NewBillingMark, key: str) -> BillingMark | None: ...

    async def cancel_billing_mark(self, native_id: str) -> BillingMark:
        """What it held can be billed again; cancelling twice is no error."""
        ...

    async def check(self) -> None:
        """Raise what is wrong with the connection, if anything."""
        ...

    async def close(self) -> None: ...
