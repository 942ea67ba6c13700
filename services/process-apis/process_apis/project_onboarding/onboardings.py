"""The runs of project-onboarding as people know them: onboardings."""

import msgspec

from canonical.work import Onboarding, OnboardingRefs
from process_apis.operations.runs import RunRecord, Runs
from process_apis.project_onboarding.starting import PROCESS
from servicekit.clock import Clock
from servicekit.database import Database


def onboardings(database: Database, clock: Clock) -> Runs[Onboarding]:
    """All of them."""
    return Runs(database, PROCESS, clock, "onboarding", _onboarding)


def _onboarding(run: RunRecord) -> Onboarding:
    return Onboarding(
        id=run.id,
        run_id=run.run_id,
        opportunity_id=run.business_key,
        name=run.name,
        state=run.state,
        kind=run.kind,
        mode=run.mode,
        legal_entity_code=run.legal_entity_code,
        value=run.value,
        refs=msgspec.convert(run.refs, OnboardingRefs),
        won_at=run.arose_at,
        started_at=run.started_at,
        activated_at=run.activated_at,
        ended_at=run.ended_at,
        updated_at=run.updated_at,
        waiting_s=run.waiting_s,
        trace_id=run.trace_id,
        steps=run.steps,
    )
