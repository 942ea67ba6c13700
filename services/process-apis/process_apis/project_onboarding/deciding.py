"""Turns a person's decision about a run into one about the exception that the run waits for."""

from typing import Any

import msgspec
from litestar import Response

from canonical.work import ExceptionDecision, Onboarding
from process_apis.commands import once
from process_apis.operations.cases import Cases
from process_apis.operations.decisions import Decisions
from process_apis.operations.runs import Runs
from servicekit.answers import Answer, StoredAnswers
from servicekit.auth import Caller
from servicekit.failures import Failure, Kind


class Deciding:
    """Takes decisions about runs, each once per idempotency key."""

    def __init__(self, runs: Runs[Onboarding], cases: Cases, decisions: Decisions, answers: StoredAnswers) -> None:
        self._runs = runs
        self._cases = cases
        self._decisions = decisions
        self._answers = answers

    async def decide(self, onboarding_id: str, decision: ExceptionDecision, caller: Caller, key: str) -> Response[Any]:
        """Raises MISSING, and CONFLICT `nothing_to_decide` when the run does not wait."""

        async def carry_out() -> Answer:
            onboarding = await self._runs.one(onboarding_id)
            open_cases = await self._cases.many(open_only=True, run_id=onboarding.run_id)
            case = next((one for one in open_cases if one.blocking), None)
            if case is None:
                raise Failure(Kind.CONFLICT, f"the run is {onboarding.state}", code="nothing_to_decide")
            await self._decisions.decide(case, decision, caller)
            return Answer(status=202, body=msgspec.json.encode(await self._runs.one(onboarding_id)))

        scope = f"{decision.decision}Onboarding {onboarding_id}"
        return await once(self._answers, caller, scope, key, decision, carry_out)
