"""Project accounting records: what finance entered, imported or recognised in Kantata, by project and period.

Source: developer.kantata.com, "Project Accounting Records". Its list filters by `end_date` and hides what is deleted;
that it filters by project and type as well is not certain, so what comes is looked at once more.
"""

from canonical.entries import RecognisedRevenue
from system_apis.psa.kantata.client.account import Account
from system_apis.psa.kantata.mapping import RECOGNITION, to_recognised_revenue


class Revenue(Account):
    """The part of the port that is about revenue which was recognised in the PSA."""

    async def recognised_revenue(self, project: str) -> tuple[RecognisedRevenue, ...]:
        found = await self._api.all("project_accounting_records", "workspace", workspace_id=project, type=RECOGNITION)
        records = (found.project_accounting_records[row.id] for row in found.results)
        own = [one for one in records if str(one.workspace_id) == project and one.type == RECOGNITION]
        return tuple(to_recognised_revenue(one) for one in sorted(own, key=lambda one: (one.end_date, int(one.id))))
