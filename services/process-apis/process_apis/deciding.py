"""Turns a person's decision about a run into one about the exception that the run waits for."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
from litestar import Response

from canonical.work import ExceptionDecision
from process_apis.commands import once
from process_apis.operations.cases import Cases
from process_apis.operations.decisions import Decisions
from servicekit.answers import Answer, StoredAnswers
from servicekit.auth import Caller
from servicekit.failures import Failure, Kind


class Shown(Protocol):
    """A run as its process shows it."""

    @property
    def run_id(self) -> str: ...
    @property
    def state(self) -> str: ...


class Deciding:
    """Takes decisions about the runs of one process, each once per idempotency key. *what* is what a run is called."""

    def __init__(
        self,
        what: str,
        show: Callable[[str], Awaitable[Shown]],
        cases: Cases,
        decisions: Decisions,
        answers: StoredAnswers,
    ) -> None:
        self._what = what
        self._show = show
        self._cases = cases
        self._decisions = decisions
        self._answers = answers

    async def decide(self, run_key: str, decision: ExceptionDecision, caller: Caller, key: str) -> Response[Any]:
        """Raises MISSING, and CONFLICT `nothing_to_decide` when the run does not wait."""

        async def carry_out() -> Answer:
            run = await self._show(run_key)
            open_cases = await self._cases.many(open_only=True, run_id=run.run_id)
            case = next((one for one in open_cases if one.blocking), None)
            if case is None:
                raise Failure(Kind.CONFLICT, f"the run is {run.state}", code="nothing_to_decide")
            await self._decisions.decide(case, decision, caller)
            return Answer(status=202, body=msgspec.json.encode(await self._show(run_key)))

        scope = f"{decision.decision}{self._what} {run_key}"
        return await once(self._answers, caller, scope, key, decision, carry_out)
