"""The PSA system API: projects with their plan and staffing, and the people of the PSA. No vendor is named here."""

from typing import Annotated

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter, QueryParameter

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
from canonical.paging import Page
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.failures import Kind
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.psa.desk import Desk
from system_apis.psa.port import Psa
from system_apis.routing import ETAG, PLATFORM, WRITING, ConnectionParameter, Cursor, IfNoneMatch, Key, Limit, tagged
from system_apis.writes import Writes

ProjectPath = Annotated[str, PathParameter(pattern=r"^prj_[0-9a-f]{32}$")]
ResourcePath = Annotated[str, PathParameter(pattern=r"^res_[0-9a-f]{32}$")]
ContractNumber = Annotated[
    str | None, QueryParameter(min_length=1, max_length=40, description="Only the project that names this contract.")
]
LinkedWorker = Annotated[
    str | None, QueryParameter(pattern=r"^wrk_[0-9a-f]{32}$", description="Only the record linked to this worker.")
]


def at_desk(
    connections: NamedDependency[Connections[Psa]],
    directory: NamedDependency[Directory],
    writes: NamedDependency[Writes],
    cursors: NamedDependency[CursorSigner],
) -> Desk:
    """The dependency `desk` of the routes below."""
    return Desk(connections, directory, writes, cursors)


DESK = {"desk": Provide(at_desk, sync_to_thread=False)}


class ProjectRoutes(Controller):
    """Projects."""

    path = "/v1/projects"
    tags = ("projects",)
    dependencies = DESK

    @get(
        "/",
        operation_id="listProjects",
        guards=[requires("psa.projects.read")],
        responses=documented(*PLATFORM, Kind.GONE, Kind.CONFLICT),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        contract_number: ContractNumber = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[Project]:
        """Projects, oldest first."""
        if contract_number is not None:
            return await desk.project_of_contract(connection, contract_number)
        return await desk.page(connection, cursor, lambda psa, place: psa.projects(place, limit), Project)

    @post(
        "/",
        operation_id="createProject",
        guards=[requires("psa.projects.write")],
        responses=documented(*WRITING),
    )
    async def create(
        self, desk: NamedDependency[Desk], connection: ConnectionParameter, data: JSONBody[NewProject], key: Key
    ) -> Project:
        """A project, closed for time until it is opened."""
        return await desk.create(
            "create_project",
            connection,
            key,
            data,
            Project,
            lambda psa, new: psa.create_project(new, key),
            lambda psa, new: psa.created_project(new, key),
        )

    @get(
        "/{project_id:str}",
        operation_id="getProject",
        guards=[requires("psa.projects.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self, desk: NamedDependency[Desk], project_id: ProjectPath, if_none_match: IfNoneMatch = None
    ) -> Response[Project]:
        """One project, read from its platform now."""
        project = await desk.with_record("project", project_id, lambda psa, native_id: psa.project(native_id))
        return tagged(project, if_none_match)

    @put(
        "/{project_id:str}/opening",
        operation_id="openProject",
        guards=[requires("psa.projects.write")],
        responses=documented(*PLATFORM, Kind.CONFLICT, Kind.INVALID),
    )
    async def open(self, desk: NamedDependency[Desk], project_id: ProjectPath) -> Project:
        """The project, open for time.

        Opening an open project changes nothing; a closed one is not opened again (409 `project_closed`).
        """
        return await desk.with_record("project", project_id, lambda psa, native_id: psa.open_project(native_id))

    @put(
        "/{project_id:str}/closing",
        operation_id="closeProject",
        guards=[requires("psa.projects.write")],
        responses=documented(*PLATFORM, Kind.CONFLICT, Kind.INVALID),
    )
    async def close(self, desk: NamedDependency[Desk], project_id: ProjectPath) -> Project:
        """The project, closed.

        Closing a closed project changes nothing.
        """
        return await desk.with_record("project", project_id, lambda psa, native_id: psa.close_project(native_id))

    @put(
        "/{project_id:str}/amendment",
        operation_id="amendProject",
        guards=[requires("psa.projects.write")],
        responses=documented(*PLATFORM, Kind.CONFLICT, Kind.INVALID),
    )
    async def amend(
        self, desk: NamedDependency[Desk], project_id: ProjectPath, data: JSONBody[ProjectAmendment]
    ) -> Project:
        """The project with a new end and a new whole budget.

        The same amendment twice changes nothing more; a closed project is not amended (409 `project_closed`).
        """
        return await desk.with_record("project", project_id, lambda psa, native_id: psa.amend_project(native_id, data))


class PlanRoutes(Controller):
    """Tasks and milestones of a project."""

    path = "/v1/projects/{project_id:str}"
    tags = ("plan",)
    dependencies = DESK

    @get("/tasks", operation_id="listTasks", guards=[requires("psa.tasks.read")], responses=documented(*PLATFORM))
    async def tasks(self, desk: NamedDependency[Desk], project_id: ProjectPath) -> Page[Task]:
        """All tasks of the project, on one page."""
        return await desk.of_project(project_id, lambda psa, project: psa.tasks(project))

    @post(
        "/tasks",
        operation_id="createTask",
        guards=[requires("psa.tasks.write")],
        responses=documented(*WRITING),
    )
    async def create_task(
        self, desk: NamedDependency[Desk], project_id: ProjectPath, data: JSONBody[NewTask], key: Key
    ) -> Task:
        """A piece of work that time is booked on."""
        return await desk.create_in_project(
            "create_task",
            project_id,
            key,
            data,
            Task,
            lambda psa, project, new: psa.create_task(project, new, key),
            lambda psa, project, new: psa.created_task(project, new, key),
        )

    @get(
        "/milestones",
        operation_id="listMilestones",
        guards=[requires("psa.milestones.read")],
        responses=documented(*PLATFORM),
    )
    async def milestones(self, desk: NamedDependency[Desk], project_id: ProjectPath) -> Page[Milestone]:
        """All milestones of the project, on one page."""
        return await desk.of_project(project_id, lambda psa, project: psa.milestones(project))

    @post(
        "/milestones",
        operation_id="createMilestone",
        guards=[requires("psa.milestones.write")],
        responses=documented(*WRITING),
    )
    async def create_milestone(
        self, desk: NamedDependency[Desk], project_id: ProjectPath, data: JSONBody[NewMilestone], key: Key
    ) -> Milestone:
        """A result with the amount that becomes due by it, in the project's currency (else 422)."""
        return await desk.create_in_project(
            "create_milestone",
            project_id,
            key,
            data,
            Milestone,
            lambda psa, project, new: psa.create_milestone(project, new, key),
            lambda psa, project, new: psa.created_milestone(project, new, key),
        )


class StaffingRoutes(Controller):
    """Resource requests and assignments of a project."""

    path = "/v1/projects/{project_id:str}"
    tags = ("staffing",)
    dependencies = DESK

    @get(
        "/resource-requests",
        operation_id="listResourceRequests",
        guards=[requires("psa.resource-requests.read")],
        responses=documented(*PLATFORM),
    )
    async def resource_requests(self, desk: NamedDependency[Desk], project_id: ProjectPath) -> Page[ResourceRequest]:
        """All resource requests of the project, on one page."""
        return await desk.of_project(project_id, lambda psa, project: psa.resource_requests(project))

    @post(
        "/resource-requests",
        operation_id="createResourceRequest",
        guards=[requires("psa.resource-requests.write")],
        responses=documented(*WRITING),
    )
    async def create_resource_request(
        self, desk: NamedDependency[Desk], project_id: ProjectPath, data: JSONBody[NewResourceRequest], key: Key
    ) -> ResourceRequest:
        """A role to be staffed.

        A role that the platform does not have is refused (422 `unknown_role`).
        """
        return await desk.create_in_project(
            "create_resource_request",
            project_id,
            key,
            data,
            ResourceRequest,
            lambda psa, project, new: psa.create_resource_request(project, new, key),
            lambda psa, project, new: psa.created_resource_request(project, new, key),
        )

    @get(
        "/assignments",
        operation_id="listAssignments",
        guards=[requires("psa.assignments.read")],
        responses=documented(*PLATFORM),
    )
    async def assignments(self, desk: NamedDependency[Desk], project_id: ProjectPath) -> Page[Assignment]:
        """All assignments of people to the project, on one page."""
        return await desk.of_project(project_id, lambda psa, project: psa.assignments(project))

    @post(
        "/assignments",
        operation_id="createAssignment",
        guards=[requires("psa.assignments.write")],
        responses=documented(*WRITING),
    )
    async def create_assignment(
        self, desk: NamedDependency[Desk], project_id: ProjectPath, data: JSONBody[NewAssignment], key: Key
    ) -> Assignment:
        """A person on a resource request, which is filled by it.

        A request that somebody else fills takes nobody (409 `request_filled`).
        """
        return await desk.create_in_project(
            "create_assignment",
            project_id,
            key,
            data,
            Assignment,
            lambda psa, project, new: psa.create_assignment(project, new, key),
            lambda psa, project, new: psa.created_assignment(project, new, key),
        )


class ResourceRoutes(Controller):
    """The people of the PSA, and which workers they are."""

    path = "/v1"
    tags = ("resources",)
    dependencies = DESK

    @get(
        "/resources",
        operation_id="listResources",
        guards=[requires("psa.resources.read")],
        responses=documented(*PLATFORM, Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        worker_id: LinkedWorker = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[Resource]:
        """The people of a PSA. `worker_id` is absent until the record is matched."""
        if worker_id is not None:
            return await desk.resource_of_worker(connection, worker_id)
        return await desk.page(connection, cursor, lambda psa, place: psa.resources(place, limit), Resource)

    @get(
        "/resources/{resource_id:str}",
        operation_id="getResource",
        guards=[requires("psa.resources.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self, desk: NamedDependency[Desk], resource_id: ResourcePath, if_none_match: IfNoneMatch = None
    ) -> Response[Resource]:
        """One person, read from the platform now."""
        resource = await desk.with_record("resource", resource_id, lambda psa, native_id: psa.resource(native_id))
        return tagged(resource, if_none_match)

    @post(
        "/resource-matches",
        operation_id="matchResource",
        guards=[requires("psa.resources.write")],
        responses=documented(*PLATFORM, Kind.CONFLICT, Kind.INVALID),
        status_code=200,
    )
    async def match(
        self, desk: NamedDependency[Desk], connection: ConnectionParameter, data: JSONBody[NewMatch]
    ) -> Match:
        """The worker's record among the people of the PSA, linked if it is certain.

        The worker number decides, else e-mail and name together. Nobody is ever created; the same match twice links
        once; a record that is another worker's is refused (409 `already_linked`).
        """
        return await desk.match(connection, data)
