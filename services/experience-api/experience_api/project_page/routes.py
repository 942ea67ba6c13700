"""One project's page. Contract: contracts/openapi/experience/experience.v1.yaml."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from canonical.ids import ProjectId
from experience_api.project_page.screen import ProjectPage, ProjectScreen
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.failures import Kind


class ProjectRoutes(Controller):
    """One call for a project's page."""

    path = "/v1/projects"

    @get(
        "/{project_id:str}",
        operation_id="getProjectPage",
        guards=[requires("experience.projects.read")],
        responses=documented(Kind.MISSING),
    )
    async def project(
        self, project_id: FromPath[ProjectId], project_screen: NamedDependency[ProjectScreen]
    ) -> ProjectPage:
        """Each system's id and state, and every hop in the order of time; each section says how fresh it is."""
        return await project_screen.show(project_id)
