"""The overview. Contract: contracts/openapi/experience/experience.v1.yaml."""

from litestar import Controller, get
from litestar.di import NamedDependency

from experience_api.overview.screen import Overview, OverviewScreen
from servicekit.auth import requires


class OverviewRoutes(Controller):
    """One call for the first screen."""

    path = "/v1/overview"

    @get("/", operation_id="getOverview", guards=[requires("experience.overview.read")])
    async def overview(self, overview_screen: NamedDependency[OverviewScreen]) -> Overview:
        """Onboardings by state, exceptions by owner, set-up cycle time; each section says how fresh it is."""
        return await overview_screen.show()
