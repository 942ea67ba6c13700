"""Projects are Kantata's workspaces (page section 5.1).

Closed for time is the stage `estimate`, open the stage `project`, closed is archived. Whether an account lets time be
entered on an estimate is the account's setting; README.md says what to check.
"""

import asyncio

from canonical.delivery import NewProject, Project, ProjectAmendment
from servicekit.failures import Failure, Kind
from system_apis.listing import Listing
from system_apis.psa.kantata.api import reference, searchable
from system_apis.psa.kantata.client.account import Account, half_done
from system_apis.psa.kantata.mapping import (
    CUSTOMER,
    amended,
    contract_reference,
    from_new_project,
    marker,
    project_references,
    to_project,
)
from system_apis.psa.kantata.records import Envelope

_INCLUDE = "external_references,custom_field_values"


class Projects(Account):
    """The project part of the port."""

    async def project(self, native_id: str) -> Project:
        envelope = await self._api.one("workspaces", native_id, _INCLUDE, include_archived="true")
        return await self._to_project(envelope, native_id)

    async def projects(self, cursor: str | None, limit: int) -> Listing[Project]:
        """Oldest first, archived ones among them; the cursor counts the records before the page."""
        offset = int(cursor or 0)
        envelope = await self._api.window(
            "workspaces", _INCLUDE, offset, limit, order="created_at:asc", include_archived="true"
        )
        items = tuple([await self._to_project(envelope, row.id) for row in envelope.results])
        end = offset + len(items)
        return Listing(items=items, cursor=str(end) if items and end < envelope.meta.count else None)

    async def project_of_contract(self, contract_number: str) -> Project | None:
        """Raises CONFLICT when several projects name the contract."""
        found = await self._api.referenced(
            "workspaces", contract_reference(contract_number), _INCLUDE, include_archived="true"
        )
        if len(found.results) > 1:
            raise Failure(Kind.CONFLICT, "several projects name this contract", code="several_projects")
        return await self._to_project(found, found.results[0].id) if found.results else None

    async def create_project(self, new: NewProject, key: str) -> Project:
        """A workspace with its marker, then its other references. What an earlier try made is taken up."""
        earlier = await self.created_project(new, key)
        if earlier is not None:
            return earlier
        for row in project_references(new):
            searchable(row)  # refused before anything is made
        group_id, was_made = await self._group_of(new)
        if was_made:
            with half_done():
                return await self._new_project(new, key, group_id)
        return await self._new_project(new, key, group_id)

    async def created_project(self, new: NewProject, key: str) -> Project | None:
        """References that are still missing are added: they are part of the same write."""
        found = await self._marked("workspaces", marker("Project", key), _INCLUDE, include_archived="true")
        return None if found is None else await self._with_references(*found, new)

    async def amend_project(self, native_id: str, amendment: ProjectAmendment) -> Project:
        """Sets the end and the whole budget: the same amendment twice changes nothing more."""
        project = await self._running(native_id)
        if amendment.budget.currency != project.currency:
            raise Failure(Kind.INVALID, f"the project is kept in {project.currency}", code="currency_mismatch")
        return await self._updated(native_id, amended(amendment.end_date, amendment.budget))

    async def open_project(self, native_id: str) -> Project:
        """Raises CONFLICT for a closed project."""
        await self._running(native_id)
        return await self._updated(native_id, {"stage": "project"})

    async def close_project(self, native_id: str) -> Project:
        return await self._updated(native_id, {"archived": True})

    async def _running(self, native_id: str) -> Project:
        project = await self.project(native_id)
        if project.status == "closed":
            raise Failure(Kind.CONFLICT, "the project is closed", code="project_closed")
        return project

    async def _updated(self, native_id: str, attributes: dict[str, object]) -> Project:
        envelope = await self._api.update("workspaces", "workspace", native_id, attributes, _INCLUDE)
        return await self._to_project(envelope, native_id)

    async def _new_project(self, new: NewProject, key: str, group_id: str) -> Project:
        attributes = from_new_project(new, group_id, self._settings.legal_entity_field_id)
        marked = {**attributes, "external_reference": marker("Project", key)}
        made = await self._api.create("workspaces", "workspace", marked, _INCLUDE)
        with half_done():
            return await self._with_references(made, made.results[0].id, new)

    async def _with_references(self, envelope: Envelope, native_id: str, new: NewProject) -> Project:
        held = {row.service_name: row.service_model_ref for row in envelope.referenced(envelope.workspaces[native_id])}
        missing = [row for row in project_references(new) if held.get(row["service_name"]) != row["service_model_ref"]]
        for row in missing:
            await self._api.refer("Workspace", native_id, row)
        return await self._to_project(envelope, native_id) if not missing else await self.project(native_id)

    async def _group_of(self, new: NewProject) -> tuple[str, bool]:
        """The customer's group, and whether it had to be made. Of two projects at a time, one makes it for both."""
        async with self._making.setdefault(new.customer_id, asyncio.Lock()):
            found = await self._customer_group(new.customer_id, new.customer_name)
            if found is not None:
                return found, False
            return await self._new_customer_group(new.customer_id, new.customer_name), True

    async def _customer_group(self, customer_id: str, name: str) -> str | None:
        """The client's group: by our reference, else the only one of that name, which gets our reference."""
        ours = reference(CUSTOMER, "Customer", customer_id)
        found = await self._api.referenced("workspace_groups", ours, "")
        if found.results:
            return found.results[0].id
        named = await self._api.all("workspace_groups", "external_references", search=name)
        groups = [named.workspace_groups[row.id] for row in named.results]
        same = [
            group
            for group in groups
            if group.name.casefold() == name.casefold()
            and not any(row.service_name == CUSTOMER for row in named.referenced(group))
        ]
        if len(same) != 1:
            return None
        await self._api.refer("WorkspaceGroup", same[0].id, ours)
        return same[0].id

    async def _new_customer_group(self, customer_id: str, name: str) -> str:
        ours = reference(CUSTOMER, "Customer", customer_id)
        attributes = {"name": name, "company": True, "external_reference": ours}
        made = await self._api.create("workspace_groups", "workspace_group", attributes, "")
        return made.results[0].id

    async def _to_project(self, envelope: Envelope, native_id: str) -> Project:
        record = envelope.workspaces.get(native_id)
        if record is None:
            raise Failure(Kind.BAD_UPSTREAM, "the PSA answered without the project", vendor_detail=native_id)
        return to_project(envelope, record, await self._field_name(self._settings.legal_entity_field_id))
