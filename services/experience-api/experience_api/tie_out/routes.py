"""The tie-out. Contract: contracts/openapi/experience/experience.v1.yaml."""

from datetime import date
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from experience_api.tie_out.screen import TieOutPage, TieOutScreen
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.failures import Kind

EntityPath = Annotated[str, PathParameter(pattern=r"^[A-Z][A-Z0-9]{1,9}$")]


class TieOutRoutes(Controller):
    """One call for a legal entity and period."""

    path = "/v1/tie-outs"

    @get(
        "/{legal_entity_code:str}",
        operation_id="getTieOutPage",
        guards=[requires("experience.tie-outs.read")],
        responses=documented(Kind.MISSING),
    )
    async def tie_out(
        self,
        legal_entity_code: EntityPath,
        tie_out_screen: NamedDependency[TieOutScreen],
        period_end: Annotated[date, QueryParameter(description="up to but not including this day")],
    ) -> TieOutPage:
        """Approved, billed, posted, recognised and collected, each against the ledger with its difference.

        Each section says how fresh it is.
        """
        return await tie_out_screen.show(legal_entity_code, period_end)
