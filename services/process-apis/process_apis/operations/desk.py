"""The desk where people and processes meet: exceptions, decisions, approvals, bindings and audit over one schema."""

from sqlalchemy.ext.asyncio import AsyncConnection

from process_apis.operations.announcing import Announcer
from process_apis.operations.approvals import Approvals, Authority
from process_apis.operations.audit import Audit
from process_apis.operations.bindings import Bindings
from process_apis.operations.cases import Cases
from process_apis.operations.counting import Counting
from process_apis.operations.decisions import Decisions
from process_apis.rules.reading import Rules, read_rules
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.eventlog import EventLog

SOURCE = "/process/operations"


class Desk:
    """Everything of operations that a process or the operations API works with."""

    def __init__(
        self, database: Database, authorities: tuple[Authority, ...], clock: Clock, rules: Rules | None = None
    ) -> None:
        self._log = EventLog(database, clock)
        self._clock = clock
        self.rules = read_rules() if rules is None else rules
        self.audit = Audit(database, clock)
        self.cases = Cases(database, self.announcer(SOURCE), self.rules, self.audit, clock)
        self.decisions = Decisions(database, self.cases, self.audit, clock)
        self.approvals = Approvals(database, self.audit, authorities, clock)
        self.bindings = Bindings(database, self.audit, clock)
        self.counting = Counting(database, clock)

    def announcer(self, source: str) -> Announcer:
        return Announcer(self._log, source, self._clock)

    async def fallen(self, session: AsyncConnection, run_id: str, kind: str, subject: str) -> None:
        """When a due row falls: a technical exception tries again; an approval is reminded of, or expires."""
        if kind in {"approval_reminder", "approval_expiry"}:
            await self.approvals.fallen(session, run_id, kind, subject)
        if kind == "auto_retry":
            for case in await self.cases.many(open_only=True, run_id=run_id):
                if case.blocking and case.step == subject and case.status != "retrying":
                    await self.decisions.retry_by_itself(session, case)
