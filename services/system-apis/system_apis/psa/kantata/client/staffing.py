"""Demand and supply of people (page section 5.4).

A resource request is an unnamed workspace resource with a role, its hours a soft allocation of it, as resource managers
see demand in Kantata. An assignment names that resource and turns the demand's allocation into the person's own.
"""

from canonical.delivery import Assignment, NewAssignment, NewResourceRequest, ResourceRequest
from servicekit.failures import Failure, Kind
from system_apis.psa.kantata.client.account import Account, half_done
from system_apis.psa.kantata.mapping import (
    DEMAND_MARKER,
    from_demand,
    from_new_assignment,
    marker,
    to_assignment,
    to_resource_request,
)
from system_apis.psa.kantata.records import Envelope, WorkspaceResourceRecord

_RESOURCE = "workspace,user,role,external_references"
_ALLOCATION = "workspace,workspace_resource,external_references"
_OUR_SERVICES = frozenset({marker("", "")["service_name"], DEMAND_MARKER})


class Staffing(Account):
    """The staffing part of the port."""

    async def resource_requests(self, project: str) -> tuple[ResourceRequest, ...]:
        """Open ones, and those of ours that have been filled. A team member put there by hand was never requested."""
        envelope = await self._api.all(
            "workspace_resources", _RESOURCE, workspace_id=project, include_unnamed="true", order="created_at:asc"
        )
        found = (envelope.workspace_resources[row.id] for row in envelope.results)
        return tuple(to_resource_request(row) for row in found if row.user_id is None or _is_ours(envelope, row))

    async def create_resource_request(self, project: str, new: NewResourceRequest, key: str) -> ResourceRequest:
        """The place in the team, then its demand. Raises INVALID `unknown_role` for a role Kantata does not have."""
        earlier = await self.created_resource_request(project, new, key)
        if earlier is not None:
            return earlier
        attributes = {
            "workspace_id": project,
            "role_id": await self._role_id(new.role),
            "external_reference": marker("ResourceRequest", key),
        }
        made = await self._api.create("workspace_resources", "workspace_resource", attributes, _RESOURCE)
        with half_done():
            return await self._with_demand(made, made.results[0].id, new, key)

    async def created_resource_request(self, project: str, new: NewResourceRequest, key: str) -> ResourceRequest | None:
        """A demand that is still missing is added: it is part of the same write."""
        found = await self._marked(
            "workspace_resources",
            marker("ResourceRequest", key),
            _RESOURCE,
            workspace_id=project,
            include_unnamed="true",
        )
        return None if found is None else await self._with_demand(*found, new, key)

    async def assignments(self, project: str) -> tuple[Assignment, ...]:
        """The allocations of named resources."""
        envelope = await self._api.all("workspace_allocations", _ALLOCATION, workspace_ids=project)
        users = await self._users_of(project)
        found = (envelope.workspace_allocations[row.id] for row in envelope.results)
        return tuple(
            to_assignment(row, users[str(row.workspace_resource_id)])
            for row in sorted(found, key=lambda row: (row.start_date, row.id))
            if str(row.workspace_resource_id) in users
        )

    async def create_assignment(self, project: str, new: NewAssignment, key: str) -> Assignment:
        """Raises CONFLICT `request_filled` when somebody else has been assigned on the request."""
        earlier = await self.created_assignment(project, new, key)
        if earlier is not None:
            return earlier
        await self._name(project, new.resource_request_id, new.resource_id)
        mark, planned = marker("Assignment", key), from_new_assignment(new)
        demand_id = await self._open_demand(project, new.resource_request_id)
        if demand_id is None:
            attributes = {**planned, "resource_id": new.resource_request_id, "external_reference": mark}
            made = await self._api.create("workspace_allocations", "workspace_allocation", attributes, _ALLOCATION)
            return to_assignment(made.workspace_allocations[made.results[0].id], new.resource_id)
        # The marker goes last: without it another try does both again, to the same end.
        changed = await self._api.update(
            "workspace_allocations", "workspace_allocation", demand_id, planned, _ALLOCATION
        )
        await self._api.refer("WorkspaceAllocation", demand_id, mark)
        return to_assignment(changed.workspace_allocations[demand_id], new.resource_id)

    async def created_assignment(self, project: str, new: NewAssignment, key: str) -> Assignment | None:
        found = await self._marked(
            "workspace_allocations", marker("Assignment", key), _ALLOCATION, workspace_ids=project
        )
        return None if found is None else to_assignment(found[0].workspace_allocations[found[1]], new.resource_id)

    async def _with_demand(
        self, envelope: Envelope, resource_id: str, new: NewResourceRequest, key: str
    ) -> ResourceRequest:
        resource = envelope.workspace_resources[resource_id]
        mark = marker("ResourceRequest", key, DEMAND_MARKER)
        if await self._marked("workspace_allocations", mark, workspace_resource_ids=resource_id) is None:
            attributes = {**from_demand(new, resource_id), "external_reference": mark}
            await self._api.create("workspace_allocations", "workspace_allocation", attributes, "")
        return to_resource_request(resource)

    async def _role_id(self, name: str) -> str:
        found = await self._api.all("roles", "", search=name)
        same = [row.id for row in found.results if found.roles[row.id].name.casefold() == name.casefold()]
        if len(same) != 1:
            raise Failure(Kind.INVALID, "the PSA has no such role", code="unknown_role")
        return same[0]

    async def _name(self, project: str, resource_id: str, user_id: str) -> None:
        envelope = await self._api.one("workspace_resources", resource_id, _RESOURCE)
        resource = envelope.workspace_resources[resource_id]
        if str(resource.workspace_id) != project:
            raise Failure(Kind.INVALID, "the resource request belongs to another project", code="other_project")
        if resource.user_id is None:
            await self._api.update(
                "workspace_resources", "workspace_resource", resource_id, {"user_id": user_id}, _RESOURCE
            )
        elif str(resource.user_id) != user_id:
            raise Failure(Kind.CONFLICT, "somebody else fills this resource request", code="request_filled")

    async def _open_demand(self, project: str, resource_id: str) -> str | None:
        """The allocation that says what the request needs, unless it has become an assignment."""
        envelope = await self._api.all(
            "workspace_allocations", _ALLOCATION, workspace_ids=project, workspace_resource_ids=resource_id
        )
        for row in envelope.results:
            services = {one.service_name for one in envelope.referenced(envelope.workspace_allocations[row.id])}
            if services & _OUR_SERVICES == {DEMAND_MARKER}:
                return row.id
        return None

    async def _users_of(self, project: str) -> dict[str, str]:
        """The user of each named resource of the project."""
        envelope = await self._api.all("workspace_resources", "workspace,user", workspace_id=project)
        found = (envelope.workspace_resources[row.id] for row in envelope.results)
        return {row.id: str(row.user_id) for row in found if row.user_id is not None}


def _is_ours(envelope: Envelope, record: WorkspaceResourceRecord) -> bool:
    return any(row.service_name in _OUR_SERVICES for row in envelope.referenced(record))
