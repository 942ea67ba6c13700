"""The project-onboarding process API. Contract: contracts/openapi/process/project-onboarding.v1.yaml."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from canonical.ids import OnboardingId, OpportunityId, ProjectId
from canonical.moments import Moment
from canonical.paging import Page
from canonical.references import LegalEntityCode
from canonical.work import (
    DiscardRequest,
    EditRequest,
    ExceptionDecision,
    NewOnboarding,
    Onboarding,
    OnboardingState,
    OnboardingStatistics,
    OnboardingSystems,
    RetryRequest,
)
from process_apis.commands import IdempotencyKey, once
from process_apis.deciding import Deciding
from process_apis.operations.desk import Desk
from process_apis.operations.runs import Runs
from process_apis.project_onboarding.planning import Plan
from process_apis.project_onboarding.starting import PROCESS, Starter
from process_apis.project_onboarding.viewing import Viewing
from servicekit.answers import Answer, StoredAnswers
from servicekit.auth import Caller, requires
from servicekit.clock import Clock
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.etags import etag_of
from servicekit.failures import Failure, Kind
from servicekit.spans import moment_within

USUAL_PERIOD = timedelta(days=30)
ETAG = ResponseHeader(name="ETag", documentation_only=True)
LOCATION = ResponseHeader(name="Location", documentation_only=True)
READ, WRITE = requires("project-onboarding.onboardings.read"), requires("project-onboarding.onboardings.write")


class StatisticsRoutes(Controller):
    """Counts for screens."""

    path = "/v1/onboarding-statistics"

    @get("/", operation_id="getOnboardingStatistics", guards=[READ])
    async def statistics(
        self,
        desk: NamedDependency[Desk],
        clock: NamedDependency[Clock],
        period_from: Annotated[Moment | None, QueryParameter(description="30 days ago unless told")] = None,
        period_to: Annotated[Moment | None, QueryParameter(description="now unless told")] = None,
    ) -> OnboardingStatistics:
        """Onboardings by state, and the set-up cycle time of those activated in a period (half-open)."""
        until = moment_within(period_to or clock.now(), "period_to")
        since = moment_within(period_from or until - USUAL_PERIOD, "period_from")
        return await desk.counting.onboardings(PROCESS, since, until)


class OnboardingRoutes(Controller):
    """Runs of project-onboarding, and what people decide about them."""

    path = "/v1/onboardings"

    @post(
        "/",
        operation_id="startOnboarding",
        response_headers=[LOCATION],
        guards=[WRITE],
        status_code=202,
        responses=documented(Kind.CONFLICT, Kind.INVALID),
    )
    async def start(
        self,
        data: JSONBody[NewOnboarding],
        caller: NamedDependency[Caller],
        starter: NamedDependency[Starter],
        runs: NamedDependency[Runs[Onboarding]],
        answers: NamedDependency[StoredAnswers],
        key: IdempotencyKey,
    ) -> Response[Onboarding]:
        """Ask for the onboarding of a won opportunity.

        Answers with the status resource to follow. The same win always has the same run, whoever asks how often.
        """

        async def carry_out() -> Answer:
            run_id = await starter.on_request(data.opportunity_id, caller.actor)
            onboarding = await runs.of_run(run_id)
            headers = {"Location": f"/v1/onboardings/{onboarding.id}"}
            return Answer(status=202, headers=headers, body=msgspec.json.encode(onboarding))

        return await once(answers, caller, "startOnboarding", key, data, carry_out)  # type: ignore[return-value]

    @get("/", operation_id="listOnboardings", guards=[READ], responses=documented(Kind.GONE))
    async def many(
        self,
        runs: NamedDependency[Runs[Onboarding]],
        cursors: NamedDependency[CursorSigner],
        wanted_state: Annotated[OnboardingState | None, QueryParameter(name="state")] = None,
        legal_entity_code: Annotated[LegalEntityCode | None, QueryParameter()] = None,
        opportunity_id: Annotated[OpportunityId | None, QueryParameter()] = None,
        project_id: Annotated[ProjectId | None, QueryParameter()] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, QueryParameter()] = None,
    ) -> Page[Onboarding]:
        """Onboardings, newest first, without their steps."""
        filters = {
            "state": wanted_state,
            "legal_entity_code": legal_entity_code,
            "business_key": opportunity_id,
            "project_id": project_id,
        }
        before = None if cursor is None else cursors.read(cursor, tuple[datetime, str], filters)
        found = await runs.many(filters, before, limit + 1)
        page = found[:limit]
        more = cursors.sign((page[-1].started_at, page[-1].id), filters) if len(found) > limit else None
        return Page(items=page, next=more)

    @get(
        "/{onboarding_id:str}",
        operation_id="getOnboarding",
        guards=[READ],
        response_headers=[ETAG],
        responses=documented(Kind.MISSING),
    )
    async def one(
        self, onboarding_id: FromPath[OnboardingId], runs: NamedDependency[Runs[Onboarding]]
    ) -> Response[Onboarding]:
        """One onboarding with the history of its steps."""
        onboarding = await runs.one(onboarding_id)
        return Response(onboarding, headers={"ETag": etag_of(onboarding)})

    @get(
        "/{onboarding_id:str}/plan", operation_id="getOnboardingPlan", guards=[READ], responses=documented(Kind.MISSING)
    )
    async def plan(self, onboarding_id: FromPath[OnboardingId], runs: NamedDependency[Runs[Onboarding]]) -> Plan:
        """What the run writes, or in mode shadow would have written. Missing until validation has passed."""
        prepared = await runs.plan(onboarding_id)
        if prepared is None:
            raise Failure(Kind.MISSING, "the run has prepared nothing yet", code="not_planned")
        return msgspec.json.decode(prepared, type=Plan)

    @get(
        "/{onboarding_id:str}/systems",
        operation_id="getOnboardingSystems",
        guards=[READ],
        responses=documented(Kind.MISSING),
    )
    async def systems(
        self,
        onboarding_id: FromPath[OnboardingId],
        runs: NamedDependency[Runs[Onboarding]],
        viewing: NamedDependency[Viewing],
    ) -> OnboardingSystems:
        """Each platform's view of the project, read now. A platform that is away is said to be unavailable."""
        return await viewing.systems_of(await runs.one(onboarding_id))

    @post(
        "/{onboarding_id:str}/retries",
        operation_id="retryOnboarding",
        guards=[WRITE],
        status_code=202,
        responses=documented(Kind.MISSING, Kind.CONFLICT, Kind.INVALID),
    )
    async def retry(
        self,
        onboarding_id: FromPath[OnboardingId],
        data: JSONBody[RetryRequest],
        deciding: NamedDependency[Deciding],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Onboarding]:
        """Try the step again that waits. The cause has been mended where it lay."""
        decision = ExceptionDecision(decision="retry", reason=data.reason)
        return await deciding.decide(onboarding_id, decision, caller, key)

    @post(
        "/{onboarding_id:str}/edits",
        operation_id="editOnboarding",
        guards=[WRITE],
        status_code=202,
        responses=documented(Kind.MISSING, Kind.CONFLICT, Kind.INVALID),
    )
    async def edit(
        self,
        onboarding_id: FromPath[OnboardingId],
        data: JSONBody[EditRequest],
        deciding: NamedDependency[Deciding],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Onboarding]:
        """Correct what the run goes by, and try the step again that waits."""
        decision = ExceptionDecision(decision="edit", reason=data.reason, edits=data.edits)
        return await deciding.decide(onboarding_id, decision, caller, key)

    @post(
        "/{onboarding_id:str}/discards",
        operation_id="discardOnboarding",
        guards=[WRITE],
        status_code=202,
        responses=documented(Kind.MISSING, Kind.CONFLICT, Kind.INVALID),
    )
    async def discard(
        self,
        onboarding_id: FromPath[OnboardingId],
        data: JSONBody[DiscardRequest],
        deciding: NamedDependency[Deciding],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Onboarding]:
        """Give the run up: what it has set up is undone, last first. Only a run that waits can be discarded."""
        decision = ExceptionDecision(decision="discard", reason=data.reason)
        return await deciding.decide(onboarding_id, decision, caller, key)
